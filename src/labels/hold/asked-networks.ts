// Networks as Docker tells of them, for the guard of their bridges: who is on one before somebody starts there. Not here: the
// questions themselves (docker-questions.ts), whom a bridge is guarded for (bridge-guard.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { mapConcurrently } from '../../docker/map-concurrently.js';
import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import { type BridgeGuard, MAX_GUARDED } from './bridge-guard.js';
import type { Questions } from './docker-questions.js';
import { bridgeNameOf, networksOf } from './starting.js';

const MAX_CONCURRENCY = 8;

export class AskedNetworks {
  readonly #questions: Questions;
  readonly #guard: BridgeGuard;
  readonly #log: Log;

  constructor(questions: Questions, guard: BridgeGuard, log: Log) {
    this.#questions = questions;
    this.#guard = guard;
    this.#log = log;
  }

  /** A network by its id or its name; undefined where it is gone. @throws Error when Docker does not answer; so do all below */
  async ask(network: string): Promise<ConnectedNetwork | undefined> {
    const found = await this.#questions.network(network);
    if (found) this.#guard.told(found);
    else this.#guard.gone(network);
    return found;
  }

  /** Each of several, at once. */
  async askEach(
    networks: readonly string[],
    work: (found: ConnectedNetwork | undefined) => void,
  ): Promise<void> {
    await mapConcurrently(networks, MAX_CONCURRENCY, async network => work(await this.ask(network)));
  }

  /** Guards those of one that is about to start, where Docker has made it. @param isKnown whether it is held by now */
  async expect(id: string, isKnown: () => boolean): Promise<void> {
    if (!this.#guard.isOn) return;
    const [container] = await this.#questions.containers(id);
    if (container?.Id !== id) return;
    await this.askEach(networksOf(container), found => {
      // Its own event may have come, and what it asks for be known.
      if (found && !isKnown()) this.#guard.expect(id, found.Id, 'made');
    });
  }

  /** Who is on a network, for when somebody is expected there. Does not throw. */
  async learn(id: string, network: string): Promise<void> {
    try {
      await this.ask(network);
    } catch (err) {
      this.#log.debug({ network, err: messageOf(err) }, 'what is known of a network stays');
    }
    this.#guard.settled(id, network);
  }

  /** All that have a bridge, so that each is guarded from its first new port on. Does not throw. */
  async learnAll(): Promise<void> {
    if (!this.#guard.isOn) return;
    try {
      const all = (await this.#questions.networks()).filter(one => bridgeNameOf(one) !== undefined);
      await this.askEach(
        all.slice(0, MAX_GUARDED).map(({ Id }) => Id),
        () => undefined,
      );
      this.#log.debug({ networks: all.length }, 'bridges can be guarded');
    } catch (err) {
      this.#log.debug({ err: messageOf(err) }, 'a bridge is not guarded before its first container');
    }
  }

  /** One that is new. Does not throw. */
  async made(network: string): Promise<void> {
    if (!this.#guard.isOn) return;
    try {
      await this.ask(network);
    } catch (err) {
      this.#log.debug({ network, err: messageOf(err) }, 'a bridge is not guarded before its first container');
    }
  }

  /** Has bridges guarded from Docker 28 on, and while it does not say which it is. Does not throw. */
  async turnByVersion(): Promise<void> {
    try {
      this.#guard.turn((await this.#questions.isLate()) ?? true);
    } catch (err) {
      this.#log.debug({ err: messageOf(err) }, 'Docker does not say its version: bridges are guarded');
      this.#guard.turn(true);
    }
  }
}

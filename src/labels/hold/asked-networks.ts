// Networks as Docker tells of them, for the guard of their bridges: who is on one before somebody starts there. Not here: the
// questions themselves (docker-questions.ts), whom a bridge is guarded for (bridge-guard.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { mapConcurrently } from '../../docker/map-concurrently.js';
import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import type { BridgeGuard } from './bridge-guard.js';
import type { Questions } from './docker-questions.js';
import { networksOf } from './starting.js';

const MAX_CONCURRENCY = 8;
/** After a port has come, in milliseconds, one after the other. */
const SOON_MS = [100, 300, 1_000, 2_000];

export class AskedNetworks {
  readonly #questions: Questions;
  readonly #guard: BridgeGuard;
  readonly #log: Log;
  /** Networks that are about to be asked for. */
  readonly #soon = new Set<string>();

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

  /** Asks who is on networks of which a bridge has got a port, as long as nobody is told to be behind it: not each is a container's. */
  portAdded(networks: readonly string[]): void {
    for (const network of networks) {
      if (this.#soon.has(network)) continue;
      this.#soon.add(network);
      void this.#askSoon(network).finally(() => this.#soon.delete(network));
    }
  }

  async #askSoon(network: string): Promise<void> {
    for (const ms of SOON_MS) {
      await sleep(ms, undefined, { ref: false });
      if (!this.#guard.isGuarded(network)) return;
      try {
        await this.ask(network);
      } catch (err) {
        this.#log.debug({ network, err: messageOf(err) }, 'what is known of a network stays');
      }
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

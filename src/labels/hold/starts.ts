// Those who start: Docker is asked about them, and by its answers they are held. Not here: when they are asked about (hold.ts), when
// they are let go (hold-ends.ts).

import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import { isRunning, type ListedContainer, nameOf } from '../discovery/docker-view.js';
import type { AskedNetworks } from './asked-networks.js';
import type { BridgeGuard } from './bridge-guard.js';
import type { Questions } from './docker-questions.js';
import type { Held, HeldContainers } from './held-containers.js';
import type { Passers } from './passers.js';
import { endpointOn, isToBeHeld, networksOf } from './starting.js';

interface StartsParts {
  readonly questions: Questions;
  readonly networks: AskedNetworks;
  readonly guard: BridgeGuard;
  readonly passers: Passers;
  readonly held: HeldContainers;
  /** Whether all labels are as `twine.strict`. */
  readonly strict: boolean;
  /** The bridge of a network; undefined where nobody is held by it. @throws OpError, ChannelError */
  readonly bridgeOf: (network: ConnectedNetwork) => string | undefined;
  readonly cannotHold: (name: string, err: unknown) => void;
}

export class Starts {
  readonly #parts: StartsParts;

  constructor(parts: StartsParts) {
    this.#parts = parts;
  }

  /** Takes note that a container starts; undefined where too many do at once. */
  enter(id: string): Held | undefined {
    try {
      return this.#parts.held.enter(id);
    } catch (err) {
      this.#parts.cannotHold(id.slice(0, 12), err);
      return undefined;
    }
  }

  /** Asks for those that start now: their events may have been missed. @throws Error when Docker does not answer */
  async all(): Promise<void> {
    const { questions, networks, passers, held: all, strict } = this.#parts;
    const listed = await questions.containers();
    const wanted = listed.filter(one => isToBeHeld(one, strict));
    for (const one of listed) {
      if (!isToBeHeld(one, strict)) passers.frees(one.Id, nameOf(one));
      // It was not held, or is no more.
      else if (isRunning(one) && !all.get(one.Id)) passers.inForce(one.Id);
    }
    const entered = wanted
      .filter(one => !isRunning(one))
      .flatMap(container => {
        const held = this.enter(container.Id);
        return held ? { container, held, stale: new Set(held.endpoints.keys()) } : [];
      });
    try {
      await networks.askEach([...new Set(wanted.flatMap(networksOf))], found => {
        for (const { container, held, stale } of entered)
          if (found && this.#hold(container, held, found)) stale.delete(found.Id);
      });
      // Its end may have been missed, and its link-layer address be another's by now.
      for (const { held, stale } of entered) all.drop(held, [...stale]);
    } finally {
      for (const { container, held } of entered) all.answered(container.Id, held);
    }
  }

  /**
   * Asks about one that enter() has taken note of, and a network to which Docker has connected it. Where Docker does not answer, its
   * bridge stays guarded for its time.
   * @throws Error then
   */
  async one(id: string, network: string, held: Held): Promise<void> {
    const { questions, guard, passers, held: all, strict } = this.#parts;
    try {
      // At once: there is no time for one after the other.
      const asked = [questions.containers(id), questions.network(network)] as const;
      const [[container], found] = await Promise.all(asked);
      if (container?.Id === id && isToBeHeld(container, strict)) {
        if (found) this.#hold(container, held, found);
      } else if (container?.Id === id) passers.frees(id, nameOf(container));
      if (found) guard.told(found);
      guard.settled(id, network);
    } finally {
      all.answered(id, held);
    }
  }

  /** @returns whether it is on the network */
  #hold(container: ListedContainer, held: Held, network: ConnectedNetwork): boolean {
    const bridge = this.#parts.bridgeOf(network);
    const endpoint = bridge === undefined ? undefined : endpointOn(network, bridge, container);
    if (!endpoint) return false;
    held.name = nameOf(container);
    return this.#parts.held.hold(container.Id, held, network.Id, endpoint);
  }
}

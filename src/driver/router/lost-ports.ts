// Containers of an exit network whose link to the router is gone, such as with the router's namespace: found by looks, and told
// once. Not here: which ports there are to be (desired-router.ts).

import type { Log } from '../../base/log.js';
import type { Endpoint } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';

/** So many looks in a row: Docker may be taking a container away just then. */
const LOOKS = 4;
const LOST =
  'its link to the router of the exit network is gone, and nothing of it goes out: restart the container, or have docker network disconnect and connect it again';

export class LostPorts {
  readonly #log: Log;
  /** By network: how often in a row each was not there. */
  readonly #counts = new Map<string, ReadonlyMap<string, number>>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param present the names of links in the router's namespace */
  look(networkId: string, endpoints: readonly Endpoint[], present: ReadonlySet<string>): void {
    const counts = countLost(endpoints, present, this.#counts.get(networkId) ?? new Map());
    this.#counts.set(networkId, counts);
    for (const [id, count] of counts)
      if (count === LOOKS) this.#log.warn({ network: shortId(networkId), endpoint: shortId(id) }, LOST);
  }

  /** What is wrong, by endpoint. */
  of(networkId: string): ReadonlyMap<string, string> {
    const lost = [...(this.#counts.get(networkId) ?? [])].filter(([, count]) => count >= LOOKS);
    return new Map(lost.map(([id]) => [id, LOST]));
  }

  forget(networkId: string): void {
    this.#counts.delete(networkId);
  }
}

/**
 * How often in a row the port of each joined endpoint was not there; those that have theirs are left out. A port goes with its
 * other end, and can only be made again by a Join: Docker alone knows what it called the link in the container.
 * @param present the names of links in the router's namespace
 * @param before what the last look came to
 */
function countLost(
  endpoints: readonly Endpoint[],
  present: ReadonlySet<string>,
  before: ReadonlyMap<string, number>,
): Map<string, number> {
  const lost = endpoints.filter(({ state, ifname }) => state === 'joined' && !present.has(ifname));
  return new Map(lost.map(({ id }) => [id, (before.get(id) ?? 0) + 1]));
}

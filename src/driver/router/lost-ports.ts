// Containers of an exit network whose link to the router is gone, such as with the router's namespace: found by looks, and told
// once. Not here: which ports there are to be (router-ports.ts).

import type { Log } from '../../base/log.js';
import type { Endpoint } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import { countLost } from './router-ports.js';

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

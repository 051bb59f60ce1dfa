// What Docker's networks are: their drivers, and whether the kernel heeds gateways there. Asked for when there is a new one,
// and again while Docker does not list them. Not here: reading Docker's JSON (docker-types.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { readNetworkListing } from './docker-answers.js';
import { type ListedNetwork, NETWORKS_REFUSED, type NetworkKind, networkKind } from './docker-types.js';
import { ClosedError, type Queries } from './queries.js';

export class Networks {
  readonly #queries: Queries;
  readonly #log: Log;
  /** By id. */
  readonly #kinds = new Map<string, NetworkKind>();
  /** Why they cannot be listed, as it was said. */
  #said: string | undefined;

  constructor(queries: Queries, log: Log) {
    this.#queries = queries;
    this.#log = log;
  }

  /** What the network of an id is; undefined while that is not known. */
  kindOf(id: string): NetworkKind | undefined {
    return this.#kinds.get(id);
  }

  /**
   * Makes the networks known; a driver that is known stays, whatever Docker answers later.
   * @param again whether Docker is asked again where it did not tell
   * @returns whether networks that it did not tell of are known now
   * @throws ClosedError
   */
  async learn(ids: readonly string[], again: boolean): Promise<boolean> {
    const untold = ids.filter(id => this.#kinds.get(id) === NETWORKS_REFUSED);
    if (!(again && untold.length > 0) && ids.every(id => this.#kinds.has(id))) return false;
    const networks = await this.#list(ids);
    if (networks) {
      this.#kinds.clear();
      for (const network of networks) this.#kinds.set(network.Id, networkKind(network));
    }
    // One that went meanwhile is not asked for again.
    const rest = networks ? { driver: '' } : NETWORKS_REFUSED;
    for (const id of ids) if (!this.#kinds.has(id)) this.#kinds.set(id, rest);
    return untold.some(id => this.#kinds.get(id) !== NETWORKS_REFUSED);
  }

  /** Undefined where Docker, or who stands before it, does not list them. @throws ClosedError */
  async #list(ids: readonly string[]): Promise<readonly ListedNetwork[] | undefined> {
    try {
      const networks = await this.#queries.get('/networks', readNetworkListing);
      const listed = new Set(networks.map(({ Id }) => Id));
      this.#said = undefined;
      // An answer that was late may be older than the container's network.
      return ids.every(id => listed.has(id))
        ? networks
        : await this.#queries.get('/networks', readNetworkListing);
    } catch (err) {
      if (err instanceof ClosedError) throw err;
      const text = `Docker does not list its networks, so routes by gateways on new ones are unreachable until it does: ${messageOf(err)}`;
      if (this.#said !== text) this.#log.warn(text);
      this.#said = text;
      return undefined;
    }
  }
}

// What Docker's networks are: their drivers, and whether the kernel heeds gateways there. Asked for when there is a new one,
// or while Docker refuses to list them. Not here: reading Docker's JSON (docker-types.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type DockerApi, TimeoutError } from '../../docker/api-client.js';
import { readNetworkListing } from './docker-answers.js';
import { type ListedNetwork, NETWORKS_REFUSED, type NetworkKind, networkKind } from './docker-types.js';
import { isRefusal } from './inspect-errors.js';

/** How long Docker may take for an answer, in milliseconds. */
const LISTED_WITHIN = 30_000;

export class Networks {
  readonly #api: DockerApi;
  readonly #log: Log;
  /** By id. */
  readonly #kinds = new Map<string, NetworkKind>();
  #isRefused = false;

  constructor(api: DockerApi, log: Log) {
    this.#api = api;
    this.#log = log;
  }

  /** What the network of an id is; undefined while that is not known. */
  kindOf(id: string): NetworkKind | undefined {
    return this.#kinds.get(id);
  }

  /**
   * Makes the networks known. @param again whether Docker is asked again where it refused
   * @returns whether networks that were known are others now
   * @throws Error when Docker cannot be asked
   */
  async learn(ids: readonly string[], again: boolean): Promise<boolean> {
    if (!(again && this.#isRefused) && ids.every(id => this.#kinds.has(id))) return false;
    const networks = await this.#list();
    const wasRefused = this.#isRefused;
    this.#isRefused = !networks;
    this.#kinds.clear();
    for (const network of networks ?? []) this.#kinds.set(network.Id, networkKind(network));
    // One that went meanwhile is not asked for again.
    const rest = networks ? { driver: '' } : NETWORKS_REFUSED;
    for (const id of ids) if (!this.#kinds.has(id)) this.#kinds.set(id, rest);
    return wasRefused !== this.#isRefused;
  }

  /** Undefined where Docker, or who stands before it, refuses. */
  async #list(): Promise<readonly ListedNetwork[] | undefined> {
    try {
      return readNetworkListing(await this.#api.get('/networks', LISTED_WITHIN));
    } catch (err) {
      if (!isRefusal(err) || err instanceof TimeoutError) throw err;
      const text = `cannot list Docker's networks, so routes by gateways are unreachable until it can: ${messageOf(err)}`;
      if (!this.#isRefused) this.#log.error(text);
      return undefined;
    }
  }
}

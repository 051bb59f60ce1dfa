// Docker's networks: their drivers, and whether the kernel ignores gateways there. They are listed when there is a new one,
// and again while Docker refuses to list them. Not here: reading Docker's JSON (docker-types.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { type DockerApi, TimeoutError } from '../../docker/api-client.js';
import { readNetworkListing } from './docker-answers.js';
import { type ListedNetwork, NETWORKS_REFUSED, type NetworkKind, networkKind } from './docker-types.js';
import { isRefusal } from './inspect-errors.js';

/** For Docker's answer to a listing. */
export const LIST_TIMEOUT_MS = 30_000;

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

  /** The kind of the network with an id; undefined while it is not known. */
  kindOf(id: string): NetworkKind | undefined {
    return this.#kinds.get(id);
  }

  /**
   * Lists the networks if one of them is not known. @param again whether to retry where Docker refused
   * @returns whether the kinds of known networks may have changed
   * @throws Error when Docker does not answer
   */
  async update(ids: readonly string[], again: boolean): Promise<boolean> {
    if (!(again && this.#isRefused) && ids.every(id => this.#kinds.has(id))) return false;
    const networks = await this.#list();
    const wasRefused = this.#isRefused;
    this.#isRefused = !networks;
    this.#kinds.clear();
    for (const network of networks ?? []) this.#kinds.set(network.Id, networkKind(network));
    // A network that is gone by now is not asked for again.
    const rest = networks ? { driver: '' } : NETWORKS_REFUSED;
    for (const id of ids) if (!this.#kinds.has(id)) this.#kinds.set(id, rest);
    return wasRefused !== this.#isRefused;
  }

  /** Undefined where Docker, or a proxy in front of it, refuses. */
  async #list(): Promise<readonly ListedNetwork[] | undefined> {
    try {
      return readNetworkListing(await this.#api.get('/networks', LIST_TIMEOUT_MS));
    } catch (err) {
      if (!isRefusal(err) || err instanceof TimeoutError) throw err;
      const text = `cannot list Docker's networks, so routes by gateways are unreachable until it can: ${messageOf(err)}`;
      if (!this.#isRefused) this.#log.error(text);
      return undefined;
    }
  }
}

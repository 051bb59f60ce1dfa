// Docker's networks: their drivers, and whether the kernel ignores gateways there. They are listed when there is a new one,
// and again while Docker does not list them. Not here: reading Docker's JSON (docker-view.ts).

import { ClosedError, messageOf } from '../../base/errors.js';
import { type Address, parseAddress } from '../../base/ip.js';
import type { Log } from '../../base/log.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import type { Queries } from '../../docker/queries.js';
import { readNetworkListing } from './docker-answers.js';
import {
  type ListedContainer,
  type ListedNetwork,
  NETWORKS_REFUSED,
  type NetworkKind,
} from './docker-view.js';

/** The networks that a container is attached to. */
export function networkIds(container: ListedContainer): string[] {
  const endpoints = Object.values(container.NetworkSettings?.Networks ?? {});
  return endpoints.flatMap(({ NetworkID }) => NetworkID || []);
}

/** By it containers on overlay networks leave the host; Docker makes it for Swarm, and shows no container on it. */
const GATEWAY_BRIDGE = 'docker_gwbridge';

export class Networks {
  readonly #queries: Queries;
  readonly #log: Log;
  /** By id. */
  readonly #kinds = new Map<string, NetworkKind>();
  /** Why they cannot be listed. */
  #lastLogged: string | undefined;

  constructor(queries: Queries, log: Log) {
    this.#queries = queries;
    this.#log = log;
  }

  /** The kind of the network with an id; undefined while it is not known. */
  kindOf(id: string): NetworkKind | undefined {
    return this.#kinds.get(id);
  }

  /**
   * Lists the networks if one of them is not known; what is known of a network stays when that fails.
   * @param again whether to retry where Docker did not answer
   * @returns whether networks are known now that were not
   * @throws ClosedError
   */
  async update(ids: readonly string[], again: boolean): Promise<boolean> {
    const unlisted = ids.filter(id => this.#kinds.get(id) === NETWORKS_REFUSED);
    if (!(again && unlisted.length > 0) && ids.every(id => this.#kinds.has(id))) return false;
    const networks = await this.#list(ids);
    if (networks) {
      this.#kinds.clear();
      const gateways = gatewaysOf(networks.find(({ Name }) => Name === GATEWAY_BRIDGE));
      for (const network of networks) this.#kinds.set(network.Id, networkKind(network, gateways));
    }
    // A network that is gone by now is not asked for again.
    const rest = networks ? { driver: '' } : NETWORKS_REFUSED;
    for (const id of ids) if (!this.#kinds.has(id)) this.#kinds.set(id, rest);
    return unlisted.some(id => this.#kinds.get(id) !== NETWORKS_REFUSED);
  }

  /** Undefined where Docker, or a proxy in front of it, does not list them. @throws ClosedError */
  async #list(ids: readonly string[]): Promise<readonly ListedNetwork[] | undefined> {
    try {
      const networks = await this.#queries.get('/networks', readNetworkListing);
      const listed = new Set(networks.map(({ Id }) => Id));
      this.#lastLogged = undefined;
      // A late answer may be older than the container's network.
      return ids.every(id => listed.has(id))
        ? networks
        : await this.#queries.get('/networks', readNetworkListing);
    } catch (err) {
      if (err instanceof ClosedError) throw err;
      const text = `cannot list Docker's networks, so routes by gateways on new networks are unreachable until Docker answers: ${messageOf(err)}`;
      if (this.#lastLogged !== text) this.#log.warn(text);
      this.#lastLogged = text;
      return undefined;
    }
  }
}

function gatewaysOf(network: ListedNetwork | undefined): Address[] {
  return (network?.IPAM?.Config ?? []).flatMap(({ Gateway }) => parseAddress(Gateway ?? '') ?? []);
}

/**
 * The kind of a listed network. WireGuard links, and ipvlan's in the l3 modes, have no neighbours, and so no next hops.
 * @param bridgeGateways those of Docker's bridge for containers without a gateway
 */
export function networkKind(
  { Driver, Options, Internal }: ListedNetwork,
  bridgeGateways: readonly Address[] = [],
): NetworkKind {
  const mode = Options?.ipvlan_mode;
  if (Driver === DRIVER_NAME) return { driver: Driver, ignoresNextHop: `driver ${DRIVER_NAME}` };
  if (Driver === 'ipvlan' && (mode === 'l3' || mode === 'l3s'))
    return { driver: Driver, ignoresNextHop: `driver ipvlan, mode ${mode}` };
  if (Internal) return { driver: Driver, isInternal: true };
  return {
    driver: Driver,
    ...(Driver === 'overlay' && bridgeGateways.length > 0 && { outerGateways: bridgeGateways }),
  };
}

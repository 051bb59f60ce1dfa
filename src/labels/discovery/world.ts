// The world that a plan is made from: the containers, and what their labels need of the host and the DNS. Not here:
// containers (containers.ts), the plan (labels/planner/plan.ts).

import { type Address, type Family, formatAddress, type Prefix, sameAddress } from '../../base/ip.js';
import type { ContainerView, HostForwarding, HostInterfaceAddress, NextHop } from './container.js';
import type { Containers } from './containers.js';
import type { DnsCache } from './dns-cache.js';
import type { Host } from './host.js';

/** By what a gateway is known not to serve: its neighbours have no answer of it, or its tunnel of ours is down. */
export type Silence = 'neighbour' | 'tunnel';

/** Gateways that do not serve, of those that there are others for. */
export interface SilentGateways {
  /** Changes whenever one of them does. */
  readonly revision: number;
  /** Undefined for one that serves, as far as is known. @param key of the namespace that asks */
  silenceOf(key: string, gateway: Address): Silence | undefined;
}

/** What a plan is made from. */
export interface WorldSnapshot {
  readonly containers: readonly ContainerView[];
  /** The DNS's answers, and their revision. */
  readonly external: ReadonlyMap<string, readonly Address[]>;
  readonly externalRevision: number;
  readonly hostAddresses: readonly Prefix[];
  /** Gateways of the host's own routes. */
  readonly nextHops: readonly NextHop[];
  /** Absent where no label asks for a route of the host. */
  readonly forwarding?: HostForwarding | undefined;
  /** The host's own addresses on its containers' networks. */
  readonly hostInterfaceAddresses: readonly HostInterfaceAddress[];
  /** Those of now, and their revision when the snapshot was taken; absent: all answer. */
  readonly silent?: SilentGateways;
  readonly silentRevision?: number;
  /** Families of which the host's firewall filters what only passes a bridge; read where a labelled container is on an internal network. */
  readonly bridgeFiltered: readonly Family[];
}

/** Addresses of routers beside the host, in all. */
const MAX_ROUTERS = 256;

export interface WorldParts {
  readonly containers: Pick<Containers, 'list'>;
  readonly host: Pick<Host, 'addresses' | 'nextHops' | 'interfaceAddresses' | 'bridgeFiltered' | 'routers'>;
  readonly forwarding: () => HostForwarding;
  readonly names: Pick<DnsCache, 'answers' | 'revision'>;
  readonly silent?: SilentGateways;
  /** Whether labels ask for routes of the host: then its addresses and next hops are read. */
  readonly asksForHostRoute: (containers: readonly ContainerView[]) => boolean;
  /** Whether labels ask for routes that must not lead to the host: then the addresses of its interfaces are read. */
  readonly asksForHostInterfaces: (containers: readonly ContainerView[]) => boolean;
}

export class World {
  readonly #parts: WorldParts;
  #hostAddresses: readonly Prefix[] = [];
  #nextHops: readonly NextHop[] | undefined;
  #forwarding: HostForwarding | undefined;
  #hostInterfaceAddresses: readonly HostInterfaceAddress[] | undefined;
  #bridgeFiltered: readonly Family[] | undefined;
  /** By their addresses: one that the host has not talked to for a while stays. */
  #routers: ReadonlyMap<string, HostInterfaceAddress> = new Map();

  constructor(parts: WorldParts) {
    this.#parts = parts;
  }

  /**
   * Every container as it is now. What else their labels need is read as well.
   * @throws Error when Docker does not answer; OpError when the host cannot be read
   */
  async list(fullResync: boolean): Promise<readonly ContainerView[]> {
    const { containers, host, asksForHostRoute, asksForHostInterfaces } = this.#parts;
    const listing = containers.list(fullResync);
    // If they were needed the last time, they are read while Docker answers: a later change has an event of its own.
    const pending = this.#hostInterfaceAddresses && host.interfaceAddresses();
    pending?.catch(() => undefined);
    const found = await listing;
    const asksForInterfaces = asksForHostInterfaces(found);
    // The host may have many routes.
    if ((asksForInterfaces || asksForHostRoute(found)) && (fullResync || !this.#nextHops))
      this.#nextHops = await host.nextHops();
    if (asksForHostRoute(found)) {
      this.#hostAddresses = await host.addresses();
      if (fullResync || !this.#forwarding) this.#forwarding = this.#parts.forwarding();
    }
    if (!found.some(isInside)) this.#bridgeFiltered = undefined;
    else if (fullResync || !this.#bridgeFiltered) this.#bridgeFiltered = host.bridgeFiltered();
    this.#hostInterfaceAddresses = asksForInterfaces
      ? await (pending ?? host.interfaceAddresses())
      : undefined;
    await this.#findRouters(found, this.#hostInterfaceAddresses);
    return found;
  }

  /** Docker's gateways of labelled containers where that is not the host, as on a macvlan network. */
  async #findRouters(
    containers: readonly ContainerView[],
    own: readonly HostInterfaceAddress[] = [],
  ): Promise<void> {
    const gateways = containers
      .filter(({ labels }) => labels.size > 0)
      .flatMap(({ attachments }) => attachments.filter(({ ignoresNextHop }) => !ignoresNextHop))
      .flatMap(({ gateways = [] }) => gateways);
    const others = gateways.filter(
      gateway => !own.some(({ prefix }) => sameAddress(prefix.address, gateway)),
    );
    const found = own.length > 0 && others.length > 0 ? await this.#parts.host.routers(others) : [];
    const keyOf = ({ prefix: { address } }: HostInterfaceAddress): string => formatAddress(address);
    const wanted = new Set(others.map(formatAddress));
    const all = new Map([...this.#routers, ...found.map(router => [keyOf(router), router] as const)]);
    const macs = new Set([...all.values()].filter(one => wanted.has(keyOf(one))).map(({ mac }) => mac));
    const kept = [...all].filter(([, { mac }]) => macs.has(mac));
    // A router that has more and more addresses is none that is known: replies go by the labels' routes.
    this.#routers = new Map(kept.length > MAX_ROUTERS ? [] : kept);
  }

  /** The world for containers that were listed, with the DNS's answers of now. */
  snapshot(containers: readonly ContainerView[]): WorldSnapshot {
    const { answers, revision } = this.#parts.names;
    const { silent } = this.#parts;
    return {
      containers,
      external: answers,
      externalRevision: revision,
      hostAddresses: this.#hostAddresses,
      nextHops: this.#nextHops ?? [],
      forwarding: this.#forwarding,
      hostInterfaceAddresses: [...(this.#hostInterfaceAddresses ?? []), ...this.#routers.values()],
      ...(silent && { silent, silentRevision: silent.revision }),
      bridgeFiltered: this.#bridgeFiltered ?? [],
    };
  }
}

/** Whether it is labelled, and on an internal network. */
function isInside({ labels, attachments }: ContainerView): boolean {
  return labels.size > 0 && attachments.some(({ isInternal }) => isInternal);
}

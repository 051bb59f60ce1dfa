// The world as labels see it: the containers, and of the host and the DNS what some of their labels need. Not here: what
// a container looks like (containers.ts), what follows from it all (planner/).

import type { Address, Prefix } from '../../base/ip.js';
import type { ContainerView, HostInterfaceAddress } from './container.js';
import type { Containers } from './containers.js';
import type { DnsCache } from './dns-cache.js';
import type { Host } from './host.js';

/** What a plan is made of. */
export interface WorldSnapshot {
  readonly containers: readonly ContainerView[];
  /** What the DNS says, and the revision of that. */
  readonly external: ReadonlyMap<string, readonly Address[]>;
  readonly externalRevision: number;
  readonly hostAddresses: readonly Prefix[];
  /** Gateways of the host's own routes. */
  readonly nextHops: readonly Address[];
  /** Where the host is on its containers' networks. */
  readonly hostInterfaceAddresses: readonly HostInterfaceAddress[];
}

interface WorldParts {
  readonly containers: Pick<Containers, 'list'>;
  readonly host: Pick<Host, 'addresses' | 'nextHops' | 'interfaceAddresses'>;
  readonly names: Pick<DnsCache, 'answers' | 'revision'>;
  /** Whether labels ask for routes of the host: its addresses and next hops are read then. */
  readonly asksForHostRoute: (containers: readonly ContainerView[]) => boolean;
  /** Whether labels ask for default routes: the addresses of the host's interfaces are read then. */
  readonly asksForDefaultRoute: (containers: readonly ContainerView[]) => boolean;
}

export class World {
  readonly #parts: WorldParts;
  #hostAddresses: readonly Prefix[] = [];
  #nextHops: readonly Address[] | undefined;
  #hostInterfaceAddresses: readonly HostInterfaceAddress[] | undefined;

  constructor(parts: WorldParts) {
    this.#parts = parts;
  }

  /**
   * Every container as it is now; what else of the world is needed for them is read as well.
   * @throws Error when Docker cannot be asked; OpError when the host cannot be read
   */
  async list(fullResync: boolean): Promise<readonly ContainerView[]> {
    const { containers, host, asksForHostRoute, asksForDefaultRoute } = this.#parts;
    const listing = containers.list(fullResync);
    // Where they were needed before they are read while Docker answers: what changes later has an event of its own.
    const places = this.#hostInterfaceAddresses && host.interfaceAddresses();
    places?.catch(() => undefined);
    const found = await listing;
    if (asksForHostRoute(found)) {
      this.#hostAddresses = await host.addresses();
      // The host may have many routes.
      if (fullResync || !this.#nextHops) this.#nextHops = await host.nextHops();
    }
    this.#hostInterfaceAddresses = asksForDefaultRoute(found)
      ? await (places ?? host.interfaceAddresses())
      : undefined;
    return found;
  }

  /** The world around containers that were listed, with the DNS as it is now. */
  snapshot(containers: readonly ContainerView[]): WorldSnapshot {
    const { answers, revision } = this.#parts.names;
    return {
      containers,
      external: answers,
      externalRevision: revision,
      hostAddresses: this.#hostAddresses,
      nextHops: this.#nextHops ?? [],
      hostInterfaceAddresses: this.#hostInterfaceAddresses ?? [],
    };
  }
}

// Whether the answers of a forward's destination come back by the container that forwards, so that its clients' addresses can
// be kept. They do by a label's route of the destination, as soon as that is in force: before, it would answer past the
// gateway. Pure. Not here: masquerading (labels/table/client-chains.ts).

import { type Address, type Family, type Prefix, prefixContains, sameAddress } from '../../base/ip.js';
import { DRIVER_NAME } from '../../base/ownership.js';
import { namespaceRoutes } from '../diff/digest.js';
import type { Attachment } from '../discovery/container.js';
import type { ClientAddresses } from '../spec/intent.js';
import { type ClientNetwork, type KeptClients, keyOf } from '../table/client-chains.js';
import { isFrozen } from './frozen.js';
import type { SandboxMembers } from './merge.js';
import { attachmentKey, desiredRoutes, placesOf, type ResolvedRoute, type Router } from './routing-loops.js';
import { Lookups, type Reliances } from './steps.js';

/** What becomes of the addresses of a destination's clients. */
interface WayBack {
  readonly kept: KeptClients;
  /** Name of a destination that, as far as its labels say, answers past the gateway. */
  readonly bypassing?: string;
}

/** Networks that one destination's clients are told apart by, and different lists of them in one table. */
const [MAX_NETWORKS, MAX_LISTS] = [64, 16] as const;

export class WaysBack {
  readonly #groups: readonly SandboxMembers[];
  readonly #routers: ReadonlyMap<string, Router>;
  readonly #inForce: ReadonlySet<string>;
  readonly #relied: Reliances | undefined;
  readonly #filtered: readonly Family[];
  #places: ReadonlyMap<string, SandboxMembers> | undefined;
  /**
   * @param groups every namespace with containers, @param routers those whose labels' routes are known
   * @param inForce routes that are known to be in force, as namespaceRoutes() has them
   * @param filtered families of which the host's firewall filters what only passes a bridge
   * @param relied is told of whom it depends where labels lead
   */
  constructor(
    groups: readonly SandboxMembers[],
    routers: readonly Router[],
    inForce: ReadonlySet<string> = new Set(),
    filtered: readonly Family[] = [],
    relied?: Reliances,
  ) {
    this.#relied = relied;
    this.#groups = groups;
    this.#routers = new Map(routers.map(router => [router.members.key, router]));
    this.#inForce = inForce;
    this.#filtered = filtered;
    for (const { members, routes } of relied ? routers : [])
      for (const { gateway } of routes) if (gateway) this.#placeOf(members, gateway, 'routes', new Lookups());
  }

  /** What is found for the forwards of one namespace, with no more lists than its table has room for. */
  from(
    gateway: SandboxMembers,
    lookups: Lookups,
  ): (address: Address, said?: ClientAddresses) => WayBack | undefined {
    const lists = new Set<string>();
    return (address, said) => {
      const found =
        said === 'masquerade' ? undefined : this.#find(gateway, address, said === 'keep', lookups);
      if (!found) return undefined;
      lists.add(keyOf(address.family, found.kept));
      return lists.size <= MAX_LISTS ? found : undefined;
    };
  }

  /** @param isSaid whether the label says that they are kept */
  #find(gateway: SandboxMembers, address: Address, isSaid: boolean, lookups: Lookups): WayBack | undefined {
    const place = this.#placeOf(gateway, address, 'forwards', lookups);
    if (!place) return isSaid ? keepBut(subnetsWith(gateway.attachments, address)) : undefined;
    const { attachment, members } = place;
    // Its own connections are masqueraded in any case, and its table would depend on itself.
    if (members.key === gateway.key) return undefined;
    const led = lookups.note('routes', members.key, this.routes(members.key)) ?? [];
    if (isFrozen(members) || !members.members[0]?.netns) return undefined;
    const own = members.attachments.flatMap(({ subnets = [] }) => subnets).filter(isOf(address));
    const { netns, name } = members.members[0];
    if (led.length === 0) return isSaid ? { ...keepBut(own), bypassing: name } : undefined;
    const routes = led
      .map(({ attributed, gateway: hop }) => ({
        network: attributed.intent.network,
        isKept: hop !== undefined && attachment.addresses.some(one => sameAddress(one, hop)),
      }))
      .filter(({ network }) => network.address.family === address.family);
    const isLed = routes.some(({ isKept }) => isKept);
    if (!isSaid && !(isLed && isKnown(members, own, address, this.#filtered))) return undefined;
    const wanted = namespaceRoutes({ netns, routes: desiredRoutes(led) });
    if (!lookups.note('inForce', wanted, this.isInForce(wanted))) return undefined;
    if (isSaid) return { ...keepBut(own), ...(!isLed && { bypassing: name }) };
    const networks = [...own.map(notKept), ...routes].sort((a, b) => b.network.length - a.network.length);
    return networks.length > MAX_NETWORKS ? undefined : { kept: { networks } };
  }

  /** Who has the address, and where the gateway is on the same network. */
  #placeOf(
    { key, attachments }: SandboxMembers,
    address: Address,
    what: 'routes' | 'forwards',
    lookups: Lookups,
  ): { readonly attachment: Attachment; readonly members: SandboxMembers } | undefined {
    for (const attachment of attachments) {
      const place = attachmentKey(attachment.networkId, address);
      const members = lookups.note('placed', place, this.placed(place));
      if (!members) continue;
      for (const { id } of members.members) this.#relied?.of(key, what).containers.add(id);
      return { attachment, members };
    }
    return undefined;
  }

  /** The namespace that has an address on a network, by the key of both. */
  placed(place: string): SandboxMembers | undefined {
    this.#places ??= this.#placed();
    return this.#places.get(place);
  }

  #placed(): ReadonlyMap<string, SandboxMembers> {
    const found = new Map<string, SandboxMembers>();
    for (const members of this.#groups)
      for (const place of placesOf(members.attachments)) found.set(place, members);
    return found;
  }

  /** The routes of a namespace, by its key; undefined where it has none of labels. */
  routes(key: string): readonly ResolvedRoute[] | undefined {
    return this.#routers.get(key)?.routes;
  }

  /** Whether routes are in force, as namespaceRoutes() has them. */
  isInForce(routes: string): boolean {
    return this.#inForce.has(routes);
  }
}

/**
 * Whether all is known of where a namespace sends packets beside its labels' routes, its own networks alone, and the network
 * that it is asked by takes packets from anywhere: of an internal one Docker drops what comes from outside, if its firewall
 * sees what only passes a bridge.
 */
function isKnown(
  { attachments }: SandboxMembers,
  own: readonly Prefix[],
  address: Address,
  filtered: readonly Family[],
): boolean {
  const asked = attachments.find(({ addresses }) => addresses.some(one => sameAddress(one, address)));
  return (
    own.some(subnet => prefixContains(subnet, address)) &&
    ((asked?.gateways ?? []).some(({ family }) => family === address.family) ||
      (asked?.isInternal === true && asked.driver === 'bridge' && !filtered.includes(address.family))) &&
    attachments.every(
      ({ driver, ignoresNextHop }) => driver !== '' && driver !== DRIVER_NAME && ignoresNextHop === undefined,
    )
  );
}

/** All clients but those of the destination's own networks, whom it answers without the gateway. */
function keepBut(own: readonly Prefix[]): WayBack {
  return { kept: { networks: own.map(notKept), isSaid: true } };
}

function notKept(network: Prefix): ClientNetwork {
  return { network, isKept: false };
}

function isOf({ family }: Address): (prefix: Prefix) => boolean {
  return ({ address }) => address.family === family;
}

function subnetsWith(attachments: readonly Attachment[], address: Address): Prefix[] {
  return attachments.flatMap(({ subnets = [] }) => subnets).filter(subnet => prefixContains(subnet, address));
}

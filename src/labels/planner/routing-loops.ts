// Namespaces by the routes between them. Routing loops: A routes an address to B, and B routes it to A; they are reported, and
// made nevertheless. Pure. Not here: which routes there are (resolve.ts).

import { groupBy } from '../../base/group-by.js';
import { type Address, addressKey, formatPrefix, maskPrefix, type Prefix } from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { Attachment } from '../discovery/container.js';
import type { Diagnostic, RouteIntent } from '../spec/intent.js';
import { onceOf } from '../table/once-of.js';
import { type Attributed, diagnosticOf, type SandboxMembers } from './merge.js';

/** Namespaces of a loop that are named. */
const SHOWN_MAX = 8;

/** A route with its gateway, if it has one now. */
export interface ResolvedRoute {
  readonly attributed: Attributed<RouteIntent>;
  readonly gateway: Address | undefined;
}

/** The routes that the kernel is to hold for them: each with its fallback. */
export function desiredRoutes(routes: readonly ResolvedRoute[]): DesiredRoute[] {
  return routes.flatMap(({ attributed, gateway }): DesiredRoute[] => {
    const { network } = attributed.intent;
    return [...(gateway ? [{ network, gateway }] : []), { network }];
  });
}

/** A namespace and its routes. */
export interface Router {
  readonly members: SandboxMembers;
  readonly routes: readonly ResolvedRoute[];
}

/** A route of one namespace to another. */
interface RouteHop {
  /** The namespace's key. */
  readonly from: string;
  readonly network: Prefix;
  /** Undefined: the gateway is no labelled container. */
  readonly to: string | undefined;
}

/** The labels whose routes form loops, and through which containers. */
export function reportLoops(routers: readonly Router[]): Diagnostic[] {
  const namespaceAt = new Map<string, string>();
  for (const { members } of routers)
    for (const key of placesOf(members.attachments)) namespaceAt.set(key, members.key);
  // In most worlds there can be none: no gateway has routes of its own.
  if (!areGatewaysRouted(routers, namespaceAt)) return [];
  const named = new Map(routers.map(({ members }) => [members.key, members.members[0]!.name]));
  const hops = routers.flatMap(router =>
    hopsOf(router, namespaceAt).map(hop => ({ ...hop, from: router.members.key })),
  );
  return findLoops(hops).map(({ hop, loop }) => {
    const way = loop.map(key => (key === undefined ? '…' : plain(named.get(key) ?? '', 40))).join(' -> ');
    return diagnosticOf(
      hop.attributed,
      `packets to ${formatPrefix(hop.network)} are routed in a loop: ${way}`,
    );
  });
}

/** Whether a route of some namespace leads to one that has routes by gateways itself. */
function areGatewaysRouted(routers: readonly Router[], namespaceAt: ReadonlyMap<string, string>): boolean {
  const led = new Set<string>();
  const routed = new Set<string>();
  for (const router of routers) {
    const hops = waysOf(router);
    if (hops.length > 0) routed.add(router.members.key);
    for (const { places } of hops)
      for (const place of places) {
        const to = namespaceAt.get(place);
        if (to !== undefined) led.add(to);
      }
  }
  for (const to of led) if (routed.has(to)) return true;
  return false;
}

function hopsOf(
  router: Router,
  namespaceAt: ReadonlyMap<string, string>,
): readonly (Omit<RouteHop, 'from'> & Pick<ResolvedRoute, 'attributed'>)[] {
  return waysOf(router).map(({ attributed, places }) => ({
    network: attributed.intent.network,
    to: places.map(place => namespaceAt.get(place)).find(found => found !== undefined),
    attributed,
  }));
}

/** A route by a gateway, and where that may be: its address on each of the namespace's networks. */
interface GatewayWay extends Pick<ResolvedRoute, 'attributed'> {
  readonly places: readonly string[];
}

/** By the networks of a namespace, then by its routes. */
const waysBy = onceOf((attachments: readonly Attachment[]) =>
  onceOf((routes: readonly ResolvedRoute[]): readonly GatewayWay[] =>
    routes.flatMap(({ attributed, gateway }) =>
      gateway
        ? [{ attributed, places: attachments.map(({ networkId }) => attachmentKey(networkId, gateway)) }]
        : [],
    ),
  ),
);

function waysOf({ members: { attachments }, routes }: Router): readonly GatewayWay[] {
  return waysBy(attachments)(routes);
}

/** The addresses on networks, for maps. */
export const placesOf = onceOf((attachments: readonly Attachment[]): readonly string[] =>
  attachments.flatMap(({ networkId, addresses }) =>
    addresses.map(address => attachmentKey(networkId, address)),
  ),
);

/** An address on one network, for maps. */
export function attachmentKey(networkId: string, address: Address): string {
  return `${networkId} ${addressKey(address)}`;
}

/**
 * The hops that are part of a loop, each with the namespaces of the loop in order: its own first, and last its own again, or
 * undefined where they are too many. Each namespace routes by longest prefix; a network's first address stands for all of it.
 */
function findLoops<T extends RouteHop>(
  hops: readonly T[],
): { readonly hop: T; readonly loop: readonly (string | undefined)[] }[] {
  const tables = new Map<string, RouteTable<T>>();
  for (const hop of hops) {
    const table = tables.get(hop.from) ?? new RouteTable<T>();
    tables.set(hop.from, table);
    table.add(hop);
  }
  const byAddress = groupBy(hops, hop => addressKey(hop.network.address));
  return [...byAddress.values()].flatMap(group => {
    const { address } = group[0]!.network;
    const next = (from: string): T | undefined => tables.get(from)?.lookup(address);
    const loops = loopsOf(group, next);
    return group.flatMap(hop => {
      const loop = loops.get(hop.from);
      return loop && next(hop.from) === hop ? [{ hop, loop: startingAt(hop.from, loop) }] : [];
    });
  });
}

/** The loops that are met on the paths from the hops, by each of their members; every namespace is visited once. */
function loopsOf<T extends RouteHop>(
  hops: readonly T[],
  next: (from: string) => T | undefined,
): Map<string, readonly string[]> {
  const loops = new Map<string, readonly string[]>();
  const visited = new Set<string>();
  for (const { from } of hops) {
    const way = new Set<string>();
    let at: string | undefined = from;
    while (at !== undefined && !visited.has(at)) {
      visited.add(at);
      way.add(at);
      at = next(at)?.to;
    }
    if (at === undefined || !way.has(at)) continue;
    const all = [...way];
    const loop = all.slice(all.indexOf(at));
    for (const member of loop) loops.set(member, loop);
  }
  return loops;
}

function startingAt(key: string, loop: readonly string[]): (string | undefined)[] {
  const start = loop.indexOf(key);
  const all = [...loop.slice(start), ...loop.slice(0, start)];
  return all.length > SHOWN_MAX ? [...all.slice(0, SHOWN_MAX), undefined] : [...all, key];
}

/** The hops of one namespace, by longest prefix. */
class RouteTable<T extends RouteHop> {
  readonly #hops = new Map<string, T>();
  readonly #lengths: { readonly 4: Set<number>; readonly 6: Set<number> } = { 4: new Set(), 6: new Set() };

  add(hop: T): void {
    this.#hops.set(keyOf(hop.network), hop);
    this.#lengths[hop.network.address.family].add(hop.network.length);
  }

  lookup(address: Address): T | undefined {
    let best: T | undefined;
    for (const length of this.#lengths[address.family]) {
      if (best && length < best.network.length) continue;
      best = this.#hops.get(keyOf(maskPrefix({ address, length }))) ?? best;
    }
    return best;
  }
}

function keyOf({ address, length }: Prefix): string {
  return `${addressKey(address)}/${length}`;
}

/** In the order in which they are brought about: a gateway is ready before its users are routed to it. */
export function gatewaysBeforeUsers(
  desired: readonly SandboxDesired[],
  resolved: readonly { readonly members: SandboxMembers }[],
): SandboxDesired[] {
  const ordered = new Set(desired.filter(({ routes }) => routes.length === 0));
  const users = desired.flatMap((one, n) => (one.routes.length > 0 ? [n] : []));
  if (ordered.size === 0 && users.length < 2) return [...desired];
  const owners = new Map<string, number>();
  for (const n of users) for (const key of addressesOf(resolved[n]!.members.attachments)) owners.set(key, n);
  const begun = new Set<number>();
  const visit = (n: number): void => {
    if (begun.has(n)) return;
    begun.add(n);
    for (const gateway of gatewaysOf(desired[n]!.routes)) {
      const owner = owners.get(gateway);
      if (owner !== undefined) visit(owner);
    }
    ordered.add(desired[n]!);
  };
  for (const n of users) visit(n);
  return [...ordered];
}

/** The gateways of routes, each once, for maps. */
const gatewaysOf = onceOf((routes: readonly DesiredRoute[]): readonly string[] => [
  ...new Set(routes.flatMap(({ gateway }) => (gateway ? [addressKey(gateway)] : []))),
]);

const addressesOf = onceOf((attachments: readonly Attachment[]): readonly string[] =>
  attachments.flatMap(({ addresses }) => addresses.map(addressKey)),
);

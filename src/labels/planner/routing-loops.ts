// Routes that lead in a circle: A by way of B, and B by way of A, for the same address. They are reported, and made all
// the same. Not here: which routes there are (resolve.ts).

import { type Address, addressKey, formatPrefix, maskPrefix, type Prefix } from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import { groupBy } from '../spec/group-by.js';
import type { Diagnostic, RouteIntent } from '../spec/intent.js';
import { type Attributed, diagnosticOf, type SandboxMembers } from './merge.js';

/** Namespaces of a circle that are told. */
const SHOWN_MAX = 8;

/** A route with its gateway, where there is one now. */
export interface ResolvedRoute {
  readonly owned: Attributed<RouteIntent>;
  readonly gateway: Address | undefined;
}

/** A namespace, and what it routes. */
interface Router {
  readonly members: SandboxMembers;
  readonly routes: readonly ResolvedRoute[];
}

/** A route of one namespace by way of another. */
interface Hop {
  /** The namespace's key. */
  readonly from: string;
  readonly network: Prefix;
  /** Undefined: by way of somebody who is no labelled container. */
  readonly to: string | undefined;
}

/** Whose routes lead in a circle, and by which way. */
export function reportLoops(routers: readonly Router[]): Diagnostic[] {
  // Most worlds have none that could be: nobody leads to somebody who leads elsewhere.
  if (!routers.some(({ routes }) => routes.some(({ gateway }) => gateway))) return [];
  const named = new Map(routers.map(({ members }) => [members.key, members.members[0]!.name]));
  const bearers = new Map(
    routers.flatMap(({ members: { key, attachments } }) =>
      attachments.flatMap(({ networkId, addresses }) =>
        addresses.map(address => [placeOf(networkId, address), key] as const),
      ),
    ),
  );
  const hops = routers.flatMap(({ members: { key, attachments }, routes }) =>
    routes.flatMap(({ owned, gateway }): (Hop & { owned: Attributed<RouteIntent> })[] => {
      if (!gateway) return [];
      const places = attachments.map(({ networkId }) => placeOf(networkId, gateway));
      const to = places.map(place => bearers.get(place)).find(found => found !== undefined);
      return [{ from: key, network: owned.intent.network, to, owned }];
    }),
  );
  return findLoops(hops).map(({ hop, circle }) => {
    const way = circle.map(key => (key === undefined ? '…' : plain(named.get(key) ?? '', 40))).join(' -> ');
    return diagnosticOf(hop.owned, `packets to ${formatPrefix(hop.network)} go in a circle: ${way}`);
  });
}

function placeOf(networkId: string, address: Address): string {
  return `${networkId} ${addressKey(address)}`;
}

/**
 * The hops that are part of a circle, each with the namespaces of the circle in its order, its own first, the last its own
 * again or, where they are many, undefined. A packet takes the narrowest network at each place; the first address of a network stands for all of it.
 */
function findLoops<T extends Hop>(
  hops: readonly T[],
): { readonly hop: T; readonly circle: readonly (string | undefined)[] }[] {
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
    const circles = circlesOf(group, next);
    return group.flatMap(hop => {
      const circle = circles.get(hop.from);
      return circle && next(hop.from) === hop ? [{ hop, circle: startingAt(hop.from, circle) }] : [];
    });
  });
}

/** The circles on the ways from where the hops begin, by each of their members; every namespace is passed once. */
function circlesOf<T extends Hop>(
  hops: readonly T[],
  next: (from: string) => T | undefined,
): Map<string, readonly string[]> {
  const circles = new Map<string, readonly string[]>();
  const passed = new Set<string>();
  for (const { from } of hops) {
    const way = new Set<string>();
    let at: string | undefined = from;
    while (at !== undefined && !passed.has(at)) {
      passed.add(at);
      way.add(at);
      at = next(at)?.to;
    }
    if (at === undefined || !way.has(at)) continue;
    const all = [...way];
    const circle = all.slice(all.indexOf(at));
    for (const member of circle) circles.set(member, circle);
  }
  return circles;
}

function startingAt(key: string, circle: readonly string[]): (string | undefined)[] {
  const start = circle.indexOf(key);
  const all = [...circle.slice(start), ...circle.slice(0, start)];
  return all.length > SHOWN_MAX ? [...all.slice(0, SHOWN_MAX), undefined] : [...all, key];
}

/** The hops of one namespace, by longest prefix. */
class RouteTable<T extends Hop> {
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

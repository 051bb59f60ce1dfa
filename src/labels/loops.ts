// Routes that lead in a circle: A by way of B, and B by way of A, for the same address. Not here: what is done about
// them; they are reported.

import { type Address, formatPrefix, maskPrefix, type Prefix } from '../ip.js';

/** A route of one namespace by way of another. */
export interface Hop {
  /** The namespace's key. */
  readonly from: string;
  readonly network: Prefix;
  /** Undefined: by way of somebody who is no container. */
  readonly to: string | undefined;
}

/**
 * The hops that are part of a circle, each with the namespaces in the circle's order, its own first. A packet takes
 * the narrowest network at each place; the first address of a network stands for all of it.
 */
export function findLoops<T extends Hop>(
  hops: readonly T[],
): { readonly hop: T; readonly circle: string[] }[] {
  const tables = new Map<string, RouteTable<T>>();
  for (const hop of hops) {
    const table = tables.get(hop.from) ?? new RouteTable<T>();
    tables.set(hop.from, table);
    table.add(hop);
  }
  return hops.flatMap(hop => {
    const circle = follow(hop, tables);
    return circle ? [{ hop, circle }] : [];
  });
}

/** Goes the way of the hop's first address; undefined where it does not come back to where it began. */
function follow<T extends Hop>(hop: T, tables: ReadonlyMap<string, RouteTable<T>>): string[] | undefined {
  const { address } = hop.network;
  const circle = [hop.from];
  const seen = new Set(circle);
  for (let next = hop.to; next !== undefined; next = tables.get(next)?.lookup(address)?.to) {
    if (next === hop.from) return tables.get(next)?.lookup(address) === hop ? circle : undefined;
    if (seen.has(next)) return undefined;
    seen.add(next);
    circle.push(next);
  }
  return undefined;
}

/** The hops of one namespace, by longest prefix. */
class RouteTable<T extends Hop> {
  readonly #hops = new Map<string, T>();
  readonly #lengths: { readonly 4: Set<number>; readonly 6: Set<number> } = { 4: new Set(), 6: new Set() };

  add(hop: T): void {
    this.#hops.set(formatPrefix(hop.network), hop);
    this.#lengths[hop.network.address.family].add(hop.network.length);
  }

  lookup(address: Address): T | undefined {
    const lengths = [...this.#lengths[address.family]].sort((a, b) => b - a);
    for (const length of lengths) {
      const hop = this.#hops.get(formatPrefix(maskPrefix({ address, length })));
      if (hop) return hop;
    }
    return undefined;
  }
}

// The tables of all namespaces, cached until their parts change: building one and hashing it costs more than all the rest
// of a pass. Namespaces whose parts are the same, as those of replicas are, have one table. Not here: what is in a table (nft-table.ts).

import { addressKey, formatPrefix } from '../../base/ip.js';
import { type InstallTerms, stampOf, termsOf } from '../diff/stamp.js';
import type { DesiredState } from '../diff/state.js';
import type { ContainerIntent } from '../spec/intent.js';
import { keyOf } from './client-chains.js';
import { buildTable, type TableParts } from './nft-table.js';

type Built = Pick<DesiredState, 'table' | 'stamp'>;

interface Cached {
  readonly built: Built;
  readonly key: readonly (number | string)[];
}

export class TableCache {
  /** By the keys of their namespaces, each with the revisions and addresses of its parts. */
  readonly #cached = new Map<string, Cached>();
  /** By the texts of their keys. */
  readonly #alike = new Map<string, Cached>();

  /**
   * The table with its stamp; neither where it would be empty.
   * @param netns key of the namespace
   * @param intents of its containers, in order: their revisions stand for what depends on nothing but labels
   * @param terms what decides, beside the table, what of it is installed
   */
  get(netns: string, intents: readonly ContainerIntent[], parts: TableParts, terms: InstallTerms): Built {
    const { ingress, hasRoutes, isForwardingClosed, isClosed, forwards } = parts;
    // Each list with its length: another may begin where it ends.
    const key = [
      ...[hasRoutes, isForwardingClosed, isClosed, terms.isStrict].map(flag => Number(flag ?? false)),
      intents.length,
      ...intents.map(({ revision }) => revision),
      // No list is something else than an empty one.
      ingress?.macs.length ?? -1,
      ...(ingress?.macs ?? []),
      ...(ingress?.hops ?? []).flatMap(({ network, from }) => [formatPrefix(network), addressKey(from)]),
      ingress?.hops.length ?? -1,
      ...(ingress?.near ?? []).map(({ network }) => formatPrefix(network)),
      ingress?.near.length ?? -1,
      ...forwards.flatMap(({ key, addresses, kept }) => [
        key,
        addresses.length,
        ...addresses.map(addressKey),
        ...([4, 6] as const).map(family => (kept?.[family] ? keyOf(family, kept[family]) : '')),
      ]),
    ];
    const cached = this.#cached.get(netns);
    if (cached?.key.length === key.length && cached.key.every((part, n) => part === key[n]))
      return cached.built;
    const text = JSON.stringify(key);
    const alike = this.#alike.get(text) ?? { built: build(parts, terms), key };
    this.#alike.set(text, alike);
    this.#cached.set(netns, alike);
    return alike.built;
  }

  /** Forgets the tables of all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#cached.keys()) if (!keys.has(key)) this.#cached.delete(key);
    if (this.#alike.size <= this.#cached.size) return;
    const used = new Set(this.#cached.values());
    for (const [text, alike] of this.#alike) if (!used.has(alike)) this.#alike.delete(text);
  }
}

function build(parts: TableParts, { labelled, isStrict }: InstallTerms): Built {
  const table = buildTable(parts);
  return table
    ? { table, stamp: stampOf(table, termsOf({ labelled, isStrict, isClosed: parts.isClosed })) }
    : {};
}

// The tables of all namespaces, kept as long as what they are made of is the same: building one and taking its digest
// costs more than all the rest of a pass. Not here: what is in a table (nft-table.ts).

import { addressKey } from '../../base/ip.js';
import { stampOf } from '../diff/stamp.js';
import type { DesiredState } from '../diff/state.js';
import type { ContainerIntent } from '../spec/intent.js';
import { buildTable, type TableParts } from './nft-table.js';

type Built = Pick<DesiredState, 'table' | 'stamp'>;

export class TableCache {
  /** By the keys of their namespaces, with revisions and addresses of what each was made of. */
  readonly #kept = new Map<string, { readonly built: Built; readonly key: readonly (number | string)[] }>();

  /**
   * The table with its stamp; nothing where there is nothing to be in it.
   * @param netns key of the namespace
   * @param intents what its containers ask for, in their order: all of the parts but the addresses
   */
  get(netns: string, intents: readonly ContainerIntent[], parts: TableParts): Built {
    const key = [
      ...intents.map(({ revision }) => revision),
      ...(parts.dockerWay ?? []),
      Number(parts.isClosed ?? false),
      ...parts.forwards.flatMap(({ key, addresses }) => [key, ...addresses.map(addressKey)]),
    ];
    const kept = this.#kept.get(netns);
    if (kept?.key.length === key.length && kept.key.every((part, n) => part === key[n])) return kept.built;
    const table = buildTable(parts);
    const built = table ? { table, stamp: stampOf(table) } : {};
    this.#kept.set(netns, { built, key });
    return built;
  }

  /** Forgets those of all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#kept.keys()) if (!keys.has(key)) this.#kept.delete(key);
  }
}

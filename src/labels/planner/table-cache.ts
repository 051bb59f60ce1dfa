// The tables of all namespaces, kept as long as what they are made of is the same: building one and taking its digest
// costs more than all the rest of a pass. Not here: what is in a table (nft-table.ts).

import { stampOf } from '../diff/stamp.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ContainerIntent } from '../spec/intent.js';
import { buildTable, type TableParts } from './nft-table.js';

type Built = Pick<SandboxDesired, 'table' | 'stamp'>;

export class TableCache {
  /** By what the first container asks for, so that what is not asked for any more is not kept. */
  readonly #kept = new WeakMap<ContainerIntent, Built & { readonly made: readonly unknown[] }>();

  /**
   * The table with its stamp; nothing where there is nothing to be in it.
   * @param intents what the containers of the namespace ask for, in their order: all of the parts but the addresses
   */
  get(intents: readonly ContainerIntent[], parts: TableParts): Built {
    const made = [
      ...intents,
      ...(parts.dockerWay ?? []),
      parts.isClosed ?? false,
      ...parts.forwards.flatMap(({ key, addresses }) => [key, ...addresses.map(textOf)]),
    ];
    const [first] = intents;
    const kept = first && this.#kept.get(first);
    if (kept?.made.length === made.length && kept.made.every((part, i) => part === made[i])) return kept;
    const table = buildTable(parts);
    const built = { ...(table && { table, stamp: stampOf(table) }), made };
    if (first) this.#kept.set(first, built);
    return built;
  }
}

function textOf({ bytes }: { readonly bytes: Buffer }): string {
  return bytes.toString('latin1');
}

// Whether the tables of ours are still as they were put in place. The stamp tells of a table that is gone or flushed; of
// one that somebody changed in part it tells nothing. Not here: asking the kernel (nft/client.ts).

import { createHash } from 'node:crypto';
import { STAMP_CHAIN } from '../../base/ownership.js';
import type { NftTable } from '../../nft/table.js';
import type { TableSnapshot } from '../../nft/table-snapshot.js';

const NF_ACCEPT = 1;

/** A table as it was when it was known to be whole. */
interface Known {
  readonly generation: number;
  /** Of what was in it; absent where that cannot be told. */
  readonly digest?: string;
}

/** Of namespaces by their keys. Of those that are gone it keeps a little: the kernel gives their numbers to new ones. */
export class TamperCheck {
  readonly #known = new Map<string, Known>();

  /**
   * Whether somebody has changed the table. Costs nothing while the namespace's ruleset is of the same generation; a
   * table of which nothing is known, as after a restart, has to be as it was planned.
   * @param generation the ruleset's, at this look
   * @param table what was put in place
   * @param take what is in it now; undefined when that cannot be told, and then it does not count as whole: somebody has
   * changed the ruleset, and may have made it too long to be read for that
   */
  isTampered(
    key: string,
    generation: number | undefined,
    table: NftTable,
    take: () => TableSnapshot | undefined,
  ): boolean {
    const known = this.#known.get(key);
    if (known && known.generation === generation) return false;
    const inventory = take();
    if (!inventory) return true;
    const isWhole = known?.digest ? known.digest === digestOf(inventory) : isAsPlanned(inventory, table);
    if (isWhole) this.#note(key, inventory);
    return !isWhole;
  }

  /** Notes that a table was put in place this moment, of which nothing but the generation can be told. */
  trust(key: string, generation: number): void {
    this.#known.set(key, { generation });
  }

  /** Notes what a table is like that was put in place this moment. */
  recordBaseline(key: string, table: NftTable, inventory: TableSnapshot | undefined): void {
    // What cannot be told leaves what is known: while nobody changes the ruleset, that is enough.
    if (!inventory) return;
    this.forget(key);
    if (isAsPlanned(inventory, table)) this.#note(key, inventory);
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  /** Forgets what is known of all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  #note(key: string, inventory: TableSnapshot): void {
    this.#known.set(key, { generation: inventory.generation, digest: digestOf(inventory) });
  }
}

/**
 * Whether a table has the chains of the plan, as many rules in each, and does its work at all. What the rules say is not
 * compared: the kernel has no words for it that would be those of the plan.
 */
export function isAsPlanned({ flags, chains }: TableSnapshot, table: NftTable): boolean {
  const planned = new Map(table.chains.map(({ name, rules }) => [name, rules.length]));
  // It is read by itself, and holds what sysctls were.
  planned.delete(STAMP_CHAIN);
  const others = chains.filter(({ name }) => name !== STAMP_CHAIN);
  return (
    flags === 0 &&
    others.length === planned.size &&
    others.every(
      ({ name, policy = NF_ACCEPT, rules }) => policy === NF_ACCEPT && planned.get(name) === rules.length,
    )
  );
}

function digestOf({ generation: _, ...inventory }: TableSnapshot): string {
  return createHash('sha256').update(JSON.stringify(inventory)).digest('base64');
}

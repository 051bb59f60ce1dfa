// Whether our tables are still as they were installed. The stamp shows that a table is gone or was flushed, but not that
// somebody changed a part of it. Not here: reading tables (nft/client.ts), when baselines are recorded (baselines.ts).

import { createHash } from 'node:crypto';
import { STAMP_CHAIN } from '../../base/ownership.js';
import type { NftTable } from '../../nft/table.js';
import type { TableSnapshot } from '../../nft/table-snapshot.js';

const NF_ACCEPT = 1;

/** A table when it was known to be intact. */
interface Baseline {
  readonly generation: number;
  /** Of its content; absent where it could not be read. */
  readonly digest?: string;
}

/** Baselines by the keys of their namespaces; those of namespaces that are gone have to be forgotten, since keys are reused. */
export class TamperCheck {
  readonly #known = new Map<string, Baseline>();

  /**
   * Whether somebody has changed the table. Costs nothing while the namespace's ruleset has the same generation. Without a
   * baseline, as after a restart, the table is compared with what was planned.
   * @param generation the ruleset's, now
   * @param table what was installed
   * @param take its content now; undefined when it cannot be read, and then it counts as tampered with: somebody has changed
   * the ruleset, and may have made it too long to be read for that very purpose
   */
  isTampered(
    key: string,
    generation: number | undefined,
    table: NftTable,
    take: () => TableSnapshot | undefined,
  ): boolean {
    const known = this.#known.get(key);
    if (known && known.generation === generation) return false;
    const snapshot = take();
    if (!snapshot) return true;
    const isIntact = known?.digest ? known.digest === digestOf(snapshot) : isAsPlanned(snapshot, table);
    if (isIntact) this.#record(key, snapshot);
    return !isIntact;
  }

  /** Records a table that was just installed and cannot be read: only the generation is known, if that is. */
  trust(key: string, generation: number | undefined): void {
    if (generation !== undefined) this.#known.set(key, { generation });
  }

  /** Records the content of a table that was just installed. */
  recordBaseline(key: string, table: NftTable, snapshot: TableSnapshot | undefined): void {
    // If it cannot be read, what is known stays: it is enough while nobody changes the ruleset.
    if (!snapshot) return;
    this.forget(key);
    if (isAsPlanned(snapshot, table)) this.#record(key, snapshot);
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  /** Forgets what is known of all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  #record(key: string, snapshot: TableSnapshot): void {
    this.#known.set(key, { generation: snapshot.generation, digest: digestOf(snapshot) });
  }
}

/**
 * Whether a table has the planned chains with the planned number of rules in each, and is not dormant. The rules themselves
 * are not compared: the kernel returns them in a form of its own.
 */
export function isAsPlanned({ flags, chains }: TableSnapshot, table: NftTable): boolean {
  const planned = new Map(table.chains.map(({ name, rules }) => [name, rules.length]));
  // The stamp is read separately, and holds former values of sysctls.
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

function digestOf({ generation: _, ...snapshot }: TableSnapshot): string {
  return createHash('sha256').update(JSON.stringify(snapshot)).digest('base64');
}

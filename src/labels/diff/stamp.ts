// The stamp of our table: its digest, in the comment of a rule in a chain without a hook, so that a flush removes the stamp
// as well; and with it the former values of the sysctls that we change. Pure. Not here: the table's rules
// (labels/table/nft-table.ts).

import { createHash } from 'node:crypto';
import { STAMP_CHAIN } from '../../base/ownership.js';
import type { NftTable } from '../../nft/table.js';
import type { DesiredState, Sysctl } from './state.js';
import { isChangeable } from './sysctls.js';

const DIGEST_PREFIX = 'sha256 ';
const BEFORE_PREFIX = 'before ';

/** What decides, beside the table, what of it is installed where the kernel refuses a part. */
export type InstallTerms = Pick<DesiredState, 'labelled' | 'isStrict'>;

/** The digest of a whole table without its stamp, and of all else on which it depends what is installed. */
export function stampOf(table: NftTable, { labelled = [], isStrict }: InstallTerms = {}): string {
  const labels = labelled.map(({ key, chain, count }) => [key, chain, count]);
  const terms = [...(labels.length > 0 ? [labels] : []), ...(isStrict ? ['strict'] : [])];
  const text = [table, ...terms].map(part => JSON.stringify(part)).join('\n');
  return createHash('sha256').update(text).digest('hex').slice(0, 48);
}

/** The stamp of the table that a namespace is to hold; undefined where it is to hold none. */
export function desiredStamp({
  table,
  stamp,
  labelled,
  isStrict,
  isClosed,
}: InstallTerms & Pick<DesiredState, 'table' | 'stamp' | 'isClosed'>): string | undefined {
  return stamp ?? (table && stampOf(table, termsOf({ labelled, isStrict, isClosed })));
}

/** A table that closes the namespace is the same whether it is to be closed or not. */
export function termsOf({
  labelled,
  isStrict,
  isClosed,
}: {
  readonly labelled: DesiredState['labelled'];
  readonly isStrict: boolean | undefined;
  readonly isClosed: boolean | undefined;
}): InstallTerms {
  return { ...(labelled && { labelled }), ...(isStrict && !isClosed && { isStrict }) };
}

/**
 * The table with its stamp, ready to be installed.
 * @param before the former values of the sysctls that we change
 * @param digest the table's, if it is known already
 */
export function stampedTable(table: NftTable, before: readonly Sysctl[], digest = stampOf(table)): NftTable {
  const comments = [DIGEST_PREFIX + digest, ...before.filter(isNotable).map(formatBefore)];
  const hasLate = table.chains.some(({ rules: [first] }) => first?.late);
  const rules = comments.map((comment, n) => ({
    expr: [{ counter: null }],
    comment,
    // The stamp says that all is in place.
    ...(n === 0 && hasLate && { late: 'counter' as const }),
  }));
  return { ...table, chains: [...table.chains, { name: STAMP_CHAIN, rules }] };
}

/**
 * Reads the comments of the stamp's chain. Whoever may change the ruleset can write anything there: only what we could have
 * written is accepted.
 */
export function readStamp(comments: readonly (string | undefined)[]): {
  readonly stamp?: string;
  readonly before: readonly Sysctl[];
} {
  const [first, ...rest] = comments;
  const stamp = /^sha256 ([0-9a-f]{48})$/.exec(first ?? '')?.[1];
  const before = rest.flatMap(comment => parseBefore(comment ?? '') ?? []);
  return { ...(stamp && { stamp }), before };
}

function formatBefore({ name, value }: Sysctl): string {
  return `${BEFORE_PREFIX}${name}=${value}`;
}

function parseBefore(comment: string): Sysctl | undefined {
  // A link's name may hold an equals sign.
  const [, name, value] = /^before (.+)=(.+)$/.exec(comment) ?? [];
  if (name === undefined || value === undefined) return undefined;
  const sysctl = { name, value };
  return isNotable(sysctl) ? sysctl : undefined;
}

/**
 * Whether it may be in a stamp, which anybody in the namespace can read and write: a sysctl that a label may change, off or
 * on. One with any other value counts as on, and keeps it.
 */
export function isNotable({ name, value }: Sysctl): boolean {
  return isChangeable(name) && /^[01]$/.test(value);
}

// What came of changes that a session made: which failed, and what else follows from that. Pure. Not here: making them
// (session.ts), what is reported of them (outcome.ts).

import type { NftTable } from '../../nft/table.js';
import type { Refusal } from './put-table.js';

/** What came of changes. */
export interface AppliedChanges {
  readonly failures: readonly Error[];
  /** Rules of labels that were left out of a table because the kernel refuses them. */
  readonly refused: readonly Refusal[];
  /** The table that was installed last. */
  readonly placed?: NftTable;
  /** Whether a change failed without which packets may leave by Docker's own routes. */
  readonly mayLeak?: true;
  /** Whether the kernel took no part of a table. */
  readonly isTableRefused?: true;
}

export const NOTHING_APPLIED: AppliedChanges = { failures: [], refused: [] };

/** What came of changes, and of others after them. */
export function joinApplied(first: AppliedChanges, then: AppliedChanges): AppliedChanges {
  const failures = [...first.failures, ...then.failures];
  return { ...first, ...then, failures, refused: [...first.refused, ...then.refused] };
}

// What came of the changes in a namespace: which failed, what that leaves open, and how it is closed. Not here: the
// changes (sandbox.ts), how they are reported (labels/controller/reporter.ts).

import { closingTable, forwardingOff } from '../diff/diff.js';
import type { Change, DesiredState, SandboxDesired, SandboxObserved } from '../diff/state.js';
import { isClosing } from '../diff/strict.js';
import { diagnostic } from '../spec/diagnostics.js';
import type { Diagnostic } from '../spec/intent.js';
import { type AppliedChanges, joinApplied } from './applied-changes.js';
import type { NetnsSession } from './session.js';

/** What was done. */
export interface ApplyResult {
  /** In order, with those that failed and those that were skipped; empty when nothing differed. */
  readonly changes: readonly Change[];
  /** One error for each change that failed; try again later. */
  readonly failures: readonly Error[];
  /** Rules of labels that were left out because the kernel refuses them; they are not retried. */
  readonly refused?: readonly RefusedLabel[];
  /** What else is wrong in the namespace. */
  readonly warnings?: readonly string[];
  /** What is wrong there with something that no label of ours brings: routes are in force all the same. */
  readonly notices?: readonly string[];
  /** Why our table could not be read, and so was installed anew. */
  readonly unreadable?: Error;
  /** Whether packets may leave by other routes than a label's, because a change failed that prevents it. */
  readonly mayLeak?: true;
  /** Whether the namespace is closed but for loopback: it is strict, and a label is not in force. */
  readonly isClosed?: true;
}

/** A namespace beside its desired state. */
export interface ComparedSandbox {
  /** Corrected for what was found. */
  readonly desired: SandboxDesired;
  readonly observed: SandboxObserved;
  readonly changes: readonly Change[];
  readonly warnings?: readonly string[];
}

/** A label that the kernel refuses. */
interface RefusedLabel extends Diagnostic {
  /** Whether packets may pass now that the label would have stopped. */
  readonly isOpen?: true;
}

/**
 * Closes what failed changes have left open.
 * @param made what came of the changes so far
 * @returns the changes that close it, and what came of all
 */
export function closeAfter(
  made: AppliedChanges,
  desired: DesiredState,
  observed: SandboxObserved,
  session: NetnsSession,
): { readonly changes: readonly Change[]; readonly applied: AppliedChanges } {
  const isLeftOpen = made.failures.length > 0 && (desired.isStrict || made.isTableRefused);
  const table = isLeftOpen ? closingTable(desired, observed) : undefined;
  if (!table) return { changes: [], applied: made };
  const closing = session.apply([table]);
  const applied = joinApplied(made, closing);
  if (closing.failures.length === 0) return { changes: [table], applied };
  const off = forwardingOff(observed);
  return { changes: [table, ...off], applied: joinApplied(applied, session.apply(off)) };
}

/** Whether all is in force, or what is not leaves no way open that a label closes: nothing was done where nothing could be. */
export function isClosedOrInForce({ changes, failures, mayLeak }: ApplyResult): boolean {
  return failures.length === 0 || (changes.length > 0 && !mayLeak);
}

/** What a session reports beside its changes and failures. */
export function outcomeOf(
  { containers, isStrict, isClosed: isByPlan }: DesiredState,
  { failures, refused, mayLeak, placed }: AppliedChanges,
  unreadable: Error | undefined,
): Omit<ApplyResult, 'changes' | 'failures'> {
  const labels = refused.map(({ container = containers[0] ?? '', key, message, isOpen }) => ({
    ...diagnostic(container, key, message),
    ...(isOpen && { isOpen }),
  }));
  const isRefused = failures.length > 0 ? isClosing(placed) : labels.length > 0;
  const isClosed = isByPlan || (isStrict && isRefused);
  return {
    ...(labels.length > 0 && { refused: labels }),
    ...(unreadable && { unreadable }),
    ...(mayLeak && { mayLeak }),
    ...(isClosed && { isClosed }),
  };
}

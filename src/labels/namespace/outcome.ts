// What came of the changes in a namespace: what was refused, what that leaves open, and the closing of it. Not here: the
// changes (sandbox.ts), what is said of them (labels/controller/reporter.ts).

import { closingTable, forwardingOff } from '../diff/diff.js';
import type { Change, DesiredState, SandboxObserved } from '../diff/state.js';
import { isClosing } from '../diff/strict.js';
import { diagnostic } from '../spec/diagnostics.js';
import type { Diagnostic } from '../spec/intent.js';
import type { NetnsSession } from './session.js';

/** What was done. */
export interface ApplyResult {
  /** In their order, those that were refused and those that build on them too; empty when nothing differed. */
  readonly changes: readonly Change[];
  /** What was refused, each an error that says what; try again later. */
  readonly failures: readonly Error[];
  /** Rules of labels that were left out because the kernel refuses them; they are not tried again. */
  readonly refused?: readonly RefusedLabel[];
  /** What else is wrong in the namespace. */
  readonly warnings?: readonly string[];
  /** Why it could not be told whether the table was still whole: it was put in place anew. */
  readonly unreadable?: Error;
  /** Whether packets may go elsewhere than a label leads them, because what keeps them from it was refused. */
  readonly isUnguarded?: true;
  /** Whether the namespace is closed but for loopback: it is strict, and a label is not in force. */
  readonly isClosed?: true;
}

/** A label that the kernel refuses. */
export interface RefusedLabel extends Diagnostic {
  /** Whether packets may pass now that it would have stopped. */
  readonly isOpen?: true;
}

/**
 * Closes what changes that were refused left open.
 * @param failures what was refused; what is refused now is added
 * @returns the changes for it
 */
export function closeAfter(
  failures: Error[],
  desired: DesiredState,
  observed: SandboxObserved,
  session: NetnsSession,
): readonly Change[] {
  const isLeftOpen = failures.length > 0 && (desired.isStrict || session.isTableRefused);
  const table = isLeftOpen ? closingTable(desired, observed) : undefined;
  if (!table) return [];
  const refused = session.apply([table]);
  failures.push(...refused);
  if (refused.length === 0) return [table];
  const off = forwardingOff(observed);
  failures.push(...session.apply(off));
  return [table, ...off];
}

/** What is to be said of the window. */
export function outcomeOf(
  { containers, isStrict, isClosed: isByPlan }: DesiredState,
  { refused, isUnguarded, placed, unreadable }: NetnsSession,
  failures: readonly Error[],
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
    ...(isUnguarded && { isUnguarded }),
    ...(isClosed && { isClosed }),
  };
}

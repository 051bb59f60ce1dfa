// The changes in a namespace of which it cannot be told what its labels ask for: what is missing is closed, nothing is
// taken away.

import { samePrefix } from '../../base/ip.js';
import { diffRoutes } from './diff-routes.js';
import { diffRules, routingTable } from './policy-routing.js';
import { stampedTable } from './stamp.js';
import type { Change, DesiredState, SandboxObserved } from './state.js';
import { CLOSED, CLOSED_STAMP, CLOSED_TABLE, NOT_FORWARDING_STAMP } from './strict.js';

/**
 * What closes a strict namespace in which no table is in force, guards of networks that have nothing of ours, and the
 * policy rules that they need: nothing is taken away.
 */
export function diffFrozen(desired: DesiredState, observed: SandboxObserved): Change[] {
  const missing = desired.routes.filter(
    ({ network }) =>
      !observed.routes.some(
        ({ destination, table }) => table === routingTable(network) && samePrefix(destination, network),
      ),
  );
  const { fallbacks } = diffRoutes(missing, []);
  const rules = diffRules(desired, observed.rules).filter(({ kind }) => kind === 'addRule');
  // First of all: after a change that was refused, no table is put in place.
  return [...closeFrozen(desired, observed), ...fallbacks, ...rules];
}

/** Whether a frozen namespace is closed, or is by the changes that diffFrozen() finds. */
export function isClosedFrozen(
  { isFrozen, isStrict }: DesiredState,
  observed: SandboxObserved,
): true | undefined {
  const isClosed = observed.stamp === CLOSED_STAMP || !isHeld(observed);
  return isFrozen && isStrict && isClosed ? true : undefined;
}

/** What a frozen namespace that is closed waits for. */
export const CLOSED_FROZEN = `${CLOSED} until Docker tells which of its labels count: no table of theirs is in force`;

function closeFrozen({ isStrict }: DesiredState, observed: SandboxObserved): Change[] {
  if (!isStrict || isHeld(observed)) return [];
  const kind = observed.hasTable ? 'replaceTable' : 'createTable';
  return [{ kind, table: stampedTable(CLOSED_TABLE, observed.before, CLOSED_STAMP) }];
}

/** Whether a table of labels is in force, or one that closes all. */
function isHeld({ stamp }: SandboxObserved): boolean {
  return stamp !== undefined && stamp !== NOT_FORWARDING_STAMP;
}

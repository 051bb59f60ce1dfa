// The changes in a frozen namespace, of which it is not known what its labels ask for: networks without a route of ours
// become unreachable, nothing is removed. Pure. Not here: when a namespace is frozen (labels/planner/frozen.ts).

import { samePrefix } from '../../base/ip.js';
import { diffRoutes } from './diff-routes.js';
import { diffRules, routingTable } from './policy-routing.js';
import { stampedTable } from './stamp.js';
import type { Change, DesiredState, SandboxObserved } from './state.js';
import { CLOSED, CLOSED_STAMP, CLOSED_TABLE, NOT_FORWARDING_STAMP } from './strict.js';

/**
 * What closes a strict namespace that has no table in force, fallbacks of networks that have no route of ours, and the
 * policy rules that they need.
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
export const CLOSED_FROZEN = `${CLOSED} until it is known which of its labels count: none of its tables is in force`;

function closeFrozen({ isStrict }: DesiredState, observed: SandboxObserved): Change[] {
  if (!isStrict || isHeld(observed)) return [];
  const kind = observed.hasTable ? 'replaceTable' : 'createTable';
  return [{ kind, table: stampedTable(CLOSED_TABLE, observed.before, CLOSED_STAMP) }];
}

/** Whether a table of labels is in force, or one that closes all. */
function isHeld({ stamp }: SandboxObserved): boolean {
  return stamp !== undefined && stamp !== NOT_FORWARDING_STAMP;
}

// The changes in a frozen namespace, of which it is not known what its labels ask for: networks without a route of ours
// become unreachable, nothing is removed. Pure. Not here: when a namespace is frozen (labels/planner/frozen.ts).

import { addressKey, type Prefix } from '../../base/ip.js';
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
  const present = new Set(observed.routes.map(({ destination, table }) => routeKey(destination, table)));
  const missing = desired.routes.filter(
    ({ network }) => !present.has(routeKey(network, routingTable(network))),
  );
  const { fallbacks } = diffRoutes(missing, []);
  const rules = diffRules(desired, observed.rules).filter(({ kind }) => kind === 'addRule');
  // First of all: after a change that was refused, no table is put in place.
  return [...closeFrozen(desired, observed), ...fallbacks, ...rules];
}

function routeKey({ address, length }: Prefix, table: number): string {
  return `${table} ${length} ${addressKey(address)}`;
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

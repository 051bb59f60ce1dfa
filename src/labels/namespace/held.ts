// What a namespace can hold of its desired state, by what is found there, and how a strict one is closed while that is less
// than all. Not here: the changes (sandbox.ts).

import { type Rule, readRules } from '../../netlink/route/policy-rule.js';
import { whyBypassed, whyOvertaken } from '../diff/bypass.js';
import { CLOSED_FROZEN, isClosedFrozen } from '../diff/diff-frozen.js';
import { describeIgnoredGateways, withoutIgnored } from '../diff/ignored-gateways.js';
import { desiredStamp, stampedTable } from '../diff/stamp.js';
import type { SandboxDesired, SandboxObserved } from '../diff/state.js';
import { CLOSED, CLOSED_STAMP, CLOSED_TABLE, closedRoutes, closedState } from '../diff/strict.js';
import type { ApplyResult } from './outcome.js';
import type { RawState } from './raw-state.js';
import type { NetnsSession } from './session.js';

/**
 * The desired state corrected for what was found: routes by gateways that the kernel ignores are dropped, and a strict
 * namespace is closed, by its routes where it has room for no table. With the warnings to report.
 */
export function heldIn(
  { rules, ignoredGateways }: RawState,
  observed: SandboxObserved,
  planned: SandboxDesired,
  session: Pick<NetnsSession, 'isCrowded' | 'supportedRoutes'>,
): {
  readonly desired: SandboxDesired;
  readonly warned: Pick<ApplyResult, 'warnings' | 'isClosed'>;
} {
  const reachable = withoutIgnored(planned.routes, ignoredGateways);
  const isBarred =
    planned.isStrict && !planned.isFrozen && observed.stamp !== desiredStamp(planned) && session.isCrowded();
  const routes = isBarred ? session.supportedRoutes(closedRoutes(reachable)) : reachable;
  const desired = { ...planned, routes };
  const all = (): readonly Rule[] => readRules(rules);
  const found = [
    whyBypassed(desired, all) ?? [],
    describeIgnoredGateways(planned.routes, ignoredGateways) ?? [],
  ].flat();
  if (found.length > 0 && planned.isStrict && !planned.isFrozen) {
    const warnings = [`${found.join('; ')}; until then ${CLOSED}`];
    return { desired: { ...desired, ...closedState(desired) }, warned: { warnings } };
  }
  // A frozen namespace keeps the table that it has.
  const isClosed = isClosedFrozen(desired, observed);
  const warnings = [
    ...found,
    ...[whyOvertaken(desired, all) ?? []].flat(),
    ...(isClosed ? [CLOSED_FROZEN] : []),
  ];
  return {
    desired,
    warned: { ...(warnings.length > 0 && { warnings }), ...(isClosed && { isClosed }) },
  };
}

/**
 * What the work finds of a namespace. A strict one of which it cannot be found out what is to be done is closed, unless it
 * has a table of ours already.
 */
export function orClosed<T>(session: NetnsSession, { isStrict }: SandboxDesired, work: () => T): T {
  try {
    return work();
  } catch (err) {
    if (isStrict)
      session.apply([{ kind: 'createTable', table: stampedTable(CLOSED_TABLE, [], CLOSED_STAMP) }]);
    throw err;
  }
}

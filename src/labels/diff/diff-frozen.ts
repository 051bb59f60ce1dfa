// The changes in a frozen namespace, of which it is not known what its labels ask for: networks without a route of ours
// become unreachable, nothing is removed. Pure. Not here: when a namespace is frozen (labels/planner/frozen.ts).

import { samePrefix } from '../../base/ip.js';
import { diffRoutes } from './diff-routes.js';
import { diffRules, routingTable } from './policy-routing.js';
import type { Change, DesiredState, SandboxObserved } from './state.js';

/** Fallbacks of networks that have no route of ours, and the policy rules that they need. */
export function diffFrozen(desired: DesiredState, observed: SandboxObserved): Change[] {
  const missing = desired.routes.filter(
    ({ network }) =>
      !observed.routes.some(
        ({ destination, table }) => table === routingTable(network) && samePrefix(destination, network),
      ),
  );
  const { fallbacks } = diffRoutes(missing, []);
  const rules = diffRules(desired, observed.rules).filter(({ kind }) => kind === 'addRule');
  return [...fallbacks, ...rules];
}

// The changes in a namespace of which it cannot be told what its labels ask for: what is missing is closed, nothing is
// taken away.

import { samePrefix } from '../../base/ip.js';
import { diffRoutes } from './diff-routes.js';
import { diffRules, routingTable } from './policy-routing.js';
import type { Change, DesiredState, SandboxObserved } from './state.js';

/** Guards of networks that have nothing of ours, and the policy rules that they need: nothing is taken away. */
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

// A namespace of which it cannot be told what its labels ask for, because nobody can tell the container's own from the
// image's: what is in force stays, and what routes might lead elsewhere is unreachable until then. Pure. Not here: why
// it cannot be told (own-labels.ts).

import { formatPrefix, samePrefix } from '../ip.js';
import type { SandboxMembers } from './names.js';
import { diffRoutes } from './routes.js';
import { diffRules, routingTable } from './routing.js';
import type {
  Change,
  ContainerIntent,
  ContainerView,
  DesiredRoute,
  SandboxDesired,
  SandboxObserved,
} from './words.js';

/** Whether labels of one of them cannot be told from its image's. */
export function isFrozen({ members }: SandboxMembers): boolean {
  return members.some(({ unverified }) => unverified);
}

/** @param intentsOf what labels of a container ask for, whether they count or may count */
export function planFrozen(
  { members, attachments }: SandboxMembers,
  intentsOf: (container: ContainerView) => readonly ContainerIntent[],
): SandboxDesired {
  const subnets = attachments.flatMap(({ subnets = [] }) => subnets);
  const guards = new Map<string, DesiredRoute>();
  for (const { network } of members.flatMap(intentsOf).flatMap(({ routes }) => routes)) {
    // Such a one is never made: it would cut the container off.
    if (subnets.some(subnet => samePrefix(subnet, network))) continue;
    guards.set(formatPrefix(network), { network });
  }
  return {
    netns: members[0]!.netns!,
    containers: members.map(({ name }) => name),
    routes: [...guards.values()],
    sysctls: [],
    isFrozen: true,
  };
}

/** Guards of networks that have nothing of ours, and the policy rules that they need: nothing is taken away. */
export function diffFrozen({ routes }: SandboxDesired, observed: SandboxObserved): Change[] {
  const missing = routes.filter(
    ({ network }) =>
      !observed.routes.some(
        ({ destination, table }) => table === routingTable(network) && samePrefix(destination, network),
      ),
  );
  const { guards } = diffRoutes(missing, []);
  const rules = diffRules(routes, observed.rules).filter(({ kind }) => kind === 'addRule');
  return [...guards, ...rules];
}

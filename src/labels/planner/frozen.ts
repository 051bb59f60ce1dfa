// A namespace of which it cannot be told what its labels ask for, because nobody can tell the container's own from the
// image's: what is in force stays, and what routes might lead elsewhere is unreachable until then. Pure. Not here: why
// it cannot be told (labels/discovery/image-labels.ts).

import { formatPrefix, samePrefix } from '../../base/ip.js';
import { withDigest } from '../diff/digest.js';
import { priorityOf } from '../diff/policy-routing.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ContainerIntent } from '../spec/intent.js';
import type { SandboxMembers } from './merge.js';

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
  const fallbacks = new Map<string, DesiredRoute>();
  for (const { network } of members.flatMap(intentsOf).flatMap(({ routes }) => routes)) {
    // Such a one is never made: it would cut the container off.
    if (subnets.some(subnet => samePrefix(subnet, network))) continue;
    fallbacks.set(formatPrefix(network), { network });
  }
  return withDigest({
    netns: members[0]!.netns!,
    containers: members.map(({ name }) => name),
    routes: [...fallbacks.values()],
    ...priorityOf(attachments),
    sysctls: [],
    isFrozen: true,
  });
}

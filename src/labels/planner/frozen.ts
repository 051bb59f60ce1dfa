// A frozen namespace: the container's own labels cannot be told from its image's. What is in force stays, and networks that
// these labels may have routes for are unreachable meanwhile. Pure. Not here: why they cannot be told apart
// (labels/discovery/image-labels.ts).

import { formatPrefix, samePrefix } from '../../base/ip.js';
import { withDigest } from '../diff/digest.js';
import { priorityOf } from '../diff/policy-routing.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ContainerIntent } from '../spec/intent.js';
import type { SandboxMembers } from './merge.js';

/** Whether a member's own labels cannot be told from its image's. */
export function isFrozen({ members }: SandboxMembers): boolean {
  return members.some(({ unverified }) => unverified);
}

/** @param intentsOf what a container's labels ask for, those that may be the image's included */
export function planFrozen(
  { members, attachments }: SandboxMembers,
  intentsOf: (container: ContainerView) => readonly ContainerIntent[],
): SandboxDesired {
  const subnets = attachments.flatMap(({ subnets = [] }) => subnets);
  const fallbacks = new Map<string, DesiredRoute>();
  for (const { network } of members.flatMap(intentsOf).flatMap(({ routes }) => routes)) {
    // A route to a subnet of its own is never made: it would cut the container off.
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

// A frozen namespace: it cannot be told which labels count there. What is in force stays, networks that these labels may
// have routes for are unreachable meanwhile, and a strict one in which no table of ours is in force is closed. Pure. Not
// here: why it cannot be told (labels/discovery/image-labels.ts, labels/discovery/containers.ts).

import { formatPrefix, samePrefix } from '../../base/ip.js';
import { withDigest } from '../diff/digest.js';
import { priorityOf } from '../diff/policy-routing.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ContainerIntent } from '../spec/intent.js';
import type { SandboxMembers } from './merge.js';

/** Whether it cannot be told if a member's labels count, or whether there is another member. */
export function isFrozen({ members }: SandboxMembers): boolean {
  return members.some(({ unverified, isIndeterminate }) => unverified || isIndeterminate);
}

/**
 * @param intentsOf what a container's labels ask for, those that may not count included
 * @param isStrict whether it is strict whatever these say
 */
export function planFrozen(
  { members, attachments }: SandboxMembers,
  intentsOf: (container: ContainerView) => readonly ContainerIntent[],
  isStrict: boolean,
): SandboxDesired {
  const intents = members.flatMap(intentsOf);
  const subnets = attachments.flatMap(({ subnets = [] }) => subnets);
  const fallbacks = new Map<string, DesiredRoute>();
  for (const { network } of intents.flatMap(({ routes }) => routes)) {
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
    ...((isStrict || intents.some(intent => intent.isStrict)) && { isStrict: true as const }),
  });
}

// The state of one container's labels, as the status has it. Pure. Not here: which labels are in force (overview.ts).

import type { LabelledState } from '../../control/answers.js';
import type { ContainerView } from '../discovery/container.js';
import { isApplied, type WorkItem } from './work-queue.js';

/** Whether it has labels of ours, whether or not they count. */
export function hasLabels({
  labels,
  unverified,
  unverifiedLabelKeys,
  imageLabels,
  ownStack,
}: ContainerView): boolean {
  return (
    labels.size > 0 ||
    (unverified?.labels.size ?? 0) > 0 ||
    (unverifiedLabelKeys?.length ?? 0) > 0 ||
    imageLabels.length > 0 ||
    (ownStack?.keys.length ?? 0) > 0
  );
}

/** The state of its labels, by what is due in its namespace. */
export function stateOf(container: ContainerView, item: WorkItem | undefined): LabelledState {
  const { netns, hostNetwork, unverified, unverifiedLabelKeys, isIndeterminate } = container;
  if (unverified || unverifiedLabelKeys || isIndeterminate) return 'frozen';
  if (hostNetwork) return 'applied';
  if (!netns) return 'stopped';
  if (!item || isApplied(item)) return 'applied';
  return item.attempts > 0 ? 'failing' : 'pending';
}

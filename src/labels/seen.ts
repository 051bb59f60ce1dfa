// A container as it was last looked at. Pure. Not here: looking (containers.ts), Docker's answers themselves
// (docker-view.ts), in whose namespace it is (company.ts).

import {
  type DriverOf,
  fingerprint,
  type InspectedContainer,
  isRunning,
  type ListedContainer,
  twineLabels,
  viewInspected,
  viewListed,
} from './docker-view.js';
import type { ContainerView, NetnsRef } from './words.js';

/** The labels that count, and those that do not. */
export type OwnView = Pick<ContainerView, 'labels' | 'imageLabels' | 'isImageGone'>;

export interface Seen {
  readonly running: boolean;
  /** Of the answer that it was seen in. */
  readonly fingerprint: string;
  readonly mode: string | undefined;
  readonly view: Omit<ContainerView, 'hostNetwork' | 'isDoubtful'>;
}

/** A container that was inspected. @param netns of its process, where that is to be seen */
export function seenInspected(
  container: InspectedContainer,
  own: OwnView,
  netns: NetnsRef | undefined,
  driverOf: DriverOf,
): Seen {
  return {
    running: container.State.Running,
    fingerprint: fingerprint(container),
    mode: container.HostConfig?.NetworkMode,
    view: { ...viewInspected(container, driverOf), ...(netns && { netns }), ...own },
  };
}

/**
 * A container of which only the listing is known: without a namespace, and so without labels that count. A running one
 * may have both all the same.
 */
export function seenInListing(listed: ListedContainer, driverOf: DriverOf): Seen {
  return {
    running: false,
    fingerprint: fingerprint(listed),
    mode: listed.HostConfig?.NetworkMode,
    view: {
      ...viewListed(listed, driverOf),
      labels: new Map(),
      imageLabels: [],
      ...(isRunning(listed) && { unseenKeys: [...twineLabels(listed.Labels).keys()] }),
    },
  };
}

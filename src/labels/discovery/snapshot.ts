// A container as it was last looked at. Pure. Not here: looking (containers.ts), Docker's answers themselves
// (docker-types.ts), in whose namespace it is (namespace-sharing.ts).

import type { ContainerView } from './container.js';
import {
  fingerprint,
  type InspectedContainer,
  isRunning,
  type KindOf,
  type ListedContainer,
  twineLabels,
  viewInspected,
  viewListed,
} from './docker-types.js';

/** The labels that count, and those that do not. */
export type LabelOrigins = Pick<
  ContainerView,
  'labels' | 'imageLabels' | 'unverified' | 'ownStack' | 'unknownRuntime'
>;

export interface ContainerSnapshot {
  readonly running: boolean;
  /** Of the answer that it was seen in. */
  readonly fingerprint: string;
  readonly mode: string | undefined;
  readonly view: Omit<ContainerView, 'revision' | 'hostNetwork' | 'isIndeterminate'>;
}

/** A container that was inspected. @param more what is to be seen elsewhere: the namespace of its process, its DNS */
export function snapshotInspected(
  container: InspectedContainer,
  own: LabelOrigins,
  { netns, hostDns }: Pick<ContainerView, 'netns' | 'hostDns'>,
  kindOf: KindOf,
): ContainerSnapshot {
  return {
    running: container.State.Running,
    fingerprint: fingerprint(container),
    mode: container.HostConfig?.NetworkMode,
    view: {
      ...viewInspected(container, kindOf),
      ...(netns && { netns }),
      ...(hostDns !== undefined && { hostDns }),
      ...own,
    },
  };
}

/** A container that does not run, and was inspected: the listing lacks its aliases. @param print of the listing */
export function snapshotStopped(
  container: InspectedContainer,
  print: string,
  kindOf: KindOf,
): ContainerSnapshot {
  const none = { labels: new Map(), imageLabels: [] };
  return { ...snapshotInspected(container, none, {}, kindOf), running: false, fingerprint: print };
}

/**
 * A container of which only the listing is known: without a namespace, and so without labels that count. A running one
 * may have both all the same.
 * @param before as it was seen before, if it was: its aliases are what they were
 */
export function snapshotListed(
  listed: ListedContainer,
  kindOf: KindOf,
  before?: ContainerSnapshot,
): ContainerSnapshot {
  const view = viewListed(listed, kindOf);
  const aliasesOf = (id: string): readonly string[] =>
    before?.view.attachments.find(({ networkId }) => networkId === id)?.aliases ?? [];
  return {
    running: false,
    fingerprint: fingerprint(listed),
    mode: listed.HostConfig?.NetworkMode,
    view: {
      ...view,
      attachments: view.attachments.map(attachment => ({
        ...attachment,
        aliases: [...new Set([...attachment.aliases, ...aliasesOf(attachment.networkId)])],
      })),
      labels: new Map(),
      imageLabels: [],
      ...(isRunning(listed) && { unverifiedLabelKeys: [...twineLabels(listed.Labels).keys()] }),
    },
  };
}

// Snapshots: a container as it was last listed or inspected. Pure. Not here: listing and inspecting (containers.ts), Docker's
// answers (docker-view.ts), which namespaces are shared (namespace-sharing.ts).

import type { Attachment, ContainerView } from './container.js';
import {
  fingerprint,
  type InspectedContainer,
  isRunning,
  type KindOf,
  type ListedContainer,
  twineLabels,
  viewInspected,
  viewListed,
} from './docker-view.js';

/** The labels that count, and those that do not. */
export type LabelOrigins = Pick<
  ContainerView,
  'labels' | 'imageLabels' | 'unverified' | 'ownStack' | 'unknownRuntime'
>;

/** What Docker says of a container and its image. */
export interface LabelledInspection {
  readonly container: InspectedContainer;
  readonly own: LabelOrigins;
}

export interface ContainerSnapshot extends SnapshotContent {
  /** Of no other snapshot, of whatever container. */
  readonly revision: number;
}

/** What a snapshot shows. */
interface SnapshotContent {
  readonly running: boolean;
  /** Of the answer that it was made from. */
  readonly fingerprint: string;
  readonly mode: string | undefined;
  readonly view: Omit<ContainerView, 'revision' | 'hostNetwork' | 'isIndeterminate'>;
}

/** A container that was inspected. @param files what files and /proc show */
export function snapshotInspected(
  { container, own }: LabelledInspection,
  files: Pick<ContainerView, 'netns' | 'hostDns' | 'privateDns'>,
  kindOf: KindOf,
): SnapshotContent {
  return {
    running: container.State.Running,
    fingerprint: fingerprint(container),
    mode: container.HostConfig?.NetworkMode,
    view: {
      ...viewInspected(container, kindOf),
      ...files,
      ...own,
    },
  };
}

/** A stopped container, which was inspected because the listing lacks its aliases. */
export function snapshotStopped(
  container: InspectedContainer,
  fingerprintOfListing: string,
  kindOf: KindOf,
): SnapshotContent {
  const own = { labels: new Map(), imageLabels: [] };
  return {
    ...snapshotInspected({ container, own }, {}, kindOf),
    running: false,
    fingerprint: fingerprintOfListing,
  };
}

/**
 * The same, with the addresses that it had where it has none now, on networks whose addresses this Docker alone gives out: on
 * others a machine elsewhere may have them by now.
 * @param before the last snapshots, by id
 */
export function withFormerAddresses(
  content: SnapshotContent,
  before: ReadonlyMap<string, SnapshotContent>,
): SnapshotContent {
  const known = before.get(content.view.id)?.view.attachments ?? [];
  const attachments = content.view.attachments.map((attachment): Attachment => {
    if (attachment.addresses.length > 0 || attachment.formerAddresses) return attachment;
    if (attachment.driver !== 'bridge') return attachment;
    const last = known.find(({ networkId }) => networkId === attachment.networkId);
    const formerAddresses = last?.addresses.length ? last.addresses : last?.formerAddresses;
    return formerAddresses ? { ...attachment, formerAddresses } : attachment;
  });
  return { ...content, view: { ...content.view, attachments } };
}

/**
 * A container of which only the listing is known: its namespace, and which of its labels count, are not known.
 * @param before its last snapshot, if there is one: the aliases are taken from it
 */
export function snapshotListed(
  listed: ListedContainer,
  kindOf: KindOf,
  before?: SnapshotContent,
): SnapshotContent {
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

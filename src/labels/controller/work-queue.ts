// What is due in which namespace: what shall be there, beside what is known to be. Pure. Not here: bringing it there, what
// failed and when it is tried again (reconciler.ts).

import { sameRevisions } from '../../base/revision.js';
import { nothingIn, routesDigest } from '../diff/digest.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { Plan } from '../planner/plan.js';
import { HOST_ROUTES } from '../spec/label-keys.js';

/** The key under which the host's routes are kept among the namespaces. */
const HOST = 'host';

/** What is known of a namespace. */
interface LastApplied {
  /** The path by which it was entered. The kernel gives the numbers of namespaces that are gone to new ones. */
  readonly path: string;
  /** Of what it holds: the same for what is the same; `''` while that is not known. */
  readonly digest: string;
  /** Revisions of the containers in it: what Docker has done to one since may have undone what we did. */
  readonly members: readonly number[];
  /** Whether it is to be looked into again, since a periodic look began. */
  readonly isStale: boolean;
}

/** The host's routes as they shall be. */
export interface HostDesired {
  readonly hostRoutes: readonly DesiredRoute[];
  /** Whether those stay that are not wanted. */
  readonly keep: boolean;
}

/** A namespace to be brought to what it shall be, or looked into. */
export interface WorkItem {
  readonly key: string;
  readonly path: string;
  /** Names of its containers, for the log. */
  readonly subject: string;
  readonly digest: string;
  /** Revisions of its containers. */
  readonly members: readonly number[];
  /** Whether it shall hold nothing of ours. */
  readonly isEmpty: boolean;
  readonly desired: SandboxDesired | HostDesired;
}

/** What follows from a plan. */
export interface PendingWork {
  /** What shall be other than it is, or is not known. */
  readonly changed: readonly WorkItem[];
  /** What is only looked into. */
  readonly stale: readonly WorkItem[];
  /** Keys of all that shall hold something, or may. */
  readonly present: ReadonlySet<string>;
}

export class WorkQueue {
  /** Namespaces that hold something of ours, or may; by their keys. */
  readonly #kept = new Map<string, LastApplied>();
  #first = true;

  /**
   * What is due by a plan of these containers.
   * @param thorough whether all are to be looked into
   */
  schedule(
    { sandboxes, hostRoutes }: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    fullResync: boolean,
  ): PendingWork {
    const wanted = new Map(sandboxes.map(desired => [desired.netns.key, desired]));
    const isFirst = this.#first;
    this.#first = false;
    // What a daemon before us left is not known: each namespace is looked into once, and those that held something
    // as long as they live.
    for (const { netns, hostNetwork, name } of containers) {
      if (!netns || hostNetwork || wanted.has(netns.key)) continue;
      if (isFirst) this.forget(netns.key);
      if (this.#kept.has(netns.key)) {
        wanted.set(netns.key, nothingIn(netns, [name]));
      }
    }
    if (isFirst) this.forget(HOST);
    // Whose labels may count there is not known in whole: what is in force stays until it is.
    const doubtful = new Set(
      containers.flatMap(({ isIndeterminate, netns }) => (isIndeterminate && netns?.key) || []),
    );
    for (const key of doubtful) {
      wanted.delete(key);
      this.forget(key);
    }
    const members = membersOf(containers);
    const due = [...wanted.values()].map(desired =>
      this.#dueInside(desired, members.get(desired.netns.key) ?? []),
    );
    const keep = containers.some(
      ({ unverifiedLabelKeys, unverified }) =>
        unverifiedLabelKeys?.includes(HOST_ROUTES) || unverified?.labels.has(HOST_ROUTES),
    );
    if (this.#kept.has(HOST) || hostRoutes.length > 0) due.push(dueOnHost({ hostRoutes, keep }));
    const present = new Set([...due.map(({ key }) => key), ...doubtful]);
    for (const key of this.#kept.keys()) if (!present.has(key)) this.#kept.delete(key);
    if (fullResync) for (const [key, kept] of this.#kept) this.#kept.set(key, { ...kept, isStale: true });
    return {
      changed: due.filter(entry => !this.#isKept(entry)),
      stale: due.filter(entry => this.#isKept(entry) && this.#kept.get(entry.key)!.isStale),
      present,
    };
  }

  /** Notes that nothing is known of what a namespace holds. */
  forget(key: string): void {
    this.#kept.set(key, { path: '', digest: '', members: [], isStale: false });
  }

  /** Notes that a namespace is what it shall be. */
  done({ key, path, digest, members, isEmpty }: WorkItem): void {
    if (isEmpty) this.#kept.delete(key);
    else this.#kept.set(key, { path, digest, members, isStale: false });
  }

  /** Notes that a namespace is no more. */
  gone({ key }: WorkItem): void {
    this.#kept.delete(key);
  }

  #isKept({ key, path, digest, members }: WorkItem): boolean {
    const kept = this.#kept.get(key);
    return kept?.digest === digest && kept.path === path && sameRevisions(kept.members, members);
  }

  #dueInside(desired: SandboxDesired, members: readonly number[]): WorkItem {
    const { netns, containers, table, routes, sysctls, isFrozen } = desired;
    return {
      ...netns,
      members,
      subject: containers.join(', '),
      digest: desired.digest,
      isEmpty: !isFrozen && !table && routes.length === 0 && sysctls.length === 0,
      desired,
    };
  }
}

function dueOnHost(desired: HostDesired): WorkItem {
  const { hostRoutes, keep } = desired;
  return {
    key: HOST,
    path: '',
    members: [],
    subject: 'the host',
    digest: JSON.stringify([routesDigest(hostRoutes), keep]),
    isEmpty: hostRoutes.length === 0 && !keep,
    desired,
  };
}

/** The revisions of the containers in each namespace, in ascending order: Docker may list them in another. */
function membersOf(containers: readonly ContainerView[]): Map<string, number[]> {
  const members = new Map<string, number[]>();
  for (const { netns, revision } of containers) {
    if (!netns) continue;
    const known = members.get(netns.key);
    if (known) known.push(revision);
    else members.set(netns.key, [revision]);
  }
  for (const revisions of members.values()) revisions.sort((a, b) => a - b);
  return members;
}

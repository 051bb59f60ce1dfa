// What is to be done in which namespace: what it shall hold, what it is known to hold, and what has failed there. Pure.
// Not here: doing it (reconciler.ts), saying what came of it (reporter.ts).

import { nothingIn, routesDigest } from '../diff/digest.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import { sameRevisions } from '../discovery/revision.js';
import type { Plan } from '../planner/plan.js';
import { groupBy } from '../spec/group-by.js';
import { HOST_ROUTES } from '../spec/label-keys.js';
import { type Attempts, failedAgain, NEVER_FAILED } from './attempts.js';

/** The key under which the host's routes are kept among the namespaces. */
const HOST = 'host';

/** What a namespace is known to hold. */
interface Applied {
  /** The path by which it was entered. The kernel gives the numbers of namespaces that are gone to new ones. */
  readonly path: string;
  /** Of what it holds: the same for what is the same. */
  readonly digest: string;
  /** Revisions of the containers in it: what Docker has done to one since may have undone what we did. */
  readonly members: readonly number[];
}

/** The host's routes as they shall be. */
interface HostDesired {
  readonly hostRoutes: readonly DesiredRoute[];
  /** Whether routes go that are not wanted any more. */
  readonly prune: boolean;
}

/** What a namespace shall hold by the last plan. */
interface Target extends Applied {
  readonly key: string;
  /** Names of its containers, for the log. */
  readonly subject: string;
  /** Whether it shall hold nothing of ours. */
  readonly isEmpty: boolean;
  readonly desired: SandboxDesired | HostDesired;
}

/** A namespace that holds something of ours, or may. */
export interface WorkItem extends Target, Attempts {
  /** Absent: not known. */
  readonly applied?: Applied | undefined;
  /** Whether it has not been read since the last full resync began. */
  readonly needsResync: boolean;
}

/** Why and how work is asked for. */
interface ScheduleOptions {
  /** Whether all are to be looked into. */
  readonly fullResync: boolean;
  /** Whether somebody asks, and not the time alone at which something is tried again. */
  readonly asked: boolean;
  /** In milliseconds, by the clock of `retryAt`. */
  readonly now: number;
}

interface PendingWork {
  /** First what is to be changed, then what is only looked into, last what failed: nobody waits for that. */
  readonly due: readonly WorkItem[];
  /** Keys of all that shall hold something, or may. */
  readonly live: ReadonlySet<string>;
}

export class WorkQueue {
  readonly #items = new Map<string, WorkItem>();
  #first = true;

  /** The work that follows from a plan of these containers. */
  schedule(
    { sandboxes, hostRoutes }: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    { fullResync, asked, now }: ScheduleOptions,
  ): PendingWork {
    const wanted = new Map(sandboxes.map(desired => [desired.netns.key, desired]));
    const isFirst = this.#first;
    this.#first = false;
    const members = revisionsByNamespace(containers);
    const live = new Set<string>();
    const due: WorkItem[] = [];
    // What a daemon before us left is not known: each namespace is looked into once, and those that held something
    // as long as they live.
    for (const { netns, hostNetwork, name, isIndeterminate } of containers) {
      const planned = netns && wanted.get(netns.key);
      if (!netns || hostNetwork || (planned && (planned.isFrozen || !isIndeterminate))) continue;
      if (isIndeterminate || isFirst || this.#items.has(netns.key))
        wanted.set(netns.key, nothingIn(netns, [name]));
    }
    // Whose labels may count there is not known in whole: what is in force stays until it is, and only a frozen one is entered.
    const indeterminate = new Set(
      containers.flatMap(({ isIndeterminate, netns }) => (isIndeterminate && netns?.key) || []),
    );
    for (const desired of wanted.values()) {
      const { key } = desired.netns;
      const item = this.#update(targetInside(desired, members.get(key) ?? []));
      live.add(key);
      if (indeterminate.has(key) && !desired.isFrozen) this.#items.set(key, { ...item, applied: undefined });
      else due.push(item);
    }
    // Which host routes are asked for is not known in full: what is there stays until it is.
    const prune = !containers.some(
      ({ unverifiedLabelKeys, unverified }) =>
        unverifiedLabelKeys?.includes(HOST_ROUTES) || unverified?.labels.has(HOST_ROUTES),
    );
    if (isFirst || this.#items.has(HOST) || hostRoutes.length > 0) {
      due.push(this.#update(targetOnHost({ hostRoutes, prune })));
      live.add(HOST);
    }
    for (const key of this.#items.keys()) if (!live.has(key)) this.#items.delete(key);
    if (fullResync)
      for (const [key, item] of this.#items) this.#items.set(key, { ...item, needsResync: true });
    const changed = due.filter(item => !isApplied(item));
    return {
      due: [
        ...changed.filter(({ attempts }) => attempts === 0),
        ...due.filter(item => isApplied(item) && this.#items.get(item.key)!.needsResync),
        ...changed.filter(({ attempts, retryAt }) => attempts > 0 && (asked || retryAt <= now)),
      ],
      live,
    };
  }

  /** Notes that a namespace holds what it shall. */
  done({ key, path, digest, members, isEmpty }: WorkItem): void {
    const item = this.#items.get(key);
    if (isEmpty || !item) this.#items.delete(key);
    else
      this.#items.set(key, {
        ...item,
        ...NEVER_FAILED,
        applied: { path, digest, members },
        needsResync: false,
      });
  }

  /** Notes that a namespace is no more. */
  gone({ key }: WorkItem): void {
    this.#items.delete(key);
  }

  /** Notes why an attempt failed, and returns the item with that. */
  failed({ key }: WorkItem, error: string, now: number): WorkItem {
    const failed = withFailure(this.#items.get(key)!, error, now);
    this.#items.set(key, failed);
    return failed;
  }

  /** When the first of those that failed is to be tried again; undefined where none is waiting. */
  nextRetry(now: number): number | undefined {
    const times = [...this.#items.values()].map(({ retryAt }) => retryAt).filter(at => at > now);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** What is known of it stays, what it shall hold may be another. */
  #update(target: Target): WorkItem {
    const known = this.#items.get(target.key) ?? { ...NEVER_FAILED, needsResync: false };
    const item = { ...known, ...target };
    this.#items.set(target.key, item);
    return item;
  }
}

/** The item after one more attempt that failed: what the namespace holds is not known any more. */
export function withFailure(item: WorkItem, error: string, now: number): WorkItem {
  return {
    ...item,
    ...failedAgain(item, error, now),
    applied: undefined,
  };
}

function isApplied({ applied, digest, path, members }: WorkItem): boolean {
  return applied?.digest === digest && applied.path === path && sameRevisions(applied.members, members);
}

function targetInside(desired: SandboxDesired, members: readonly number[]): Target {
  const { netns, containers, table, routes, sysctls, isFrozen, digest } = desired;
  return {
    key: netns.key,
    path: netns.path,
    members,
    subject: containers.join(', '),
    digest,
    isEmpty: !isFrozen && !table && routes.length === 0 && sysctls.length === 0,
    desired,
  };
}

function targetOnHost(desired: HostDesired): Target {
  const { hostRoutes, prune } = desired;
  return {
    key: HOST,
    path: '',
    members: [],
    subject: 'the host',
    digest: JSON.stringify([routesDigest(hostRoutes), prune]),
    isEmpty: hostRoutes.length === 0 && prune,
    desired,
  };
}

/** The revisions of the containers in each namespace, in ascending order: Docker may list them in another. */
function revisionsByNamespace(containers: readonly ContainerView[]): Map<string, number[]> {
  const inside = groupBy(
    containers.filter(({ netns }) => netns),
    ({ netns }) => netns!.key,
  );
  return new Map(
    [...inside].map(([key, group]) => [key, group.map(({ revision }) => revision).sort((a, b) => a - b)]),
  );
}

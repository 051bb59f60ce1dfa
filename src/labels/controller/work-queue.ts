// Which namespaces are due: their desired state, what was last applied, and what has failed there. Pure. Not here: applying
// it (reconciler.ts), reporting the outcome (reporter.ts).

import { nothingIn, routesDigest } from '../diff/digest.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import { revisionsByNamespace, sameRevisions } from '../discovery/views.js';
import type { Plan } from '../planner/plan.js';
import { HOST_ROUTES } from '../spec/label-keys.js';
import { type Attempts, failedAgain, NEVER_FAILED } from './attempts.js';

/** The key of the host's routes among those of the namespaces. */
const HOST = 'host';

/** What was last applied to a namespace. */
interface Applied {
  /** The path by which it was entered: the kernel reuses inode numbers of namespaces that are gone. */
  readonly path: string;
  /** Of the desired state: the same for equal states. */
  readonly digest: string;
  /** Revisions of the containers in it: Docker may have undone our changes when it changed one. */
  readonly members: readonly number[];
}

/** The desired routes of the host. */
interface HostDesired {
  readonly hostRoutes: readonly DesiredRoute[];
  /** Whether routes go that are not wanted any more. */
  readonly prune: boolean;
}

/** The desired state of a namespace by the last plan. */
interface Target extends Applied {
  readonly key: string;
  /** Names of its containers, for the log. */
  readonly subject: string;
  /** Whether it is to hold nothing of ours. */
  readonly isEmpty: boolean;
  readonly desired: SandboxDesired | HostDesired;
}

/** A namespace that holds something of ours, or may. */
export interface WorkItem extends Target, Attempts {
  readonly applied?: Applied | undefined;
  /** Whether it is to be read though its desired state is in force as far as is known. */
  readonly needsResync: boolean;
  /** Whether it is not known which labels count there: nothing is done. */
  readonly isHeld?: boolean;
  /** Until then it is read for a change of its desired state alone: the last time took long. By the clock of `retryAt`. */
  readonly restsUntil?: number;
}

/**
 * A namespace that takes longer than this, in milliseconds, rests for so many times as long: all others wait meanwhile, and
 * whoever may change it can fill it with routes, rules and tables of his own.
 */
const [SLOW_MS, REST_FACTOR, MAX_REST_MS] = [50, 20, 30_000] as const;

/** Why a pass runs. */
export interface ScheduleOptions {
  /** Whether the host's routes are read. */
  readonly fullResync: boolean;
  /** Whether it was triggered, and not only due by a retry: then all that failed is retried. */
  readonly triggered: boolean;
  /** In milliseconds, by the clock of `retryAt`. */
  readonly now: number;
  /** Nothing but what has changed is due. */
  readonly onlyChanged?: boolean;
}

interface PendingWork {
  /** First changed namespaces, then those that are only resynced, last those that failed: nobody waits for these. */
  readonly due: readonly WorkItem[];
  /** Keys of all that hold something of ours, or may. */
  readonly live: ReadonlySet<string>;
}

export class WorkQueue {
  readonly #items = new Map<string, WorkItem>();
  #first = true;

  /** The namespaces that are due after a plan for these containers. */
  schedule(
    { sandboxes, hostRoutes }: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    { fullResync, triggered, now, onlyChanged }: ScheduleOptions,
  ): PendingWork {
    const wanted = new Map(sandboxes.map(desired => [desired.netns.key, desired]));
    const isFirst = this.#first;
    this.#first = false;
    const members = revisionsByNamespace(containers);
    const live = new Set<string>();
    const due: WorkItem[] = [];
    // What an earlier daemon left is not known: each namespace is read once, and those that held something of ours
    // for as long as they live.
    for (const { netns, hostNetwork, name, isIndeterminate } of containers) {
      const planned = netns && wanted.get(netns.key);
      if (!netns || hostNetwork || (planned && (planned.isFrozen || !isIndeterminate))) continue;
      if (isIndeterminate || isFirst || this.#items.has(netns.key))
        wanted.set(netns.key, nothingIn(netns, [name]));
    }
    // It is not known which labels count there: what is in force stays until it is, and only a frozen state is applied.
    const indeterminate = new Set<string>();
    for (const { isIndeterminate, netns } of containers)
      if (isIndeterminate && netns) indeterminate.add(netns.key);
    for (const desired of wanted.values()) {
      const { key } = desired.netns;
      live.add(key);
      const isHeld = indeterminate.has(key) && !desired.isFrozen;
      const item = this.#wanted(desired, members.get(key) ?? []);
      if (isHeld || item.isHeld)
        this.#items.set(key, { ...item, isHeld, ...(isHeld && { applied: undefined }) });
      if (!isHeld) due.push(item);
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
    if (fullResync) this.recheck(HOST);
    const changed = due.filter(item => !isApplied(item));
    const isRested = ({ restsUntil = 0 }: WorkItem): boolean => restsUntil <= now;
    const fresh = changed.filter(({ attempts }) => attempts === 0);
    if (onlyChanged) return { due: fresh, live };
    return {
      due: [
        ...fresh,
        ...due.filter(item => isApplied(item) && this.#items.get(item.key)!.needsResync && isRested(item)),
        ...changed.filter(item => item.attempts > 0 && (triggered || item.retryAt <= now) && isRested(item)),
      ],
      live,
    };
  }

  /** Undefined where a namespace holds nothing of ours. */
  item(key: string): WorkItem | undefined {
    return this.#items.get(key);
  }

  /** Has namespaces read in the next pass. */
  recheck(...keys: readonly string[]): void {
    for (const key of keys) {
      const item = this.#items.get(key);
      if (item) this.#items.set(key, { ...item, needsResync: true });
    }
  }

  /** Records that a namespace has its desired state. */
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

  /** Records that a namespace is gone. */
  gone({ key }: WorkItem): void {
    this.#items.delete(key);
  }

  /** Records why an attempt failed, and returns the item with that. */
  failed(item: WorkItem, error: string, now: number): WorkItem {
    const known = this.#items.get(item.key);
    // It may have been found gone meanwhile.
    if (!known) return item;
    const failed = withFailure(known, error, now);
    this.#items.set(item.key, failed);
    return failed;
  }

  /** Records how long it took to reconcile a namespace, in milliseconds. */
  took({ key }: WorkItem, ms: number, now: number): void {
    const item = this.#items.get(key);
    if (!item) return;
    const { restsUntil: _, ...rest } = item;
    this.#items.set(
      key,
      ms > SLOW_MS ? { ...rest, restsUntil: now + Math.min(REST_FACTOR * ms, MAX_REST_MS) } : rest,
    );
  }

  /** The time of the next retry, or of a resync that is put off; undefined where none is pending. */
  nextRetry(now: number): number | undefined {
    const times = [...this.#items.values()]
      .map(({ attempts, retryAt, needsResync, restsUntil = 0 }) =>
        attempts > 0 || needsResync ? Math.max(retryAt, restsUntil) : retryAt,
      )
      .filter(at => at > now);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  #wanted(desired: SandboxDesired, members: readonly number[]): WorkItem {
    const known = this.#items.get(desired.netns.key);
    // Of thousands, one has changed.
    if (known?.desired === desired && sameRevisions(known.members, members)) return known;
    return this.#update(targetInside(desired, members));
  }

  /** Sets the desired state; what was applied stays, and what has failed where it is the same that is desired. */
  #update(target: Target): WorkItem {
    const known = this.#items.get(target.key);
    const item = { ...(known ?? { ...NEVER_FAILED, needsResync: false }), ...target };
    // Another state is not put off for what befell the one before: it may be what closes the namespace.
    if (known && (known.digest !== target.digest || known.path !== target.path))
      Object.assign(item, NEVER_FAILED, { restsUntil: 0 });
    this.#items.set(target.key, item);
    return item;
  }
}

/** The item after one more failed attempt: what the namespace holds is not known any more. */
export function withFailure(item: WorkItem, error: string, now: number): WorkItem {
  return {
    ...item,
    ...failedAgain(item, error, now),
    applied: undefined,
  };
}

/** Whether what was applied last is what is desired. */
export function isApplied({ applied, digest, path, members }: WorkItem): boolean {
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

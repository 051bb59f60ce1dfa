// Keeps every namespace as the labels want it: looks at all containers, plans, and brings to the plan what is not
// there yet. One pass at a time, asked for by events, by the clock and by failures. Not here: what containers look
// like (containers.ts), what shall be (plan.ts), the inside of a namespace (sandbox.ts).

import { setImmediate as breathe } from 'node:timers/promises';
import { formatAddress, formatPrefix } from '../ip.js';
import type { Log } from '../log.js';
import { Passes } from '../passes.js';
import { HOST_ROUTES } from './keys.js';
import type { Plan } from './plan.js';
import { Reports } from './reports.js';
import { Retries } from './retries.js';
import type { Converged } from './sandbox.js';
import type { ContainerView, DesiredRoute, SandboxDesired } from './words.js';

export interface ReconcileParts {
  /** Every container as it is now. */
  readonly look: (thorough: boolean) => Promise<readonly ContainerView[]>;
  /** What shall be. */
  readonly plan: (
    containers: readonly ContainerView[],
  ) => Pick<Plan, 'sandboxes' | 'hostRoutes' | 'mistakes'>;
  /** Brings a namespace to what it shall be; undefined when it is gone. */
  readonly converge: (desired: SandboxDesired) => Converged | undefined;
  /** The same with the host's routes. With `keep` those stay that are not wanted. */
  readonly convergeHost: (routes: readonly DesiredRoute[], keep: boolean) => Converged | undefined;
  readonly log: Log;
  /** How often the kernel is looked at unasked, in milliseconds. */
  readonly lookInterval: number;
}

/** After so long a pass makes way for one that was asked for meanwhile; what it did not reach is then taken up. */
const SHORT_PASS_MS = 20;
/** How long others may have to wait for namespaces to be looked into. */
const LONGEST_BREATH_MS = 2;
/** The key under which the host's routes are kept among the namespaces. */
const HOST = 'host';
/** What is tried again when the containers could not be looked at. */
const LOOK = 'look';

/** What is known of a namespace. */
interface Kept {
  /** The path by which it was entered. The kernel gives the numbers of namespaces that are gone to new ones. */
  readonly path: string;
  /** Of what it holds: the same for what is the same; `''` while that is not known. */
  readonly digest: string;
  /** The containers in it, as they were looked at: what Docker has done to one since may have undone what we did. */
  readonly members: readonly unknown[];
  /** Whether it is to be looked into again, since a periodic look began. */
  readonly isStale: boolean;
}

/** A namespace to be brought to what it shall be, or looked into. */
interface Due {
  readonly key: string;
  readonly path: string;
  /** Names of its containers, for the log. */
  readonly subject: string;
  readonly digest: string;
  /** What changes with each inspection of one of its containers. */
  readonly members: readonly unknown[];
  /** Whether it shall hold nothing of ours. */
  readonly isEmpty: boolean;
  readonly converge: () => Converged | undefined;
}

export class Reconcile {
  readonly #parts: ReconcileParts;
  /** Namespaces that hold something of ours, or may; by their keys. */
  readonly #kept = new Map<string, Kept>();
  readonly #reports: Reports;
  /** Of what namespaces shall hold, as long as the plan is the very same. */
  readonly #digests = new WeakMap<SandboxDesired, string>();
  readonly #retries = new Retries(() => this.#passes.ask());
  readonly #passes = new Passes(() => this.#pass());
  /** Whether somebody asks, and not the time alone at which something is tried again. */
  #asked = false;
  #thorough = true;
  #first = true;
  #clock: NodeJS.Timeout | undefined;

  constructor(parts: ReconcileParts) {
    this.#parts = parts;
    this.#reports = new Reports(parts.log);
  }

  /** Begins to look by the clock, too. The first pass is somebody's trigger. */
  start(): void {
    this.#clock = setInterval(() => {
      this.#thorough = true;
      this.trigger();
    }, this.#parts.lookInterval);
  }

  /** Stops; what is in force stays. */
  close(): void {
    this.#passes.close();
    clearInterval(this.#clock);
    this.#retries.close();
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    await this.#passes.idle();
  }

  /** Asks for a pass; those asked for during one are folded into a single next one. */
  trigger(): void {
    this.#asked = true;
    this.#passes.ask();
  }

  async #pass(): Promise<void> {
    try {
      await this.#bringAll();
    } catch (err) {
      this.#reports.blind(err);
      if (!this.#passes.isClosed) this.#retries.failed(LOOK);
    }
  }

  /** One look at the world and what follows from it. */
  async #bringAll(): Promise<void> {
    const [thorough, asked] = [this.#thorough, this.#asked];
    this.#thorough = false;
    this.#asked = false;
    const began = performance.now();
    let looked: number;
    let due: Due[];
    try {
      const containers = await this.#parts.look(thorough);
      looked = performance.now();
      const plan = this.#parts.plan(containers);
      this.#reports.mistakes(plan.mistakes);
      due = this.#due(plan, containers, { thorough, asked });
      this.#retries.done(LOOK);
    } catch (err) {
      this.#thorough ||= thorough;
      this.#asked ||= asked;
      throw err;
    }
    const planned = performance.now();
    const enough = 2 * (planned - began) + SHORT_PASS_MS;
    let breathed = planned;
    for (const entry of due) {
      if (this.#passes.isClosed || (this.#passes.isAskedAgain && performance.now() - began > enough)) break;
      this.#bring(entry);
      if (performance.now() - breathed < LONGEST_BREATH_MS) continue;
      // Docker's own calls are answered in between.
      await breathe();
      breathed = performance.now();
    }
    const ms = (from: number, to: number): number => Math.round((to - from) * 10) / 10;
    this.#parts.log.debug(
      {
        namespaces: due.length,
        look: ms(began, looked),
        plan: ms(looked, planned),
        ms: ms(began, performance.now()),
      },
      thorough ? 'a pass over everything' : 'a pass',
    );
  }

  /** What is to be done: first what shall be other than it is, then what is only looked into, last what failed. */
  #due(
    { sandboxes, hostRoutes }: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    { thorough, asked }: { readonly thorough: boolean; readonly asked: boolean },
  ): Due[] {
    const wanted = new Map(sandboxes.map(desired => [desired.netns.key, desired]));
    const isFirst = this.#first;
    this.#first = false;
    // What a daemon before us left is not known: each namespace is looked into once, and those that held something
    // as long as they live.
    for (const { netns, hostNetwork, name } of containers) {
      if (!netns || hostNetwork || wanted.has(netns.key)) continue;
      if (isFirst) this.#forget(netns.key);
      if (this.#kept.has(netns.key)) {
        wanted.set(netns.key, { netns, containers: [name], routes: [], sysctls: [] });
      }
    }
    if (isFirst) this.#forget(HOST);
    // Whose labels may count there is not known in whole: what is in force stays until it is.
    const doubtful = new Set(containers.flatMap(({ isDoubtful, netns }) => (isDoubtful && netns?.key) || []));
    for (const key of doubtful) {
      wanted.delete(key);
      this.#forget(key);
    }
    const members = membersOf(containers);
    const due = [...wanted.values()].map(desired =>
      this.#dueInside(desired, members.get(desired.netns.key) ?? []),
    );
    const keep = containers.some(({ unseenKeys }) => unseenKeys?.includes(HOST_ROUTES));
    if (this.#kept.has(HOST) || hostRoutes.length > 0) due.push(this.#dueOnHost(hostRoutes, keep));
    const present = new Set([...due.map(({ key }) => key), ...doubtful]);
    for (const key of this.#kept.keys()) if (!present.has(key)) this.#kept.delete(key);
    this.#reports.keep(present);
    this.#retries.keep(present);
    if (thorough) for (const [key, kept] of this.#kept) this.#kept.set(key, { ...kept, isStale: true });
    const isKept = ({ key, path, digest, members }: Due): boolean => {
      const kept = this.#kept.get(key);
      return kept?.digest === digest && kept.path === path && sameItems(kept.members, members);
    };
    const isStale = (entry: Due): boolean => isKept(entry) && this.#kept.get(entry.key)!.isStale;
    // What fails may take long each time: nobody waits for it.
    const isFailing = ({ key }: Due): boolean => this.#reports.isFailing(key);
    const others = due.filter(entry => !isFailing(entry));
    const again = due.filter(entry => isFailing(entry) && (asked || !this.#retries.isWaiting(entry.key)));
    return [...others.filter(entry => !isKept(entry)), ...others.filter(isStale), ...again];
  }

  #dueInside(desired: SandboxDesired, members: readonly unknown[]): Due {
    const { netns, containers, table, routes, sysctls } = desired;
    return {
      ...netns,
      members,
      subject: containers.join(', '),
      digest: this.#digestOf(desired),
      isEmpty: !table && routes.length === 0 && sysctls.length === 0,
      converge: () => this.#parts.converge(desired),
    };
  }

  #digestOf(desired: SandboxDesired): string {
    const known = this.#digests.get(desired);
    if (known !== undefined) return known;
    const { table, stamp, routes, sysctls, loopbackTowards } = desired;
    const digest = JSON.stringify([stamp ?? table, routes.map(routeText), sysctls, loopbackTowards]);
    this.#digests.set(desired, digest);
    return digest;
  }

  #dueOnHost(routes: readonly DesiredRoute[], keep: boolean): Due {
    return {
      key: HOST,
      path: '',
      members: [],
      subject: 'the host',
      digest: JSON.stringify([routes.map(routeText), keep]),
      isEmpty: routes.length === 0 && !keep,
      converge: () => this.#parts.convergeHost(routes, keep),
    };
  }

  /** Notes that nothing is known of what a namespace holds. */
  #forget(key: string): void {
    this.#kept.set(key, { path: '', digest: '', members: [], isStale: false });
  }

  /** Brings a namespace to what it shall be. */
  #bring({ key, path, subject, digest, members, isEmpty, converge }: Due): void {
    let outcome: Converged | undefined;
    try {
      outcome = converge();
    } catch (err) {
      outcome = { changes: [], failures: [err as Error] };
    }
    this.#reports.outcome(key, subject, outcome);
    if (outcome && outcome.failures.length > 0) {
      this.#forget(key);
      this.#retries.failed(key);
      return;
    }
    this.#retries.done(key);
    if (!outcome || isEmpty) this.#kept.delete(key);
    else this.#kept.set(key, { path, digest, members, isStale: false });
  }
}

/** What is new whenever a container was inspected anew, by namespace. */
function membersOf(containers: readonly ContainerView[]): Map<string, unknown[]> {
  const members = new Map<string, unknown[]>();
  for (const { netns, attachments } of containers) {
    if (netns) members.set(netns.key, [...(members.get(netns.key) ?? []), attachments]);
  }
  return members;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every(item => b.includes(item));
}

function routeText({ network, gateway }: DesiredRoute): string {
  return `${formatPrefix(network)} ${gateway ? formatAddress(gateway) : ''}`;
}

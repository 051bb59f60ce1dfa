// Keeps every namespace as the labels want it: looks at all containers, plans, and brings to the plan what is not
// there yet. One pass at a time, asked for by events, by the clock and by failures. Not here: what containers look
// like (labels/discovery/containers.ts), what shall be (labels/planner/plan.ts), what of it is not there yet (work-queue.ts), the inside of a namespace
// (labels/namespace/sandbox.ts).

import { setImmediate as breathe } from 'node:timers/promises';
import { Coalescer } from '../../base/coalescer.js';
import type { Log } from '../../base/log.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ApplyResult } from '../namespace/outcome.js';
import type { Plan } from '../planner/plan.js';
import { Backoff } from './backoff.js';
import { Reporter } from './reporter.js';
import { type WorkItem, WorkQueue } from './work-queue.js';

export interface ReconcilerParts {
  /** Every container as it is now. */
  readonly list: (fullResync: boolean) => Promise<readonly ContainerView[]>;
  /** What shall be. */
  readonly plan: (
    containers: readonly ContainerView[],
  ) => Pick<Plan, 'sandboxes' | 'hostRoutes' | 'diagnostics'>;
  /** Brings a namespace to what it shall be; undefined when it is gone. */
  readonly reconcile: (desired: SandboxDesired) => ApplyResult | undefined;
  /** The same with the host's routes. With `keep` those stay that are not wanted. */
  readonly reconcileHost: (routes: readonly DesiredRoute[], keep: boolean) => ApplyResult | undefined;
  /** Is told the keys of all namespaces that hold something of ours, or may: nothing is to be remembered of others. */
  readonly retainOnly?: (keys: ReadonlySet<string>) => void;
  readonly log: Log;
  /** How often the kernel is looked at unasked, in milliseconds. */
  readonly resyncInterval: number;
}

/** After so long a pass makes way for one that was asked for meanwhile; what it did not reach is then taken up. */
const SHORT_PASS_MS = 20;
/** How long others may have to wait for namespaces to be looked into. */
const LONGEST_BREATH_MS = 2;
/** What is tried again when the containers could not be looked at. */
const LOOK = 'look';

export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #dues = new WorkQueue();
  readonly #reports: Reporter;
  readonly #retries = new Backoff(() => this.#passes.trigger());
  readonly #passes = new Coalescer(() => this.#pass());
  /** Whether somebody asks, and not the time alone at which something is tried again. */
  #asked = false;
  #thorough = true;
  #clock: NodeJS.Timeout | undefined;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#reports = new Reporter(parts.log);
  }

  /** Begins to look by the clock, too. The first pass is somebody's trigger. */
  start(): void {
    this.#clock = setInterval(() => {
      this.#thorough = true;
      this.trigger();
    }, this.#parts.resyncInterval);
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
    this.#passes.trigger();
  }

  async #pass(): Promise<void> {
    try {
      await this.#bringAll();
    } catch (err) {
      this.#reports.listFailed(err);
      if (!this.#passes.isClosed) this.#retries.failed(LOOK);
    }
  }

  /** One look at the world and what follows from it. */
  async #bringAll(): Promise<void> {
    const [fullResync, asked] = [this.#thorough, this.#asked];
    this.#thorough = false;
    this.#asked = false;
    const began = performance.now();
    let looked: number;
    let due: WorkItem[];
    try {
      const containers = await this.#parts.list(fullResync);
      looked = performance.now();
      const plan = this.#parts.plan(containers);
      this.#reports.diagnostics(plan.diagnostics);
      due = this.#due(plan, containers, { fullResync, asked });
      this.#retries.done(LOOK);
    } catch (err) {
      this.#thorough ||= fullResync;
      this.#asked ||= asked;
      throw err;
    }
    const planned = performance.now();
    const enough = 2 * (planned - began) + SHORT_PASS_MS;
    let breathed = planned;
    for (const entry of due) {
      if (this.#passes.isClosed || (this.#passes.isPending && performance.now() - began > enough)) break;
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
      fullResync ? 'a pass over everything' : 'a pass',
    );
  }

  /** What is to be done: first what shall be other than it is, then what is only looked into, last what failed. */
  #due(
    plan: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    { fullResync, asked }: { readonly fullResync: boolean; readonly asked: boolean },
  ): WorkItem[] {
    const { changed, stale, present } = this.#dues.schedule(plan, containers, fullResync);
    this.#reports.retainOnly(present);
    this.#retries.retainOnly(present);
    this.#parts.retainOnly?.(present);
    // What fails may take long each time: nobody waits for it. It is among what is not known.
    const isFailing = ({ key }: WorkItem): boolean => this.#reports.isFailing(key);
    const isTried = ({ key }: WorkItem): boolean => asked || !this.#retries.isWaiting(key);
    return [
      ...changed.filter(entry => !isFailing(entry)),
      ...stale,
      ...changed.filter(entry => isFailing(entry) && isTried(entry)),
    ];
  }

  /** Brings a namespace to what it shall be. */
  #bring(due: WorkItem): void {
    const { key, subject } = due;
    let outcome: ApplyResult | undefined;
    try {
      outcome = this.#converge(due.desired);
    } catch (err) {
      outcome = { changes: [], failures: [err as Error] };
    }
    this.#reports.outcome(key, subject, outcome);
    if (outcome && outcome.failures.length > 0) {
      this.#dues.forget(key);
      this.#retries.failed(key);
      return;
    }
    this.#retries.done(key);
    if (outcome) this.#dues.done(due);
    else this.#dues.gone(due);
  }

  #converge(desired: WorkItem['desired']): ApplyResult | undefined {
    const { reconcile: converge, reconcileHost: convergeHost } = this.#parts;
    return 'netns' in desired ? converge(desired) : convergeHost(desired.hostRoutes, desired.keep);
  }
}

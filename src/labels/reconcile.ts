// Keeps every namespace as the labels want it: looks at all containers, plans, and brings to the plan what is not
// there yet. One pass at a time, asked for by events, by the clock and by failures. Not here: what containers look
// like (containers.ts), what shall be (plan.ts), what of it is not there yet (due.ts), the inside of a namespace
// (sandbox.ts).

import { setImmediate as breathe } from 'node:timers/promises';
import type { Log } from '../log.js';
import { Passes } from '../passes.js';
import { type Due, Dues } from './due.js';
import type { Converged } from './outcome.js';
import type { Plan } from './plan.js';
import { Reports } from './reports.js';
import { Retries } from './retries.js';
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
/** What is tried again when the containers could not be looked at. */
const LOOK = 'look';

export class Reconcile {
  readonly #parts: ReconcileParts;
  readonly #dues = new Dues();
  readonly #reports: Reports;
  readonly #retries = new Retries(() => this.#passes.ask());
  readonly #passes = new Passes(() => this.#pass());
  /** Whether somebody asks, and not the time alone at which something is tried again. */
  #asked = false;
  #thorough = true;
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
    plan: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    { thorough, asked }: { readonly thorough: boolean; readonly asked: boolean },
  ): Due[] {
    const { changed, stale, present } = this.#dues.of(plan, containers, thorough);
    this.#reports.keep(present);
    this.#retries.keep(present);
    // What fails may take long each time: nobody waits for it. It is among what is not known.
    const isFailing = ({ key }: Due): boolean => this.#reports.isFailing(key);
    const isTried = ({ key }: Due): boolean => asked || !this.#retries.isWaiting(key);
    return [
      ...changed.filter(entry => !isFailing(entry)),
      ...stale,
      ...changed.filter(entry => isFailing(entry) && isTried(entry)),
    ];
  }

  /** Brings a namespace to what it shall be. */
  #bring(due: Due): void {
    const { key, subject } = due;
    let outcome: Converged | undefined;
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

  #converge(desired: Due['desired']): Converged | undefined {
    const { converge, convergeHost } = this.#parts;
    return 'netns' in desired ? converge(desired) : convergeHost(desired.hostRoutes, desired.keep);
  }
}

// The reconcile loop: lists all containers, plans, and applies what is not in force yet. One pass at a time, triggered by events,
// the clock and failures. Not here: the clock (resync-clock.ts), what is due (work-queue.ts), a namespace (labels/namespace/sandbox.ts).

import { Coalescer } from '../../base/coalescer.js';
import { messageOf } from '../../base/errors.js';
import { finish, type Work } from '../../netlink/work.js';
import type { ContainerView } from '../discovery/container.js';
import type { LifeEvent } from '../discovery/docker-answers.js';
import type { ApplyResult } from '../namespace/outcome.js';
import type { Plan } from '../planner/plan.js';
import { failedAgain, NEVER_FAILED } from './attempts.js';
import { Departures, isGateway } from './departures.js';
import { Overview } from './overview.js';
import { forEach, inPieces } from './pieces.js';
import { Rationed } from './rationed.js';
import type { PlanOf, ReconcilerParts } from './reconciler-parts.js';
import { failureOf, Reporter } from './reporter.js';
import { ResyncClock } from './resync-clock.js';
import { RoutesInForce } from './routes-in-force.js';
import { isApplied, type ScheduleOptions, type WorkItem, WorkQueue } from './work-queue.js';

/** What could not be mended is read again in a pass after so long, in milliseconds. */
const RECHECK_MS = 1_000;
/** After this long a pass yields to one that was triggered meanwhile, which takes up the rest. */
const SHORT_PASS_MS = 20;
/** Plans in a row that are given up since a gateway has ended meanwhile: one that ends again and again would have none made. */
const MAX_GIVEN_UP = 3;
export class Reconciler {
  readonly #parts: ReconcilerParts;
  readonly #queue = new WorkQueue();
  /** What is in force, for whoever asks. */
  readonly overview = new Overview(this.#queue);
  readonly #reporter: Reporter;
  readonly #routes = new RoutesInForce();
  readonly #departures = new Departures();
  readonly #closing = new Rationed(() => this.#closeWaysToEnded());
  /** Plans that were made at an end: a pass that was under way goes by an older one. */
  #closures = 0;
  /** Plans given up in a row. */
  #givenUp = 0;
  #listAttempts = NEVER_FAILED;
  /** While a plan is made in pieces: what it is made of, and who has ended meanwhile. */
  #planning: { readonly containers: readonly ContainerView[]; readonly ended: string[] } | undefined;
  /** When what could not be mended is due. */
  #checkedAt = 0;
  #routesAsked: ReadonlySet<string> | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  readonly #loop = new Coalescer(() => this.#pass());
  /** Whether the next pass was triggered, and not only due by a retry. */
  #isTriggered = false;
  #fullResync = true;
  /** Keys of namespaces that held something of ours, or might, by the last plan. */
  #live: ReadonlySet<string> = new Set();
  #clock: ResyncClock | undefined;

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
    this.#reporter = new Reporter(parts.log);
  }

  /** Starts the resync timer. The first pass has to be triggered. */
  start(): void {
    const resync = (): void => {
      this.#fullResync = true;
      this.trigger();
    };
    this.#clock = new ResyncClock(resync, this.#parts.resyncInterval, () => this.#now());
  }

  /** Stops; what is in force stays in force. */
  close(): void {
    this.#loop.close();
    this.#closing.close();
    this.#clock?.close();
    clearTimeout(this.#retryTimer);
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    await this.#loop.idle();
  }

  /** Requests a pass; requests during a pass are coalesced into a single next one. */
  trigger(): void {
    this.#isTriggered = true;
    this.#loop.trigger();
  }

  /** Takes note of a container's start or end; of nothing: of these some may have been missed. */
  lived(event?: LifeEvent): void {
    this.#departures.note(event);
    if (event?.action !== 'die' || this.#loop.isClosed) return;
    this.#planning?.ended.push(event.id);
    this.#closeWaysTo(event.id);
  }

  #closeWaysTo(ended: string): void {
    if (!isGateway(ended, this.overview.led)) return;
    // A pass under way leads to it no more.
    this.#closures++;
    this.#closing.request();
  }

  #closeWaysToEnded(): void {
    try {
      const known = this.#planning?.containers ?? this.overview.led.containers;
      const rest = this.#departures.apply(known);
      this.#closures++;
      const plan = finish(this.#plan(rest));
      this.#reporter.diagnostics(plan.diagnostics);
      const due = this.#schedule(plan, rest, { fullResync: false, triggered: false, onlyChanged: true });
      if (!this.overview.listing) this.overview.planned(plan, rest);
      for (const entry of due) this.#apply(entry);
      this.#armRetry();
    } catch (err) {
      this.#parts.log.debug({ err: messageOf(err) }, 'the next pass closes what leads to one that ended');
    }
  }

  /** Requests a pass in which namespaces are read. */
  recheck(...keys: readonly string[]): void {
    this.#queue.recheck(...keys);
    this.trigger();
  }

  /** Reads a namespace at once, and mends it: somebody has changed it. Where another state is due, its pass does that. */
  mend(key: string): void {
    const item = this.#queue.item(key);
    if (!item || item.isHeld || (!isApplied(item) && item.attempts === 0)) return;
    const isPutOff = this.#closing.isWaiting || (item.restsUntil ?? 0) > this.#now();
    if (isPutOff || !this.#apply(item, true)) {
      this.#queue.recheck(key);
      // It may be about to end. How often passes are made for it is not up to it.
      if (!isPutOff) this.#checkedAt = this.#now() + RECHECK_MS;
      this.#armRetry();
    }
    // What relies on its routes is planned anew.
    if (this.#routes.haveChangedFor(this.#routesAsked)) this.#loop.trigger();
  }

  async #pass(): Promise<void> {
    const began = performance.now();
    const { counts } = this.overview;
    try {
      await this.#reconcileAll();
      counts.passes.succeeded++;
    } catch (err) {
      counts.passes.failed++;
      const text = `cannot list the containers: ${messageOf(err)}`;
      this.#listAttempts = failedAgain(this.#listAttempts, text, this.#now());
      this.#reporter.listFailed(err, this.#listAttempts);
      this.overview.listFailed(text);
    }
    counts.ms += performance.now() - began;
    this.#armRetry();
  }

  /** Lists, plans and applies. */
  async #reconcileAll(): Promise<void> {
    const [fullResync, triggered] = [this.#fullResync, this.#isTriggered];
    [this.#fullResync, this.#isTriggered] = [false, false];
    const began = performance.now();
    let listed: number;
    let due: readonly WorkItem[];
    let plan: PlanOf;
    let closures: number;
    try {
      this.#departures.begin(fullResync);
      const containers = this.#departures.apply(await this.#parts.list(fullResync));
      listed = performance.now();
      closures = this.#closures;
      const planning = { containers, ended: [] as string[] };
      this.#planning = planning;
      const isOver = (): boolean => this.#loop.isClosed || closures !== this.#closures;
      const planned = this.#plan(containers);
      const made = this.#givenUp < MAX_GIVEN_UP ? await inPieces(planned, isOver) : finish(planned);
      this.#planning = undefined;
      this.#givenUp = made ? 0 : this.#givenUp + 1;
      if (!made) {
        // It leads to somebody who has ended, or nobody waits for it.
        [this.#fullResync, this.#isTriggered] = [this.#fullResync || fullResync, true];
        this.#loop.trigger();
        return;
      }
      plan = made;
      this.#routesAsked = plan.routesAsked;
      this.#reporter.diagnostics(plan.diagnostics);
      due = this.#schedule(plan, containers, { fullResync, triggered });
      this.overview.planned(plan, containers);
      this.#listAttempts = NEVER_FAILED;
      for (const id of planning.ended) this.#closeWaysTo(id);
    } catch (err) {
      this.#planning = undefined;
      this.#fullResync ||= fullResync;
      this.#isTriggered ||= triggered;
      throw err;
    }
    const planned = performance.now();
    if (fullResync) this.#clock?.took(planned - began, this.#now());
    const enough = 2 * (planned - began) + SHORT_PASS_MS;
    // What failed, or rests, is no reason to list and plan anew amid a long pass: it is taken up behind it.
    const isEnough = (): boolean => this.#isTriggered && performance.now() - began > enough;
    const isOver = (): boolean => this.#loop.isClosed || closures !== this.#closures;
    await inPieces(
      forEach(due, isEnough, entry => this.#apply(entry)),
      isOver,
    );
    if (closures !== this.#closures) this.#loop.trigger();
    // What depends on routes that have just come into force, or gone, is planned anew.
    if (this.#routes.haveChangedFor(plan.routesAsked)) this.#loop.trigger();
    this.#reporter.passed(due.length, fullResync, [began, listed, planned]);
  }

  *#plan(containers: readonly ContainerView[]): Work<PlanOf> {
    const { plan, holdsRoutes } = this.#parts;
    const found = yield* plan(containers, this.#routes.inForce());
    if (!holdsRoutes || !this.#routes.adopt(found, holdsRoutes)) return found;
    return yield* plan(containers, this.#routes.inForce());
  }

  #schedule(
    plan: Pick<Plan, 'sandboxes' | 'hostRoutes'>,
    containers: readonly ContainerView[],
    why: Omit<ScheduleOptions, 'now'>,
  ): readonly WorkItem[] {
    const { due, live } = this.#queue.schedule(plan, containers, { ...why, now: this.#now() });
    const hasGone = [...this.#live].some(key => !live.has(key));
    this.#live = live;
    if (!hasGone) return due;
    this.#reporter.retainOnly(live);
    this.#routes.retainOnly(live);
    this.overview.retainOnly(live);
    this.#parts.retainOnly?.(live);
    return due;
  }

  /** Reconciles one namespace, and records the outcome. @param isMend a failure counts not yet @returns whether it has failed not */
  #apply(item: WorkItem, isMend = false): boolean {
    const began = this.#now();
    let outcome: ApplyResult | undefined;
    try {
      const [{ reconcile, reconcileHost }, { desired }] = [this.#parts, item];
      if ('netns' in desired) outcome = reconcile(desired);
      else outcome = reconcileHost(desired.hostRoutes, desired.prune);
    } catch (err) {
      outcome = { changes: [], failures: [err as Error] };
    }
    let reported = item;
    if (!outcome) this.#queue.gone(item);
    else if (outcome.failures.length === 0) this.#queue.done(item);
    else if (!isMend) reported = this.#queue.failed(item, failureOf(outcome), this.#now());
    if ('netns' in item.desired) this.#routes.record(item.desired, outcome, this.#now());
    const ended = this.#now();
    this.#queue.took(item, ended - began, ended);
    if (isMend) this.#reporter.mended(reported, outcome, ended);
    else this.#reporter.outcome(reported, outcome);
    this.overview.applied(reported, outcome);
    return !outcome || outcome.failures.length === 0;
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now();
  }

  /** Sets the timer for the next retry. */
  #armRetry(): void {
    clearTimeout(this.#retryTimer);
    if (this.#loop.isClosed) return;
    const now = this.#now();
    const known = [this.#queue.nextRetry(now) ?? 0, this.#listAttempts.retryAt, this.#checkedAt];
    const times = known.filter(at => at > now);
    if (times.length === 0) return;
    const wait = Math.max(1, Math.ceil(Math.min(...times) - now));
    this.#retryTimer = setTimeout(() => this.#loop.trigger(), wait);
  }
}

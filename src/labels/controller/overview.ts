// What is in force of all labels, what is not, why, and since when: of the last plan and what came of applying it. Nothing is
// computed before somebody asks. Not here: the log (reporter.ts), what is due (work-queue.ts), the state of one container
// (labelled-state.ts).

import type { LabelledState, LabelledStatus, LabelProblem } from '../../control/answers.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import type { ApplyResult } from '../namespace/outcome.js';
import type { Plan } from '../planner/plan.js';
import { ALL_LABELS, diagnostic } from '../spec/diagnostics.js';
import type { Diagnostic } from '../spec/intent.js';
import { hasLabels, stateOf } from './labelled-state.js';
import type { WorkItem, WorkQueue } from './work-queue.js';

/** What of a plan matters here. */
export type PlanFacts = Pick<Plan, 'sandboxes' | 'diagnostics'> &
  Partial<Pick<Plan, 'warnings' | 'waiting' | 'resolved' | 'hostRoutes'>>;

/** Containers, and where labels lead. */
export type Led = Pick<Plan, 'resolved' | 'hostRoutes' | 'sandboxes' | 'diagnostics'> & {
  readonly containers: readonly ContainerView[];
};

/** What was found when a namespace was last reconciled. */
interface Found {
  /** Since its table was installed last. */
  readonly refused: readonly Diagnostic[];
  readonly warnings: readonly string[];
  readonly isClosed: boolean;
  /** Absent: the last time all went well. Milliseconds since 1970. */
  readonly failingSince?: number;
}

/** How often, and for how long in milliseconds. */
interface PassCounts {
  readonly passes: { succeeded: number; failed: number };
  readonly applied: { succeeded: number; failed: number };
  ms: number;
}

const TABLE_CHANGES: readonly string[] = ['createTable', 'replaceTable', 'deleteTable'];
const NOT_YET = 'it is not applied yet: the next pass does that';
const NOT_INSPECTED = 'Docker cannot inspect the container: what was applied last stays';
const INDETERMINATE =
  'a container that Docker cannot inspect may share the network namespace: what was applied last stays';
const WAITING = 'the DNS has not answered yet for a host in it';

export class Overview {
  readonly #queue: Pick<WorkQueue, 'item'>;
  readonly #clock: () => number;
  #containers: readonly ContainerView[] = [];
  #plan: PlanFacts | undefined;
  /** Milliseconds since 1970. */
  #plannedAt = 0;
  /** When each of the texts of now was first one. */
  #since = new Map<string, number>();
  /** By the keys of the namespaces. */
  readonly #found = new Map<string, Found>();
  /** Why there is no listing of the containers, and since when in milliseconds since 1970; absent: there is one. */
  listing: { readonly reason: string; readonly since: number } | undefined;
  readonly counts: PassCounts = {
    passes: { succeeded: 0, failed: 0 },
    applied: { succeeded: 0, failed: 0 },
    ms: 0,
  };

  /** @param clock milliseconds since 1970 */
  constructor(queue: Pick<WorkQueue, 'item'>, clock: () => number = Date.now) {
    this.#queue = queue;
    this.#clock = clock;
    this.listing = { reason: 'the containers have not been listed yet', since: clock() };
  }

  /** Records a plan and the containers that it was made for. */
  planned(plan: PlanFacts, containers: readonly ContainerView[]): void {
    this.#containers = containers;
    this.listing = undefined;
    // In most passes nothing has changed.
    if (plan === this.#plan) return;
    this.#plan = plan;
    this.#plannedAt = this.#clock();
    this.#stamp();
  }

  /** Records what came of applying a namespace's state; undefined where it is gone. */
  applied({ key }: WorkItem, outcome: ApplyResult | undefined): void {
    if (!outcome) {
      this.#found.delete(key);
      return;
    }
    const { failures, changes, refused, warnings = [], notices = [], isClosed } = outcome;
    this.counts.applied[failures.length === 0 ? 'succeeded' : 'failed']++;
    const before = this.#found.get(key);
    // They are told when a table is installed, and not again while it stays.
    const isPlaced = changes.some(({ kind }) => TABLE_CHANGES.includes(kind));
    const now: Found = {
      refused: refused ?? (isPlaced ? [] : (before?.refused ?? [])),
      warnings: failures.length === 0 ? [...warnings, ...notices] : (before?.warnings ?? []),
      isClosed: isClosed === true,
      ...(failures.length > 0 && { failingSince: before?.failingSince ?? this.#clock() }),
    };
    this.#found.set(key, now);
    const texts = textsOf(key, now);
    for (const over of before ? textsOf(key, before) : [])
      if (!texts.includes(over)) this.#since.delete(over);
    for (const text of texts) this.#first(text);
  }

  /** Records why the containers cannot be listed. */
  listFailed(reason: string): void {
    const known = this.listing;
    this.listing = { reason, since: known?.reason === reason ? known.since : this.#clock() };
  }

  /** Forgets all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#found.keys()) if (!keys.has(key)) this.#found.delete(key);
  }

  /** The desired state of a container's namespace; undefined where it has none, or no label there counts. */
  desired({ netns }: ContainerView): SandboxDesired | undefined {
    return this.#plan?.sandboxes.find(desired => desired.netns.key === netns?.key);
  }

  /** All that the last plan was made for, and where labels lead by it. */
  get led(): Led {
    const { resolved = [], hostRoutes = [], sandboxes = [], diagnostics = [] } = this.#plan ?? {};
    return { containers: this.#containers, resolved, hostRoutes, sandboxes, diagnostics };
  }

  /** Every container with labels, as Docker lists them. */
  labelled(): readonly ContainerView[] {
    return this.#containers.filter(hasLabels);
  }

  containers(): readonly LabelledStatus[] {
    const problems = this.#problemsByContainer();
    return this.labelled().map(container => this.#statusOf(container, problems));
  }

  #statusOf(container: ContainerView, problems: ReadonlyMap<string, Problems>): LabelledStatus {
    const { name, id, netns } = container;
    const item = netns && this.#queue.item(netns.key);
    const state = stateOf(container, item);
    const own = problems.get(diagnostic(name, '', '').container) ?? { notInForce: [], warnings: [] };
    const found = netns && this.#found.get(netns.key);
    const count = container.unverified?.labels.size ?? container.labels.size;
    const warnings = (found?.warnings ?? []).map(text => this.#problem(ALL_LABELS, text, netns!.key));
    const whole = this.#whyNone(state, container, item);
    const notInForce = [...(whole ? [whole] : []), ...own.notInForce];
    return {
      name: diagnostic(name, '', '').container,
      id,
      state,
      labels: count + container.imageLabels.length,
      inForce: state === 'applied' ? Math.max(0, count - countOf(notInForce, count)) : 0,
      notInForce,
      warnings: [...own.warnings, ...warnings],
      isClosed: found?.isClosed === true,
    };
  }

  /** Why none of a container's labels counts as in force, where that is so. */
  #whyNone(
    state: LabelledState,
    container: ContainerView,
    item: WorkItem | undefined,
  ): LabelProblem | undefined {
    const since = new Date(this.#found.get(item?.key ?? '')?.failingSince ?? this.#plannedAt).toISOString();
    if (state === 'failing') return { label: ALL_LABELS, reason: item?.lastError ?? '', since };
    if (state === 'pending') return { label: ALL_LABELS, reason: NOT_YET, since };
    if (state === 'frozen' && container.unverifiedLabelKeys)
      return this.#problem(ALL_LABELS, NOT_INSPECTED, container.id);
    if (state === 'frozen' && container.isIndeterminate)
      return this.#problem(ALL_LABELS, INDETERMINATE, container.id);
    return undefined;
  }

  #problemsByContainer(): ReadonlyMap<string, Problems> {
    const found = new Map<string, Problems>();
    const of = (container: string): Problems => {
      const known = found.get(container) ?? { notInForce: [], warnings: [] };
      found.set(container, known);
      return known;
    };
    for (const [one, isWarning] of this.#diagnostics()) {
      const { container, key, message } = one;
      of(container)[isWarning ? 'warnings' : 'notInForce'].push(this.#problem(key, message, container));
    }
    return found;
  }

  /** All that are known now, with whether their labels are in force even so. */
  *#diagnostics(): Generator<readonly [Diagnostic, boolean]> {
    const { diagnostics = [], warnings, waiting = [] } = this.#plan ?? {};
    for (const one of diagnostics) yield [one, warnings?.has(one) === true];
    for (const one of waiting) yield [{ ...one, message: WAITING }, false];
    for (const { refused } of this.#found.values()) for (const one of refused) yield [one, false];
  }

  #problem(label: string, reason: string, of: string): LabelProblem {
    const at = this.#first(textOf(of, label, reason));
    return { label, reason, since: new Date(at).toISOString() };
  }

  #first(text: string): number {
    const at = this.#since.get(text) ?? this.#clock();
    this.#since.set(text, at);
    return at;
  }

  /** Notes the time of what is new, and forgets what is over. */
  #stamp(): void {
    const now = this.#clock();
    const since = new Map<string, number>();
    const keep = (text: string): unknown => since.set(text, this.#since.get(text) ?? now);
    for (const [{ container, key, message }] of this.#diagnostics()) keep(textOf(container, key, message));
    for (const [key, found] of this.#found)
      if (found.refused.length + found.warnings.length > 0)
        for (const text of textsOf(key, found)) keep(text);
    for (const { id, unverifiedLabelKeys, isIndeterminate } of this.#containers) {
      if (unverifiedLabelKeys) keep(textOf(id, ALL_LABELS, NOT_INSPECTED));
      else if (isIndeterminate) keep(textOf(id, ALL_LABELS, INDETERMINATE));
    }
    this.#since = since;
  }
}

interface Problems {
  readonly notInForce: LabelProblem[];
  readonly warnings: LabelProblem[];
}

function textOf(of: string, label: string, text: string): string {
  return `${of}\n${label}\n${text}`;
}

/** Of what was found in a namespace. */
function textsOf(netns: string, { refused, warnings }: Found): string[] {
  return [
    ...refused.map(({ container, key, message }) => textOf(container, key, message)),
    ...warnings.map(text => textOf(netns, ALL_LABELS, text)),
  ];
}

/** How many labels the problems are about: each once, and where it is all of them all. */
function countOf(problems: readonly LabelProblem[], all: number): number {
  const keys = new Set(problems.map(({ label }) => label));
  return keys.has(ALL_LABELS) ? all : keys.size;
}

// One target fuzzed: inputs by the hundred, and those that reach a new block of src/ become the ground of others. Not
// here: how inputs are changed (mutator.ts), where they are kept (corpus.ts).
import { performance } from 'node:perf_hooks';
import { Script } from 'node:vm';
import type { Random } from '../support/random.js';
import type { Coverage } from './coverage.js';
import { Mutator } from './mutator.js';
import { complaint, complaintAbout, type Target } from './target.js';

/** Inputs between two looks at what has run: a look costs as much as some dozens of them. */
const BATCH = 256;
/** Of a batch in which something is new. */
const PART = 16;
/** What one input may take, in milliseconds of processor time; less than the square of the longest takes. */
const SLOW_MS = 150;
/** An input that takes longer is given up, in milliseconds. */
const HANGS_AFTER_MS = 20_000;
/** Work between two times at which it counts as alive, in milliseconds. */
const SLICE_MS = 2_000;
/** Beyond them a finding is the same one again. */
const MOST_FINDINGS = 3;

export interface Finding {
  readonly input: Buffer;
  readonly complaint: string;
}

export interface Outcome {
  executions: number;
  /** Inputs that reached a block that no other did. */
  readonly added: Buffer[];
  readonly findings: Finding[];
}

export interface Bounds {
  /** Of executions. */
  readonly runs: number;
  /** As performance.now() has it. */
  readonly until: number;
}

const GUARDED = Symbol.for('dwgd.fuzz');
const callGuarded = new Script(`globalThis[Symbol.for('dwgd.fuzz')]()`);

/** Runs a synchronous function, which is ended from outside when it hangs. @throws Error when it was */
function runGuarded(work: () => void): void {
  Object.assign(globalThis, { [GUARDED]: work });
  callGuarded.runInThisContext({ timeout: HANGS_AFTER_MS });
}

export class Fuzzer {
  readonly outcome: Outcome = { executions: 0, added: [], findings: [] };
  readonly #target: Target;
  readonly #coverage: Coverage;
  readonly #mutator: Mutator;
  readonly #corpus: Buffer[];

  /** @param seeds at least one */
  constructor(target: Target, seeds: readonly Buffer[], coverage: Coverage, random: Random) {
    this.#target = target;
    this.#coverage = coverage;
    this.#mutator = new Mutator(random, target.kind, target.words, target.max);
    this.#corpus = seeds.length > 0 ? [...seeds] : [Buffer.alloc(0)];
  }

  /** @param progress called after each batch */
  async run(bounds: Bounds, progress: (outcome: Outcome) => void = () => undefined): Promise<Outcome> {
    await this.#batch(this.#corpus);
    this.#coverage.take(true);
    const { outcome } = this;
    while (
      outcome.executions < bounds.runs &&
      performance.now() < bounds.until &&
      outcome.findings.length < MOST_FINDINGS
    ) {
      const inputs = Array.from({ length: BATCH }, () => this.#mutator.mutate(this.#corpus));
      await this.#batch(inputs);
      if (this.#coverage.take(false)) await this.#keepNew(inputs);
      progress(outcome);
    }
    return outcome;
  }

  /** Finds those of a batch that reached something new: by parts, since nearly all of them did not. */
  async #keepNew(inputs: readonly Buffer[], part = PART): Promise<void> {
    for (let at = 0; at < inputs.length; at += part) {
      const some = inputs.slice(at, at + part);
      for (const input of some) await complaint(this.#target, input);
      if (!this.#coverage.take(part === 1)) continue;
      if (part > 1) await this.#keepNew(some, 1);
      else {
        this.#corpus.push(...some);
        this.outcome.added.push(...some);
      }
    }
  }

  async #batch(inputs: readonly Buffer[]): Promise<void> {
    const slow: Buffer[] = [];
    for (let at = 0; at < inputs.length; ) {
      const begun = performance.now();
      let waiting: unknown;
      const work = (): void => {
        while (at < inputs.length && performance.now() - begun < SLICE_MS && !(waiting instanceof Promise)) {
          const started = performance.now();
          try {
            waiting = this.#target.run(inputs[at]!);
          } catch (err) {
            this.#report(inputs[at]!, complaintAbout(this.#target, err));
          }
          if (performance.now() - started > SLOW_MS) slow.push(inputs[at]!);
          at++;
        }
      };
      try {
        runGuarded(work);
        if (waiting instanceof Promise) await inTime(waiting);
      } catch (err) {
        // One that waited has been counted already; one that hangs has not.
        const last = waiting instanceof Promise ? at - 1 : at++;
        this.#report(inputs[last]!, complaintAbout(this.#target, err));
      }
    }
    this.outcome.executions += inputs.length;
    // The wall clock first, because it is cheap; what it finds slow is weighed by processor time.
    for (const input of slow) {
      const cost = await this.#cost(input);
      if (cost > SLOW_MS) this.#report(input, `takes ${Math.round(cost)} ms for ${input.length} bytes`);
    }
  }

  /** Of several tries the least, in milliseconds: the machine does other things, too. */
  async #cost(input: Buffer): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 4 && least > SLOW_MS; tries++) {
      const before = process.cpuUsage();
      await complaint(this.#target, input);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / 1000);
    }
    return least;
  }

  /** One of each place in the code. */
  #report(input: Buffer, wrong: string | undefined): void {
    const { findings } = this.outcome;
    if (wrong === undefined) return;
    if (findings.every(({ complaint }) => placeOf(complaint) !== placeOf(wrong))) {
      findings.push({ input, complaint: wrong });
    }
  }
}

/** Where an error was thrown: the first line of its stack; else what is wrong, without its numbers. */
function placeOf(complaint: string): string {
  return /^ +at .*$/m.exec(complaint)?.[0] ?? complaint.replace(/\d+/g, '').slice(0, 40);
}

/** What waits for something else than the processor, and so can be given up. */
async function inTime(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still waiting after ${HANGS_AFTER_MS} ms`)), HANGS_AFTER_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

// The log of labels that are not in force: each once while it lasts, and what may be over in a moment only when it has lasted.
// Not here: which mistakes there are (labels/planner/plan.ts, labels/spec/parse.ts), what came of namespaces (reporter.ts).

import type { Log } from '../../base/log.js';
import type { Diagnostic } from '../spec/intent.js';

/** How much of what was said once is remembered; the oldest is forgotten. */
const MAX_SAID = 1024;
/** A label that waits for another container, or for a name, is told after so long: a container that restarts is back by then. */
const LASTS_MS = 3_000;
/** One that waits no more is remembered for so long, and told all the same when it comes so many times; and how many of them. */
const [GRACE_MS, TIMES, MAX_GONE] = [60_000, 3, 1024] as const;

/** A label of a container that waits, or did a short while ago, whatever for. */
interface Wait {
  /** Since when it waits. */
  readonly since: number;
  /** How often it has begun to. */
  readonly times: number;
  /** When it was seen to wait no more. */
  goneAt?: number;
  /** Whether it was told. */
  isTold?: true;
}

export class Mistakes {
  readonly #log: Log;
  /** Those that hold, each with the time at which it is told; undefined once it has been. */
  #holding: ReadonlyMap<string, number | undefined> = new Map();
  /** What is told later. */
  readonly #later = new Map<string, Diagnostic>();
  /** By container and label; those that wait no more in the order in which they ceased to. */
  readonly #waits = new Map<string, Wait>();
  #timer: NodeJS.Timeout | undefined;
  /** What is said once while the daemon runs, and has been. */
  readonly #said = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Tells each mistake when it is new. @param diagnostics all that there are now */
  report(diagnostics: readonly Diagnostic[]): void {
    const now = performance.now();
    this.#takeNote(diagnostics, now);
    const holding = new Map<string, number | undefined>();
    for (const one of diagnostics) {
      const { once, isWaiting } = one;
      if (once !== undefined && !this.#isFirst(once)) continue;
      const text = textOf(one);
      if (holding.has(text)) continue;
      if (this.#holding.has(text)) holding.set(text, this.#holding.get(text));
      else if (isWaiting) {
        holding.set(text, this.#dueOf(one, now));
        this.#later.set(text, one);
      } else {
        holding.set(text, undefined);
        this.#tell(one);
      }
    }
    this.#holding = holding;
    for (const text of this.#later.keys()) if (!holding.has(text)) this.#later.delete(text);
    this.#tellLasting();
  }

  /** Which labels wait, since when and for which time. */
  #takeNote(diagnostics: readonly Diagnostic[], now: number): void {
    const waiting = new Set(diagnostics.filter(({ isWaiting }) => isWaiting).map(subjectOf));
    for (const subject of waiting) {
      const before = this.#waits.get(subject);
      if (before && before.goneAt === undefined) continue;
      const isBack = before?.goneAt !== undefined && now - before.goneAt < GRACE_MS;
      this.#waits.set(subject, { since: now, times: isBack ? before.times + 1 : 1 });
    }
    let gone = 0;
    for (const [subject, wait] of [...this.#waits]) {
      if (waiting.has(subject)) continue;
      if (wait.goneAt === undefined) {
        wait.goneAt = now;
        this.#waits.delete(subject);
        this.#waits.set(subject, wait);
      }
      gone++;
    }
    for (const [subject, { goneAt }] of this.#waits) {
      if (goneAt === undefined) continue;
      if (now - goneAt < GRACE_MS && gone <= MAX_GONE) break;
      this.#waits.delete(subject);
      gone--;
    }
  }

  /** When something new is told that a label waits for. */
  #dueOf(one: Diagnostic, now: number): number {
    const { since, times, isTold } = this.#waits.get(subjectOf(one))!;
    if (times === TIMES && !isTold) return now;
    // It has been told that it comes and goes: what it is now is news when it has stayed so.
    if (times >= TIMES) return now + GRACE_MS;
    return (isTold ? now : since) + LASTS_MS;
  }

  #tell({ container, key, message, isError }: Diagnostic, prefix = ''): void {
    this.#log[isError ? 'error' : 'warn']({ container, label: key }, `${prefix}${message}`);
  }

  /** Tells what is due, and in time what is to be told later. */
  #tellLasting(): void {
    clearTimeout(this.#timer);
    const now = performance.now();
    const holding = new Map(this.#holding);
    let next = Number.POSITIVE_INFINITY;
    for (const [text, one] of this.#later) {
      const due = holding.get(text) ?? 0;
      if (now < due) {
        next = Math.min(next, due);
        continue;
      }
      holding.set(text, undefined);
      this.#later.delete(text);
      const wait = this.#waits.get(subjectOf(one))!;
      this.#tell(one, wait.times === TIMES && !wait.isTold ? 'comes and goes: ' : '');
      wait.isTold = true;
    }
    this.#holding = holding;
    if (this.#later.size > 0) this.#timer = setTimeout(() => this.#tellLasting(), next - now + 1).unref();
  }

  /** Whether it is said for the first time. */
  #isFirst(once: string): boolean {
    if (this.#said.has(once)) return false;
    this.#said.add(once);
    // Labels may say ever different things.
    if (this.#said.size > MAX_SAID) this.#said.delete(this.#said.values().next().value!);
    return true;
  }
}

function subjectOf({ container, key }: Diagnostic): string {
  return `${container}\n${key}`;
}

function textOf(one: Diagnostic): string {
  return `${subjectOf(one)}\n${one.message}`;
}

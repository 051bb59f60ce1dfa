// The log of labels that are not in force: each once while it lasts, and what may be over in a moment only when it has lasted.
// Not here: which mistakes there are (labels/planner/plan.ts, labels/spec/parse.ts), what came of namespaces (reporter.ts).

import type { Log } from '../../base/log.js';
import type { Diagnostic } from '../spec/intent.js';

/** How much of what was said once is remembered; the oldest is forgotten. */
const MAX_SAID = 1024;
/** A label that waits for another container, or for a name, is told after so long: a container that restarts is back by then. */
const LASTS_MS = 3_000;

export class Mistakes {
  readonly #log: Log;
  readonly #lastsMs: number;
  /** Those that hold, each with the time at which it is told; undefined once it has been. */
  #holding: ReadonlyMap<string, number | undefined> = new Map();
  /** What is told later. */
  readonly #later = new Map<string, Diagnostic>();
  #timer: NodeJS.Timeout | undefined;
  /** What is said once while the daemon runs, and has been. */
  readonly #said = new Set<string>();

  /** @param lastsMs after how many milliseconds it is told that a label waits */
  constructor(log: Log, lastsMs = LASTS_MS) {
    this.#log = log;
    this.#lastsMs = lastsMs;
  }

  /** Tells each mistake when it is new. @param diagnostics all that there are now */
  report(diagnostics: readonly Diagnostic[]): void {
    const holding = new Map<string, number | undefined>();
    for (const one of diagnostics) {
      const { container, key, message, once, isWaiting } = one;
      if (once !== undefined && !this.#isFirst(once)) continue;
      const text = `${container}\n${key}\n${message}`;
      if (holding.has(text)) continue;
      if (this.#holding.has(text)) holding.set(text, this.#holding.get(text));
      else if (isWaiting) {
        holding.set(text, performance.now() + this.#lastsMs);
        this.#later.set(text, one);
      } else {
        holding.set(text, undefined);
        this.#tell(one);
      }
    }
    this.#holding = holding;
    for (const text of this.#later.keys()) if (!holding.has(text)) this.#later.delete(text);
    this.#arm();
  }

  #tell({ container, key, message, isError }: Diagnostic): void {
    this.#log[isError ? 'error' : 'warn']({ container, label: key }, message);
  }

  /** Tells in time what is to be told later. */
  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#later.size === 0) return;
    const next = Math.min(...[...this.#later.keys()].map(text => this.#holding.get(text) ?? 0));
    this.#timer = setTimeout(() => this.#tellLasting(), Math.max(0, next - performance.now()) + 1).unref();
  }

  #tellLasting(): void {
    const holding = new Map(this.#holding);
    for (const [text, one] of this.#later) {
      if (performance.now() < (holding.get(text) ?? 0)) continue;
      holding.set(text, undefined);
      this.#later.delete(text);
      this.#tell(one);
    }
    this.#holding = holding;
    this.#arm();
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

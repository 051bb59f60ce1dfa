// Looks that are due because something has happened: each soon, one in a turn of the loop, and no subject often, whoever makes
// it happen. Not here: what a look is, what has happened (drift-watch.ts).

import { setTimeout as sleep } from 'node:timers/promises';

/** What happens at once is often more than one event, and the first comes before all is done. */
const SETTLE_MS = 4;
/** A look costs its subject so many times as long as it took. It may owe so much until it has to wait; both in milliseconds. */
const [COST_FACTOR, MAX_COST_MS, CREDIT_MS] = [20, 30_000, 1_000] as const;
/** The longest rest between two looks, in milliseconds. */
const MAX_REST_MS = 50;

export class DueLooks {
  readonly #look: (key: string) => void;
  /** When each is due, by the clock of performance.now(). */
  readonly #due = new Map<string, number>();
  /** When all that each owes is paid. */
  readonly #paid = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isClosed = false;

  /** @param look synchronous; never throws */
  constructor(look: (key: string) => void) {
    this.#look = look;
  }

  mark(key: string): void {
    if (this.#due.has(key)) return;
    const owed = (this.#paid.get(key) ?? 0) - CREDIT_MS;
    this.#due.set(key, Math.max(performance.now() + SETTLE_MS, owed));
    this.#arm();
  }

  /** It is not due any more; what it owes stays. */
  drop(key: string): void {
    this.#due.delete(key);
  }

  /** Forgets all others. */
  retainOnly(keys: ReadonlyMap<string, unknown>): void {
    for (const known of [this.#due, this.#paid])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    if (this.#isRunning || this.#isClosed || this.#due.size === 0) return;
    clearTimeout(this.#timer);
    let first = Number.POSITIVE_INFINITY;
    for (const at of this.#due.values()) first = Math.min(first, at);
    const wait = Math.max(0, Math.ceil(first - performance.now()));
    this.#timer = setTimeout(() => void this.#run(), wait).unref();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const now = performance.now();
    for (const [key, at] of [...this.#due]) {
      if (this.#isClosed) return;
      if (at > now || !this.#due.delete(key)) continue;
      const began = performance.now();
      this.#look(key);
      const ended = performance.now();
      const cost = Math.min((ended - began) * COST_FACTOR, MAX_COST_MS);
      this.#paid.set(key, Math.max(ended, this.#paid.get(key) ?? 0) + cost);
      // Half of the time is for others, however many subjects there are.
      await sleep(Math.min(ended - began, MAX_REST_MS));
    }
    this.#isRunning = false;
    this.#arm();
  }
}

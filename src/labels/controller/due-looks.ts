// Looks that are due because something has happened: each soon, one in a turn of the loop, and no subject often, whoever makes
// it happen. Not here: what a look is, what has happened (drift-watch.ts).

import { setImmediate as yieldToLoop } from 'node:timers/promises';

/** What happens at once is often more than one event, and the first comes before all is done. */
const SETTLE_MS = 4;
/** After a look its subject rests for so many times as long as that took. */
const [REST_FACTOR, MAX_REST_MS] = [20, 30_000] as const;

export class DueLooks {
  readonly #look: (key: string) => void;
  /** When each is due, by the clock of performance.now(). */
  readonly #due = new Map<string, number>();
  readonly #rests = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #isClosed = false;

  /** @param look synchronous; never throws */
  constructor(look: (key: string) => void) {
    this.#look = look;
  }

  mark(key: string): void {
    if (this.#due.has(key)) return;
    this.#due.set(key, Math.max(performance.now() + SETTLE_MS, this.#rests.get(key) ?? 0));
    this.#arm();
  }

  /** Forgets all others. */
  retainOnly(keys: ReadonlyMap<string, unknown>): void {
    for (const known of [this.#due, this.#rests])
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
      this.#rests.set(key, ended + Math.min((ended - began) * REST_FACTOR, MAX_REST_MS));
      await yieldToLoop();
    }
    this.#isRunning = false;
    this.#arm();
  }
}

// Namespaces that are not heard for a while, since they change without end: for how long, and what the log says of it. Not here:
// when one is, and what follows (drift-watch.ts).

import { type BackoffLimits, backoffMs } from '../../base/backoff.js';
import type { Log } from '../../base/log.js';

/** Each time in a row for twice as long. */
const MUTED: BackoffLimits = { firstMs: 30_000, longestMs: 600_000 };
/** So many are told within so many milliseconds: whoever is in containers may have all of theirs change. */
const [MAX_TOLD, TOLD_MS] = [16, 60_000] as const;

export class Mutes {
  readonly #log: Log;
  /** Until when, by their keys. */
  readonly #until = new Map<string, number>();
  /** How often in a row, and when it was over the last time. */
  readonly #before = new Map<string, { readonly times: number; readonly until: number }>();
  #told = 0;
  #toldSince = Number.NEGATIVE_INFINITY;

  constructor(log: Log) {
    this.#log = log;
  }

  has(key: string): boolean {
    return this.#until.has(key);
  }

  /** When the first of them is heard again, by the clock of performance.now(); undefined where there are none. */
  get next(): number | undefined {
    return this.#until.size === 0 ? undefined : Math.min(...this.#until.values());
  }

  /** Has one not heard for a while. @param why how much it changes */
  add(key: string, why: string): void {
    const now = performance.now();
    const last = this.#before.get(key);
    const times = last && now < last.until + MUTED.firstMs ? last.times + 1 : 1;
    const wait = backoffMs(times, MUTED);
    this.#until.set(key, now + wait);
    this.#before.set(key, { times, until: now + wait });
    this.#tell(
      key,
      `${why}: changes by others are not heard for ${wait / 1000} s, but found every half minute`,
    );
  }

  /** Those whose time is over, and who are heard again. */
  takeOver(): string[] {
    const now = performance.now();
    const over = [...this.#until].flatMap(([key, until]) => (until <= now ? key : []));
    for (const key of over) this.#until.delete(key);
    return over;
  }

  /** Forgets all others. */
  retainOnly(keys: ReadonlyMap<string, unknown>): void {
    for (const known of [this.#until, this.#before])
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
  }

  #tell(netns: string, text: string): void {
    const now = performance.now();
    if (now - this.#toldSince >= TOLD_MS) {
      this.#told = 0;
      this.#toldSince = now;
    }
    this.#log[this.#told++ < MAX_TOLD ? 'info' : 'debug']({ netns }, text);
  }
}

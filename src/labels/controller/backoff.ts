// What failed, each to be tried again by itself: soon at first, then less often. Not here: trying (reconciler.ts).

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;

export class Backoff {
  readonly #wake: () => void;
  /** How long each waits the next time that it fails. */
  readonly #next = new Map<string, number>();
  readonly #waiting = new Map<string, NodeJS.Timeout>();

  /** @param wake is called when something shall be tried again */
  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Notes a failure. One that happened while it waits, as it was tried out of turn, makes it wait no longer. */
  failed(key: string): void {
    if (this.#waiting.has(key)) return;
    const wait = this.#next.get(key) ?? FIRST_WAIT_MS;
    this.#next.set(key, Math.min(wait * 2, LONGEST_WAIT_MS));
    const timer = setTimeout(() => {
      this.#waiting.delete(key);
      this.#wake();
    }, wait);
    this.#waiting.set(key, timer);
  }

  /** Whether its time to be tried again has not come. */
  isWaiting(key: string): boolean {
    return this.#waiting.has(key);
  }

  /** Notes that it went well, or is no more. */
  done(key: string): void {
    clearTimeout(this.#waiting.get(key));
    this.#waiting.delete(key);
    this.#next.delete(key);
  }

  /** Forgets all others. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#next.keys()) if (!keys.has(key)) this.done(key);
  }

  close(): void {
    this.retainOnly(new Set());
  }
}

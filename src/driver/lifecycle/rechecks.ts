// Checks of an interface that follow its change by themselves, and what of them is still to come. Not here: what a check does
// (tunnel-monitor.ts).

/** `wg setconf` and `wg set` cause no event, so a link event is followed by further checks until wg-quick(8) is done. */
const DELAYS_MS = [150, 500, 1_500];

export class Rechecks {
  readonly #timers = new Map<string, Set<NodeJS.Timeout>>();

  /** Whether some will come. */
  get arePending(): boolean {
    return this.#timers.size > 0;
  }

  /** Checks at once and some times more, in place of those that are still to come of the same. @param of what is checked */
  begin(of: string, check: () => void): void {
    this.#clear(of);
    const timers = new Set<NodeJS.Timeout>();
    this.#timers.set(of, timers);
    for (const delay of DELAYS_MS) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        if (timers.size === 0) this.#timers.delete(of);
        check();
      }, delay);
      timers.add(timer);
    }
    check();
  }

  /** No more of them come. */
  close(): void {
    for (const of of [...this.#timers.keys()]) this.#clear(of);
  }

  #clear(of: string): void {
    for (const timer of this.#timers.get(of) ?? []) clearTimeout(timer);
    this.#timers.delete(of);
  }
}

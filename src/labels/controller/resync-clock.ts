// When everything is read anew, events or not: Docker's listing, and what of the host no event tells. Often where that is quickly
// done. Not here: what a resync is (reconciler.ts), single namespaces (labels/drift/spread-looks.ts).

/** As often at most, in milliseconds. */
const SHORTEST_MS = 30_000;
/** It rests for so many times as long as the last one took, where the period is longer. */
const REST_FACTOR = 1_000;

export class ResyncClock {
  readonly #timer: NodeJS.Timeout;
  #restsUntil = 0;

  /**
   * @param resync asks for one, which tells by took() what it took @param period the longest time until the next, in milliseconds
   * @param now a clock, in milliseconds
   */
  constructor(resync: () => void, period: number, now: () => number) {
    const tick = Math.min(period, SHORTEST_MS);
    let waited = 0;
    this.#timer = setInterval(() => {
      waited += tick;
      if (waited + tick <= period && now() < this.#restsUntil) return;
      waited = 0;
      resync();
    }, tick);
  }

  /** @param ms of the last one @param now when it was done, by the clock that was given */
  took(ms: number, now: number): void {
    this.#restsUntil = now - ms + ms * REST_FACTOR;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

// The clock that handshakes are stamped by, which somebody may set: for a while after that, their age says nothing. Not here:
// what an age means (handshakes.ts).

/** By so much, in milliseconds, it goes wrong between two readings without having been set: it is slewed by 500 ppm at most. */
const SLEW_MS = 2_000;

export class WallClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  /** Of the wall's time from the steady one. */
  #offset: number | undefined;
  /** When it was found set, by the steady clock. */
  #setAt = Number.NEGATIVE_INFINITY;

  /** @param wall milliseconds since 1970 @param steady milliseconds that nobody sets; absent: the machine's */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
  }

  /** The time in milliseconds since 1970, and for how long it has not been set; without end where that has not been seen. */
  read(): { readonly now: number; readonly sinceSet: number } {
    const [now, steady] = [this.#wall(), this.#steady()];
    const offset = now - steady;
    if (this.#offset !== undefined && Math.abs(offset - this.#offset) > SLEW_MS) this.#setAt = steady;
    this.#offset = offset;
    return { now, sinceSet: steady - this.#setAt };
  }
}

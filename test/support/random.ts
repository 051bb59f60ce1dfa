// Numbers that look random and are the same in every run, so that a rule that fails today fails tomorrow.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from `min` to `max`. */
  int(min: number, max: number): number {
    // xorshift32.
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return min + ((this.#state >>> 0) % (max - min + 1));
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(0, list.length - 1)]!;
  }

  /** True `percent` times of a hundred. */
  chance(percent: number): boolean {
    return this.int(1, 100) <= percent;
  }

  /** Some of a list, at least one, in the list's order. */
  some<T>(list: readonly T[]): T[] {
    const first = this.pick(list);
    return list.filter(each => each === first || this.chance(25));
  }
}

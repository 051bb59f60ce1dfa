// How many lines of the log a user other than root may cause: a bucket of tokens for each. What is left out is counted.
// Not here: whose doing a line is (log.ts).

/** Lines at once, and lines a second in the long run. */
interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** The journal's own limit, 10,000 lines in 30 seconds, is for the unit as a whole, root's lines with it. */
const TROUBLE_RATE: Rate = { burst: 60, perSecond: 1 };
/** Of lines that are no warning and no error: at -v a call has some twenty. */
const CALM_RATE: Rate = { burst: 300, perSecond: 10 };
/** How many users are kept in mind; the one that was longest without a line is forgotten. */
const MAX_USERS = 1024;

interface Bucket {
  tokens: number;
  /** When they were counted, in milliseconds. */
  at: number;
}

export class LogLimit {
  readonly #buckets = new Map<string, Bucket>();
  readonly #leftOut = new Map<number, number>();

  /**
   * Whether a line may be written. If not, it is counted.
   * @param isTrouble whether it is a warning or an error: those are not crowded out by what goes well
   * @param now in milliseconds, of any clock that goes forward
   */
  admits(user: number, isTrouble: boolean, now: number): boolean {
    const rate = isTrouble ? TROUBLE_RATE : CALM_RATE;
    const key = `${user} ${isTrouble}`;
    const { tokens, at } = this.#buckets.get(key) ?? { tokens: rate.burst, at: now };
    const filled = Math.min(rate.burst, tokens + ((now - at) / 1000) * rate.perSecond);
    const isAdmitted = filled >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: isAdmitted ? filled - 1 : filled, at: now });
    if (this.#buckets.size > MAX_USERS) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (!isAdmitted) this.#leftOut.set(user, (this.#leftOut.get(user) ?? 0) + 1);
    return isAdmitted;
  }

  /** How many lines of which user were left out since this was asked last. */
  takeLeftOut(): [user: number, lines: number][] {
    const all = [...this.#leftOut];
    this.#leftOut.clear();
    return all;
  }
}

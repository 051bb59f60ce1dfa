// Rate limits on the log lines that users other than root cause: a token bucket for each user. Dropped lines are
// counted. Not here: which user a line is attributed to (log.ts).

/** Burst, and lines per second. */
interface LineRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** The journal's own limit, 10,000 lines in 30 seconds, is for the unit as a whole, root's lines with it. */
const TROUBLE_RATE: LineRate = { burst: 60, perSecond: 1 };
/** For lines below warning: at -v a call logs some twenty. */
const CALM_RATE: LineRate = { burst: 300, perSecond: 10 };
/** How many buckets are kept; the least recently used is dropped. */
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

  /** The number of lines dropped for each user since the last call. */
  takeLeftOut(): [user: number, lines: number][] {
    const all = [...this.#leftOut];
    this.#leftOut.clear();
    return all;
  }
}

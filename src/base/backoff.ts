// How long to wait before something that failed is tried again: twice as long after each failure. Pure.

export interface BackoffLimits {
  /** After the first failure, and at most, in milliseconds. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/** What is known of something that fails. */
export interface Retry {
  /** Failures in a row; what failed while it was waiting, as it was tried out of turn, is not counted. */
  readonly attempts: number;
  /** When it is tried again, by the clock that the caller uses, in milliseconds. */
  readonly retryAt: number;
}

/** Milliseconds to wait after so many failures in a row. */
export function backoffMs(attempts: number, { firstMs, longestMs }: BackoffLimits): number {
  return Math.min(firstMs * 2 ** (attempts - 1), longestMs);
}

/** After one more failure. */
export function retryAfter({ attempts, retryAt }: Retry, now: number, limits: BackoffLimits): Retry {
  if (retryAt > now) return { attempts, retryAt };
  return { attempts: attempts + 1, retryAt: now + backoffMs(attempts + 1, limits) };
}

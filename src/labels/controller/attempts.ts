// What is known of something that fails and is tried again: when, and how often for the very same reason. Pure. Not here:
// what it is (work-queue.ts), how it is reported (reporter.ts).

import { type BackoffLimits, type Retry, retryAfter } from '../../base/backoff.js';

const RETRY_LIMITS: BackoffLimits = { firstMs: 100, longestMs: 30_000 };

/** `attempts` is 0 unless the last one failed. */
export interface Attempts extends Retry {
  /** Why the last attempt failed. */
  readonly lastError?: string | undefined;
  /** How often in a row it failed for that very reason. */
  readonly repeats: number;
}

export const NEVER_FAILED: Attempts = { attempts: 0, retryAt: 0, repeats: 0, lastError: undefined };

/** After one more failure. @param now by the clock of `retryAt` */
export function failedAgain(before: Attempts, error: string, now: number): Attempts {
  return {
    ...retryAfter(before, now, RETRY_LIMITS),
    lastError: error,
    repeats: before.lastError === error ? before.repeats + 1 : 1,
  };
}

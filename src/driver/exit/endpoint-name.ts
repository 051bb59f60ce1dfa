// The address of an endpoint that is a name: when the name is looked up again, and which of its addresses is used. Not here:
// looking it up, whether a handshake is old.

import { type Address, sameAddress } from '../../base/ip.js';

/** So long an address is tried before the next one is. */
const TRY_MS = 15_000;
/** How long an answer holds that does not say so: no resolver of libc tells. */
const ANSWER_MS = 300_000;
const [LEAST_MS, MOST_MS] = [30_000, 86_400_000] as const;
/** Of an answer that are kept. */
const MAX_ADDRESSES = 16;

export interface NameState {
  /** At least one, in the order of the answer. */
  readonly addresses: readonly Address[];
  /** Index of the one that is used. */
  readonly used: number;
  /** How many of them have been tried in vain one after the other. */
  readonly failed: number;
  /** Since when it is used, or since when it was last found right; in milliseconds of a clock that is not set. */
  readonly since: number;
  /** Until when the answer holds. */
  readonly until: number;
}

/**
 * What to do now: look the name up, use the next address (nextAddress()), or nothing.
 * @param state undefined: the name was never looked up
 * @param isStale whether packets are sent, and there is no handshake of late
 */
export function dueForName(
  state: NameState | undefined,
  isStale: boolean,
  now: number,
): 'look up' | 'next' | 'nothing' {
  if (!state) return 'look up';
  if (!isStale) return now >= state.until ? 'look up' : 'nothing';
  if (now - state.since < TRY_MS) return 'nothing';
  return state.failed + 1 < state.addresses.length ? 'next' : 'look up';
}

/** The next address is used from now on. */
export function nextAddress(state: NameState, now: number): NameState {
  const used = (state.used + 1) % state.addresses.length;
  return { ...state, used, failed: state.failed + 1, since: now };
}

/**
 * The name was looked up. What works is kept as long as the answer has it; what does not gives way to the next one.
 * @param addresses empty where the name did not resolve: those of before go on
 * @param ttlMs how long the answer holds; absent: not said
 * @returns undefined where there is no address
 */
export function namedAgain(
  state: NameState | undefined,
  addresses: readonly Address[],
  {
    isStale,
    now,
    ttlMs = ANSWER_MS,
  }: { readonly isStale: boolean; readonly now: number; readonly ttlMs?: number },
): NameState | undefined {
  const kept = addresses.length > 0 ? addresses.slice(0, MAX_ADDRESSES) : (state?.addresses ?? []);
  if (kept.length === 0) return undefined;
  const before = state?.addresses[state.used];
  const at = before ? kept.findIndex(address => sameAddress(address, before)) : -1;
  const used = isStale ? (at + 1) % kept.length : Math.max(at, 0);
  const until = now + Math.min(Math.max(ttlMs, LEAST_MS), MOST_MS);
  return { addresses: kept, used, failed: 0, since: now, until };
}

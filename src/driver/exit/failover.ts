// Which of a network's files is in force: the next one when a tunnel is silent, the first one again when the time for that has
// come. Not here: taking it into force.

import { nextSigns, type SeenPeer, SILENT_MS, silentMs, type TunnelSigns } from './tunnel-signs.js';

/** What was decided last. */
export interface FailoverState {
  /** Index of the file. */
  readonly inForce: number;
  /** Since when, in milliseconds of a clock that is not set; so are all times here. */
  readonly since: number;
  /** Absent: not looked at since. */
  readonly signs?: TunnelSigns;
}

/** What a network asks for. */
interface FailoverRules {
  /** How many there are. */
  readonly files: number;
  /** After so many milliseconds the first one is tried again; absent: never. */
  readonly failbackMs?: number;
  /** Whether a file can be in force: it was read, and the host has a way to a peer of it. Absent: all can. */
  readonly isUsable?: (index: number) => boolean;
}

/** Why another file is in force: no answers, no use of the one before, or the time of `dwgd.failback`. */
export type FailoverReason = 'silent' | 'unusable' | 'failback';

/** The same for people, of the file that it was before. */
export const FAILOVER_REASONS: Readonly<Record<FailoverReason, string>> = {
  silent: 'packets were sent, and no peer answered for 15 s',
  unusable: 'it was not read, or the host has no way to a peer of it',
  failback: 'the time of dwgd.failback is over',
};

/** What follows from a look. */
interface FailoverStep {
  readonly state: FailoverState;
  /** Whether the tunnel that was looked at is silent: told, where there is no other. */
  readonly isSilent: boolean;
  /** Why another one is in force now; absent: none is. */
  readonly change?: FailoverReason;
}

/**
 * @param peers of the tunnel of the file that is in force
 * @param now of the same clock as the state's times
 */
export function stepFailover(
  state: FailoverState,
  peers: readonly SeenPeer[],
  now: number,
  { files, failbackMs = Number.POSITIVE_INFINITY, isUsable = () => true }: FailoverRules,
): FailoverStep {
  const { inForce, since } = state;
  const signs = nextSigns(state.signs, peers, now);
  const isSilent = silentMs(signs) >= SILENT_MS;
  const isOutOfUse = !isUsable(inForce) && now - since >= SILENT_MS;
  const others = Array.from({ length: files - 1 }, (_, n) => (inForce + 1 + n) % files);
  const next = isSilent || isOutOfUse ? others.find(isUsable) : undefined;
  if (next !== undefined) {
    const change = isSilent ? 'silent' : 'unusable';
    return { state: { inForce: next, since: now }, isSilent, change };
  }
  if (inForce !== 0 && now - since >= failbackMs && isUsable(0))
    return { state: { inForce: 0, since: now }, isSilent, change: 'failback' };
  return { state: { ...state, signs }, isSilent };
}

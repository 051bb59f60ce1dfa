// Which of a network's files is in force: the next one when a tunnel is silent, the first one again when the time for that has
// come. Not here: taking it into force.

import { nextSigns, type SeenPeer, silentMs, type TunnelSigns } from './tunnel-signs.js';

/** Three initiations of a handshake go out in that time. */
const SILENT_MS = 15_000;

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
}

/** What follows from a look. */
interface FailoverStep {
  readonly state: FailoverState;
  /** Whether the tunnel that was looked at is silent: told, where there is no other. */
  readonly isSilent: boolean;
  /** Why another one is in force now; absent: none is. */
  readonly change?: 'silent' | 'failback';
}

/**
 * @param peers of the tunnel of the file that is in force
 * @param now of the same clock as the state's times
 */
export function stepFailover(
  state: FailoverState,
  peers: readonly SeenPeer[],
  now: number,
  { files, failbackMs = Number.POSITIVE_INFINITY }: FailoverRules,
): FailoverStep {
  const signs = nextSigns(state.signs, peers, now);
  const isSilent = silentMs(signs) >= SILENT_MS;
  if (isSilent && files > 1)
    return { state: { inForce: (state.inForce + 1) % files, since: now }, isSilent, change: 'silent' };
  if (state.inForce !== 0 && now - state.since >= failbackMs)
    return { state: { inForce: 0, since: now }, isSilent, change: 'failback' };
  return { state: { ...state, signs }, isSilent };
}

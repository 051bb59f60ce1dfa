// Which of a network's files is in force: the next one when a tunnel is silent, the first one again when the time for that has
// come; and what the log says of it. Not here: taking it into force.

import { nextSigns, type SeenPeer, SILENT_MS, silentMs, type TunnelSigns } from './tunnel-signs.js';

/** What was decided last. */
export interface FailoverState {
  /** Index of the file. */
  readonly inForce: number;
  /** Since when, in milliseconds of a clock that is not set; so are all times here. */
  readonly since: number;
  /** Absent: not looked at since. */
  readonly signs?: TunnelSigns;
  /** Index of the file that was answered last, or with which it began. Absent: the one in force. */
  readonly home?: number;
  /** How often in a row all files were tried in vain. Absent: not once. */
  readonly rounds?: number;
}

/** So often the time for which home is in force is doubled while no file is answered: up to four minutes. */
const DOUBLINGS = 4;

/** What a network asks for. */
interface FailoverRules {
  /** How many there are. */
  readonly files: number;
  /** After so many milliseconds the first one is tried again; absent: never. */
  readonly failbackMs?: number;
  /** Whether a file can be in force: it was read, and the host has a way to a peer of it. Absent: all can. */
  readonly isUsable?: (index: number) => boolean;
}

/**
 * Why another file is in force: no answers, no use of the one before, the time of `dwgd.failback`, or answers after all files
 * were tried in vain.
 */
export type FailoverReason = 'silent' | 'unusable' | 'failback' | 'answered';

/** The same for people, of the file that it was before. */
export const FAILOVER_REASONS: Readonly<Record<FailoverReason, string>> = {
  silent: 'packets were sent, and no peer answered for 15 s',
  unusable: 'it was not read, or the host has no way to a peer of it',
  failback: 'the time of dwgd.failback is over',
  answered: 'peers answer again, and the other one was in force before none did',
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
 * While no file is answered, home is in force most of the time, and the others are tried ever less often.
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
  const isAnswered = [...signs.peers.values()].some(({ answeredAt }) => answeredAt !== undefined);
  const before = { home: state.home ?? inForce, rounds: state.rounds ?? 0 };
  const { home, rounds } = isAnswered ? { home: inForce, rounds: 0 } : before;
  // Nothing else would ever bring it back.
  const isBroughtBack = isAnswered && before.rounds > 0 && failbackMs === Number.POSITIVE_INFINITY;
  if (isBroughtBack && before.home !== inForce && isUsable(before.home))
    return { state: { inForce: before.home, since: now }, isSilent, change: 'answered' };
  const indexes = Array.from({ length: files }, (_, n) => n);
  const rest = isUsable(home) ? home : indexes.find(isUsable);
  const isDue = silentMs(signs) >= SILENT_MS * (inForce === rest ? 2 ** Math.min(rounds, DOUBLINGS) : 1);
  const isOutOfUse = !isUsable(inForce) && now - since >= SILENT_MS;
  const others = [...indexes.slice(inForce + 1), ...indexes.slice(0, inForce)];
  const next = isDue || isOutOfUse ? others.find(isUsable) : undefined;
  if (next !== undefined) {
    const tried = { home, rounds: isDue && next === rest ? rounds + 1 : rounds };
    return {
      state: { inForce: next, since: now, ...tried },
      isSilent,
      change: isDue ? 'silent' : 'unusable',
    };
  }
  if (inForce !== 0 && now - since >= failbackMs && isUsable(0) && !isSilent)
    return { state: { inForce: 0, since: now }, isSilent, change: 'failback' };
  return { state: { inForce, since, signs, home, rounds }, isSilent };
}

/**
 * What the log says of a step: each change, until all files were tried in vain; then that, once, and when one is answered.
 * @param paths of all files
 */
export function tellFailover(
  before: FailoverState,
  { state, change }: Pick<FailoverStep, 'state' | 'change'>,
  paths: readonly string[],
): string | undefined {
  const [from, to] = [paths[before.inForce], paths[state.inForce]];
  const [wasInVain, isInVain] = [(before.rounds ?? 0) > 0, (state.rounds ?? 0) > 0];
  if (isInVain && !wasInVain)
    return `no file of dwgd.conf is answered: dwgd.conf=${to} is in force again, and the others are tried ever less often, every four minutes at last`;
  if (change && (change === 'answered' || !wasInVain))
    return `dwgd.conf=${to} is in force in place of ${from}: ${FAILOVER_REASONS[change]}`;
  return wasInVain && !isInVain ? `dwgd.conf=${to} is in force, and is answered again` : undefined;
}

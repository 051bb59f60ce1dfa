// Whether the far end of a tunnel answers what is sent, by two looks at its counters. Not here: what follows from it
// (failover.ts), the looking.

import type { WgPeer } from '../../netlink/wireguard/device.js';

/** What is looked at. */
export type SeenPeer = Pick<WgPeer, 'publicKey' | 'keepalive' | 'lastHandshake' | 'rxBytes' | 'txBytes'>;

interface PeerSigns {
  readonly lastHandshake: number;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  /** When something had been sent that waits for its answer; absent: nothing has. */
  readonly waitingSince?: number;
  /** When an answer was last seen. */
  readonly answeredAt?: number;
}

/** What a tunnel showed at one look. */
export interface TunnelSigns {
  /** In milliseconds of any clock that is not set; so are all times here. */
  readonly at: number;
  /** By public key. */
  readonly peers: ReadonlyMap<string, PeerSigns>;
}

/** After so many milliseconds without an answer a tunnel is silent: three initiations of a handshake go out in that time. */
export const SILENT_MS = 15_000;
/** Of a transport message without a payload: header and tag. Nobody answers it. */
const KEEPALIVE_BYTES = 32n;
/** Of a peer that begins a handshake, which answers nothing: it may be that it hears nothing. */
const INITIATION_BYTES = 148n;
/** So many of them, and no more, are told from other messages by their length. */
const MAX_INITIATIONS = 3n;
/** KEEPALIVE_TIMEOUT: so often may one go out that the peer's packets have brought about. */
const PASSIVE_MS = 10_000;

/** The first look finds out nothing but where the counters are. */
export function nextSigns(
  before: TunnelSigns | undefined,
  peers: readonly SeenPeer[],
  now: number,
): TunnelSigns {
  const signs = peers.map((peer): [string, PeerSigns] => {
    const key = `${peer.publicKey}`;
    return [key, signsOf(before?.peers.get(key), peer, now, now - (before?.at ?? now))];
  });
  return { at: now, peers: new Map(signs) };
}

function signsOf(
  before: PeerSigns | undefined,
  { keepalive, lastHandshake, rxBytes, txBytes }: SeenPeer,
  now: number,
  elapsed: number,
): PeerSigns {
  const seen = { lastHandshake, rxBytes, txBytes };
  // Whoever made the peer anew began its counters anew.
  if (!before || rxBytes < before.rxBytes || txBytes < before.txBytes) return seen;
  if (isAnswer(rxBytes - before.rxBytes) || (lastHandshake !== 0 && lastHandshake !== before.lastHandshake))
    return { ...seen, answeredAt: now };
  const { waitingSince = asksForAnswer(txBytes - before.txBytes, keepalive, elapsed) ? now : undefined } =
    before;
  const { answeredAt } = before;
  return {
    ...seen,
    ...(waitingSince !== undefined && { waitingSince }),
    ...(answeredAt !== undefined && { answeredAt }),
  };
}

function isAnswer(received: bigint): boolean {
  if (received % INITIATION_BYTES !== 0n) return true;
  return received > MAX_INITIATIONS * INITIATION_BYTES;
}

/** Whether so many bytes are more than keepalives. @param keepalive in seconds; 0 is off */
function asksForAnswer(sent: bigint, keepalive: number, elapsed: number): boolean {
  if (sent === 0n) return false;
  if (sent % KEEPALIVE_BYTES !== 0n) return true;
  const own = keepalive === 0 ? 0 : 1 + Math.floor(elapsed / (keepalive * 1000));
  return sent / KEEPALIVE_BYTES > BigInt(1 + Math.floor(elapsed / PASSIVE_MS) + own);
}

/**
 * For how many milliseconds something has waited for its answer, while no peer answered anything; 0 where nothing has, or
 * where one of several peers answers.
 */
export function silentMs({ at, peers }: TunnelSigns): number {
  const all = [...peers.values()];
  const since = Math.min(...all.map(({ waitingSince = at }) => waitingSince), at);
  return all.some(({ answeredAt = Number.NEGATIVE_INFINITY }) => answeredAt > since) ? 0 : at - since;
}

/**
 * Peers, by public key, to whom something has been sent for so long without an answer. One that is only kept alive is among
 * them when its handshake is 135 seconds old: the next one begins at 120.
 */
export function silentPeers({ at, peers }: TunnelSigns): ReadonlySet<string> {
  const silent = [...peers].filter(([, { waitingSince = at }]) => at - waitingSince >= SILENT_MS);
  return new Set(silent.map(([key]) => key));
}

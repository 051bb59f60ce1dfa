// Whether a WireGuard tunnel is cut off from its peers, by their handshakes. Pure. Not here: reading them (client.ts).

import type { WgDevice, WgPeer } from './device.js';

/** After so long without a new handshake a session takes no packets (REJECT_AFTER_TIME). */
const REJECT_AFTER_MS = 180_000;
/** Of a peer whose keepalive says whether it answers: so long after the clock was set, all that live have a new stamp. */
export const STAMPS_RENEWED_MS = 2 * REJECT_AFTER_MS;
/** Of the messages that open a handshake (struct message_handshake_initiation); one goes out each five seconds. */
const INITIATION_BYTES = 148;
/** So many without an answer, and there is nobody. */
const UNANSWERED = 3;

/**
 * Whether none of the peers has an open session though packets go to it all the time: those of the keepalive, each of which
 * would open one. A peer without a keepalive may just rest, so nothing is known of it.
 * @param now in milliseconds since 1970, by the clock of the kernel that reads the device

 * @param sinceSet for how many milliseconds that clock has not been set; Infinity where nobody knows that it ever was
 */
export function isCutOff(
  { peers }: Pick<WgDevice, 'peers'>,
  now: number,
  sinceSet = Number.POSITIVE_INFINITY,
): boolean {
  // What bears a later time than now was stamped before the clock was set back.
  const latest = sinceSet >= STAMPS_RENEWED_MS && sinceSet < Number.POSITIVE_INFINITY ? now : undefined;
  return peers.length > 0 && peers.every(peer => isUnanswered(peer, now, latest));
}

function isUnanswered(
  { keepalive, lastHandshake, txBytes }: WgPeer,
  now: number,
  latest = Number.POSITIVE_INFINITY,
): boolean {
  if (keepalive === 0 || keepalive * 1000 >= REJECT_AFTER_MS) return false;
  return lastHandshake === 0
    ? txBytes >= UNANSWERED * INITIATION_BYTES
    : now - lastHandshake > REJECT_AFTER_MS + keepalive * 1000 || lastHandshake > latest;
}

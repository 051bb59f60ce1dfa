// To which peer WireGuard sends a packet: the one whose allowed IPs have the longest prefix of its destination. Pure.

import { type Address, prefixContains } from '../../base/ip.js';
import type { WgPeer } from '../../netlink/wireguard/device.js';

/** Undefined: to none, and the packet is dropped. */
export function peerFor<T extends Pick<WgPeer, 'allowedIPs'>>(
  peers: readonly T[],
  to: Address,
): T | undefined {
  let [best, length] = [undefined as T | undefined, -1];
  for (const peer of peers) {
    for (const prefix of peer.allowedIPs)
      if (prefix.length > length && prefixContains(prefix, to)) [best, length] = [peer, prefix.length];
  }
  return best;
}

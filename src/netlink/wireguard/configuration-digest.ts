// What of a WireGuard device somebody has configured, as a digest: the same as long as nobody changes it, whatever is sent
// and received meanwhile, and far cheaper than the device itself. Pure. Not here: reading the messages (client.ts).

import { createHash } from 'node:crypto';
import { eachAttr } from '../attributes.js';
import {
  WGDEVICE_A_IFINDEX,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PUBLIC_KEY,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
} from './device.js';

const OF_DEVICE = new Set([WGDEVICE_A_IFINDEX, WGDEVICE_A_PUBLIC_KEY, WGDEVICE_A_LISTEN_PORT]);
const OF_PEER = new Set([WGPEER_A_PRESHARED_KEY, WGPEER_A_ALLOWEDIPS]);

/**
 * Of the index of a device, its public key and port, and of its peers' keys, preshared keys and allowed IPs.
 * @param payloads the messages of one WG_CMD_GET_DEVICE dump, as decodeDevice() takes them
 * @throws DecodeError when they are no attributes
 */
export function configurationDigest(payloads: readonly Buffer[]): string {
  const hash = createHash('sha1');
  let last: Buffer = Buffer.alloc(0);
  for (const payload of payloads) {
    // One call of OpenSSL for many small pieces: each costs more than the copy.
    const kept = Buffer.allocUnsafe(payload.length);
    let length = 0;
    const keep = (start: number, end: number): void => {
      length += payload.copy(kept, length, start, end);
    };
    eachAttr(payload, 0, payload.length, (type, start, end) => {
      if (OF_DEVICE.has(type)) keep(start, end);
      if (type !== WGDEVICE_A_PEERS) return;
      eachAttr(payload, start, end, (_type, from, to) => {
        eachAttr(payload, from, to, (field, begin, stop) => {
          if (OF_PEER.has(field)) keep(begin, stop);
          if (field !== WGPEER_A_PUBLIC_KEY) return;
          // A peer that the kernel splits over two messages, wherever that may be, has its key in both.
          const key = payload.subarray(begin, stop);
          if (!key.equals(last)) keep(begin, stop);
          last = key;
        });
      });
    });
    hash.update(kept.subarray(0, length));
  }
  return hash.digest('base64');
}

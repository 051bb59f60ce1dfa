// The kernel's messages about a WireGuard device to a device. Pure. Not here: writing (encode.ts).

import { DecodeError } from '../../base/errors.js';
import { fromBytes, type Prefix } from '../../base/ip.js';
import { attrMap, readAttrs, readString, readU8, readU16, readU32, readU64 } from '../attributes.js';
import { AF_INET, AF_INET6 } from '../route/address.js';
import {
  type SocketAddress,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_IPADDR,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_IFINDEX,
  WGDEVICE_A_IFNAME,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  WGDEVICE_A_PUBLIC_KEY,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_ENDPOINT,
  WGPEER_A_LAST_HANDSHAKE_TIME,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_A_RX_BYTES,
  WGPEER_A_TX_BYTES,
  type WgDevice,
  type WgPeer,
} from './device.js';
import { Key, SecretKey, WG_KEY_LEN } from './key.js';

/**
 * Reads the messages of one WG_CMD_GET_DEVICE dump (attributes behind the generic netlink header). A peer that
 * the kernel split over two messages comes out whole.
 * @throws DecodeError when a value has the wrong length, or the device has no name
 */
export function decodeDevice(payloads: readonly Buffer[]): WgDevice {
  const device = new Map<number, Buffer>();
  const peers: WgPeer[] = [];
  for (const payload of payloads) {
    for (const { type, value } of readAttrs(payload)) {
      if (type !== WGDEVICE_A_PEERS) {
        device.set(type, value);
        continue;
      }
      for (const nested of readAttrs(value)) appendPeer(peers, decodePeer(nested.value));
    }
  }
  const index = device.get(WGDEVICE_A_IFINDEX);
  const name = device.get(WGDEVICE_A_IFNAME);
  if (!index || !name) throw new DecodeError('a WireGuard device without index or name');
  const privateKey = device.get(WGDEVICE_A_PRIVATE_KEY);
  const publicKey = device.get(WGDEVICE_A_PUBLIC_KEY);
  const port = device.get(WGDEVICE_A_LISTEN_PORT);
  const fwmark = device.get(WGDEVICE_A_FWMARK);
  return {
    index: readU32(index),
    name: readString(name),
    ...(privateKey && { privateKey: new SecretKey(keyBytes(privateKey)) }),
    ...(publicKey && { publicKey: new Key(keyBytes(publicKey)) }),
    listenPort: port ? readU16(port) : 0,
    fwmark: fwmark ? readU32(fwmark) : 0,
    peers,
  };
}

function appendPeer(peers: WgPeer[], peer: WgPeer): void {
  const last = peers.at(-1);
  if (last?.publicKey.equals(peer.publicKey)) {
    peers[peers.length - 1] = { ...last, allowedIPs: [...last.allowedIPs, ...peer.allowedIPs] };
  } else {
    peers.push(peer);
  }
}

function decodePeer(payload: Buffer): WgPeer {
  const attrs = attrMap(payload);
  const publicKey = attrs.get(WGPEER_A_PUBLIC_KEY);
  if (!publicKey) throw new DecodeError('a WireGuard peer without a public key');
  const psk = attrs.get(WGPEER_A_PRESHARED_KEY);
  const presharedKey = psk && new SecretKey(keyBytes(psk));
  const endpoint = attrs.get(WGPEER_A_ENDPOINT);
  const keepalive = attrs.get(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL);
  const allowedIPs = attrs.get(WGPEER_A_ALLOWEDIPS);
  return {
    publicKey: new Key(keyBytes(publicKey)),
    ...(presharedKey && !presharedKey.isZero && { presharedKey }),
    ...(endpoint && { endpoint: decodeSockaddr(endpoint) }),
    keepalive: keepalive ? readU16(keepalive) : 0,
    lastHandshake: decodeTimespec(attrs.get(WGPEER_A_LAST_HANDSHAKE_TIME)),
    rxBytes: readU64(attrs.get(WGPEER_A_RX_BYTES) ?? Buffer.alloc(8)),
    txBytes: readU64(attrs.get(WGPEER_A_TX_BYTES) ?? Buffer.alloc(8)),
    allowedIPs: allowedIPs ? readAttrs(allowedIPs).map(({ value }) => decodeAllowedIP(value)) : [],
  };
}

function decodeAllowedIP(payload: Buffer): Prefix {
  const attrs = attrMap(payload);
  const bytes = attrs.get(WGALLOWEDIP_A_IPADDR);
  const length = attrs.get(WGALLOWEDIP_A_CIDR_MASK);
  if ((bytes?.length !== 4 && bytes?.length !== 16) || !length) {
    throw new DecodeError('an allowed IP without address or mask');
  }
  return { address: fromBytes(bytes), length: readU8(length) };
}

/** struct __kernel_timespec: seconds and nanoseconds, 64 bits each; to milliseconds. */
function decodeTimespec(value: Buffer | undefined): number {
  if (!value) return 0;
  if (value.length !== 16) throw new DecodeError(`a timespec of ${value.length} bytes`);
  return Number(value.readBigInt64LE(0)) * 1000 + Math.floor(Number(value.readBigInt64LE(8)) / 1e6);
}

function keyBytes(value: Buffer): Buffer {
  if (value.length !== WG_KEY_LEN) throw new DecodeError(`a WireGuard key of ${value.length} bytes`);
  return value;
}

function decodeSockaddr(bytes: Buffer): SocketAddress {
  const family = bytes.length >= 16 ? bytes.readUInt16LE(0) : -1;
  if (family === AF_INET) {
    return { address: fromBytes(bytes.subarray(4, 8)), port: bytes.readUInt16BE(2) };
  }
  if (family === AF_INET6 && bytes.length >= 28) {
    return { address: fromBytes(bytes.subarray(8, 24)), port: bytes.readUInt16BE(2) };
  }
  throw new DecodeError(`a socket address of ${bytes.length} bytes and family ${family}`);
}

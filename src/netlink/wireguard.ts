// WireGuard's generic netlink family: the attributes of <linux/wireguard.h>, as wg(8) speaks of them.
// Pure: configurations to messages, messages to devices. Not here: sockets, links, keys' derivation.

import { DecodeError } from '../errors.js';
import { type Address, fromBytes, type Prefix } from '../ip.js';
import { AF_INET, AF_INET6, addressFamily } from './address.js';
import {
  attr,
  attrMap,
  attrString,
  attrU8,
  attrU16,
  attrU32,
  NLA_MAX_VALUE,
  nest,
  readAttrs,
  readString,
  readU8,
  readU16,
  readU32,
} from './attr.js';
import { Key, SecretKey, WG_KEY_LEN } from './key.js';

export const WG_GENL_NAME = 'wireguard';
export const WG_GENL_VERSION = 1;
export const WG_CMD_GET_DEVICE = 0;
export const WG_CMD_SET_DEVICE = 1;

const WGDEVICE_A_IFINDEX = 1;
const WGDEVICE_A_IFNAME = 2;
const WGDEVICE_A_PRIVATE_KEY = 3;
const WGDEVICE_A_PUBLIC_KEY = 4;
const WGDEVICE_A_FLAGS = 5;
const WGDEVICE_A_LISTEN_PORT = 6;
const WGDEVICE_A_FWMARK = 7;
const WGDEVICE_A_PEERS = 8;
const WGDEVICE_F_REPLACE_PEERS = 1;

const WGPEER_A_PUBLIC_KEY = 1;
const WGPEER_A_PRESHARED_KEY = 2;
const WGPEER_A_FLAGS = 3;
const WGPEER_A_ENDPOINT = 4;
const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL = 5;
const WGPEER_A_LAST_HANDSHAKE_TIME = 6;
const WGPEER_A_RX_BYTES = 7;
const WGPEER_A_TX_BYTES = 8;
const WGPEER_A_ALLOWEDIPS = 9;
const WGPEER_F_REMOVE_ME = 1;
const WGPEER_F_REPLACE_ALLOWEDIPS = 2;
const WGPEER_F_UPDATE_ONLY = 4;

const WGALLOWEDIP_A_FAMILY = 1;
const WGALLOWEDIP_A_IPADDR = 2;
const WGALLOWEDIP_A_CIDR_MASK = 3;

/** The bytes of peers that one SET carries at the most; the rest of a 64 KiB attribute is left as margin. */
const PEERS_PER_SET = NLA_MAX_VALUE - 1024;

/** Where a peer is reached: sockaddr_in or sockaddr_in6 without scope. */
export interface SocketAddress {
  readonly address: Address;
  /** In host byte order. */
  readonly port: number;
}

/** A peer as the kernel shows it. */
export interface WgPeer {
  readonly publicKey: Key;
  readonly presharedKey?: SecretKey;
  readonly endpoint?: SocketAddress;
  /** Seconds; 0 is off. */
  readonly keepalive: number;
  /** Milliseconds since 1970; 0 is never. */
  readonly lastHandshake: number;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly allowedIPs: readonly Prefix[];
}

/** A device as the kernel shows it. Absent keys: none set. */
export interface WgDevice {
  readonly index: number;
  readonly name: string;
  readonly privateKey?: SecretKey;
  readonly publicKey?: Key;
  /** 0: not bound yet. */
  readonly listenPort: number;
  /** 0: none. */
  readonly fwmark: number;
  readonly peers: readonly WgPeer[];
}

/** What a peer shall be. Absent fields stay as they are (on a new peer: unset). */
export interface WgPeerConfig {
  readonly publicKey: Key;
  /** Take the peer away; the other fields are not sent. */
  readonly remove?: boolean;
  /** Do nothing where there is no such peer. */
  readonly updateOnly?: boolean;
  /** The all-zero key takes the preshared key away. */
  readonly presharedKey?: SecretKey;
  readonly endpoint?: SocketAddress;
  /** Seconds, 0–65535; 0 is off. */
  readonly keepalive?: number;
  /** These allowed IPs instead of the present ones, rather than in addition to them. */
  readonly replaceAllowedIPs?: boolean;
  readonly allowedIPs?: readonly Prefix[];
}

/** What a device shall be. Absent fields stay as they are. */
export interface WgDeviceConfig {
  readonly privateKey?: SecretKey;
  /** 0: a random port. */
  readonly listenPort?: number;
  readonly fwmark?: number;
  /** These peers instead of the present ones, rather than in addition to them. */
  readonly replacePeers?: boolean;
  readonly peers?: readonly WgPeerConfig[];
}

/** The payload of a WG_CMD_GET_DEVICE dump. */
export function encodeGetDevice(name: string): Buffer {
  return attrString(WGDEVICE_A_IFNAME, name);
}

/**
 * The payloads of the WG_CMD_SET_DEVICE requests that bring a device to a configuration: one, or several where
 * the peers do not fit one attribute. A peer with more allowed IPs than fit is split as well.
 */
export function encodeSetDevice(name: string, config: WgDeviceConfig): Buffer[] {
  const chunks = packPeers(config.peers ?? []);
  const first = chunks.shift();
  const head = [
    attrString(WGDEVICE_A_IFNAME, name),
    ...(config.privateKey ? [attr(WGDEVICE_A_PRIVATE_KEY, config.privateKey.reveal())] : []),
    ...(config.listenPort === undefined ? [] : [attrU16(WGDEVICE_A_LISTEN_PORT, config.listenPort)]),
    ...(config.fwmark === undefined ? [] : [attrU32(WGDEVICE_A_FWMARK, config.fwmark)]),
    ...(config.replacePeers ? [attrU32(WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS)] : []),
    ...(first ? [nest(WGDEVICE_A_PEERS, ...first)] : []),
  ];
  const rest = chunks.map(peers =>
    Buffer.concat([attrString(WGDEVICE_A_IFNAME, name), nest(WGDEVICE_A_PEERS, ...peers)]),
  );
  return [Buffer.concat(head), ...rest];
}

/** Peers as attributes, in runs that fit one WGDEVICE_A_PEERS each. */
function packPeers(peers: readonly WgPeerConfig[]): Buffer[][] {
  const chunks: Buffer[][] = [];
  let room = 0;
  for (const encoded of peers.flatMap(encodePeer)) {
    if (encoded.length > room) {
      chunks.push([]);
      room = PEERS_PER_SET;
    }
    chunks.at(-1)!.push(encoded);
    room -= encoded.length;
  }
  return chunks;
}

/** One peer as one attribute, or as several of the same public key where its allowed IPs do not fit one. */
function encodePeer(peer: WgPeerConfig): Buffer[] {
  const key = attr(WGPEER_A_PUBLIC_KEY, peer.publicKey.bytes);
  if (peer.remove) return [nest(0, key, attrU32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME))];
  const flags =
    (peer.replaceAllowedIPs ? WGPEER_F_REPLACE_ALLOWEDIPS : 0) | (peer.updateOnly ? WGPEER_F_UPDATE_ONLY : 0);
  const head = [
    key,
    ...(flags ? [attrU32(WGPEER_A_FLAGS, flags)] : []),
    ...(peer.presharedKey ? [attr(WGPEER_A_PRESHARED_KEY, peer.presharedKey.reveal())] : []),
    ...(peer.endpoint ? [attr(WGPEER_A_ENDPOINT, encodeSockaddr(peer.endpoint))] : []),
    ...(peer.keepalive === undefined
      ? []
      : [attrU16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer.keepalive)]),
  ];
  const chunks = packAllowedIPs(peer.allowedIPs ?? []);
  const first = chunks.shift();
  return [
    nest(0, ...head, ...(first ? [nest(WGPEER_A_ALLOWEDIPS, ...first)] : [])),
    ...chunks.map(ips => nest(0, key, nest(WGPEER_A_ALLOWEDIPS, ...ips))),
  ];
}

function packAllowedIPs(prefixes: readonly Prefix[]): Buffer[][] {
  const perPeer = PEERS_PER_SET - 512;
  const chunks: Buffer[][] = [];
  let room = 0;
  for (const prefix of prefixes) {
    const encoded = encodeAllowedIP(prefix);
    if (encoded.length > room) {
      chunks.push([]);
      room = perPeer;
    }
    chunks.at(-1)!.push(encoded);
    room -= encoded.length;
  }
  return chunks;
}

function encodeAllowedIP({ address, length }: Prefix): Buffer {
  return nest(
    0,
    attrU16(WGALLOWEDIP_A_FAMILY, addressFamily(address)),
    attr(WGALLOWEDIP_A_IPADDR, address.bytes),
    attrU8(WGALLOWEDIP_A_CIDR_MASK, length),
  );
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes); the port in network byte order. */
function encodeSockaddr({ address, port }: SocketAddress): Buffer {
  const out = Buffer.alloc(address.family === 4 ? 16 : 28);
  out.writeUInt16LE(addressFamily(address), 0);
  out.writeUInt16BE(port, 2);
  address.bytes.copy(out, address.family === 4 ? 4 : 8);
  return out;
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
    rxBytes: attrs.get(WGPEER_A_RX_BYTES)?.readBigUInt64LE() ?? 0n,
    txBytes: attrs.get(WGPEER_A_TX_BYTES)?.readBigUInt64LE() ?? 0n,
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

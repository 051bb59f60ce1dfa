// WireGuard's generic netlink family: the numbers of <linux/wireguard.h>, and devices and peers as wg(8) speaks
// of them, observed and wanted. Not here: their bytes (encode.ts, decode.ts).

import { type Address, formatAddress, type Prefix } from '../../base/ip.js';
import type { Key, SecretKey } from './key.js';

export const WG_GENL_NAME = 'wireguard';
export const WG_GENL_VERSION = 1;
export const WG_CMD_GET_DEVICE = 0;
export const WG_CMD_SET_DEVICE = 1;

export const WGDEVICE_A_IFINDEX = 1;
export const WGDEVICE_A_IFNAME = 2;
export const WGDEVICE_A_PRIVATE_KEY = 3;
export const WGDEVICE_A_PUBLIC_KEY = 4;
export const WGDEVICE_A_FLAGS = 5;
export const WGDEVICE_A_LISTEN_PORT = 6;
export const WGDEVICE_A_FWMARK = 7;
export const WGDEVICE_A_PEERS = 8;
export const WGDEVICE_F_REPLACE_PEERS = 1;

export const WGPEER_A_PUBLIC_KEY = 1;
export const WGPEER_A_PRESHARED_KEY = 2;
export const WGPEER_A_FLAGS = 3;
export const WGPEER_A_ENDPOINT = 4;
export const WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL = 5;
export const WGPEER_A_LAST_HANDSHAKE_TIME = 6;
export const WGPEER_A_RX_BYTES = 7;
export const WGPEER_A_TX_BYTES = 8;
export const WGPEER_A_ALLOWEDIPS = 9;
export const WGPEER_F_REMOVE_ME = 1;
export const WGPEER_F_REPLACE_ALLOWEDIPS = 2;
export const WGPEER_F_UPDATE_ONLY = 4;

export const WGALLOWEDIP_A_FAMILY = 1;
export const WGALLOWEDIP_A_IPADDR = 2;
export const WGALLOWEDIP_A_CIDR_MASK = 3;

/** Where a peer is reached: sockaddr_in or sockaddr_in6 without scope. */
export interface SocketAddress {
  readonly address: Address;
  /** In host byte order. */
  readonly port: number;
}

/** `192.0.2.1:51820` or `[2001:db8::1]:51820`. */
export function formatSocketAddress({ address, port }: SocketAddress): string {
  const text = formatAddress(address);
  return address.family === 6 ? `[${text}]:${port}` : `${text}:${port}`;
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

// What a file of wg-quick(8) or wg(8) says of a tunnel, checked: the nouns, and their bounds. Not here: reading it
// (read-tunnel-file.ts), the file on the disk.

import type { Address, Prefix } from '../../base/ip.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import type { HostPort } from '../spec/host-port.js';

/** Of the text, in bytes. */
export const MAX_FILE_BYTES = 64 * 1024;
export const MAX_PEERS = 128;
/** Of all peers together. */
export const MAX_ALLOWED_IPS = 2048;
/** Addresses, servers of the DNS, domains to search: of each. */
export const MAX_LISTED = 32;
/** FileMistakes, and lines passed over, of each; the last one says that there are more. */
export const MAX_REMARKS = 20;

/** A section [Peer]. */
export interface FilePeer {
  readonly publicKey: Key;
  /** Absent: none, which is what a key of zeros says too. */
  readonly presharedKey?: SecretKey;
  /** Host bits cleared, each once, in the file's order. None is of another peer too: the last one has it. */
  readonly allowedIPs: readonly Prefix[];
  /** Absent only where the file has a ListenPort: that peer has to begin. */
  readonly endpoint?: HostPort;
  /** Seconds; 0 is off, which it is without. */
  readonly keepalive: number;
}

/** Something about one line of the file. The sentence never has a secret. */
export interface Remark {
  /** From 1. */
  readonly line: number;
  readonly sentence: string;
}

export interface TunnelFile {
  readonly privateKey: SecretKey;
  /** At least one, each once. Host bits are kept: it is the tunnel's own address in its network. */
  readonly addresses: readonly Prefix[];
  /** Servers of the DNS. */
  readonly dns: readonly Address[];
  readonly searchDomains: readonly string[];
  /** In bytes; absent: from the route to the endpoint. */
  readonly mtu?: number;
  /** Passed over, unless `auto`. */
  readonly table: 'auto' | 'off' | number;
  /** 0 is off; absent: not said. */
  readonly fwmark?: number;
  /** 0: any; absent: not said. */
  readonly listenPort?: number;
  /** At least one. */
  readonly peers: readonly FilePeer[];
  /** What a network cannot honour, and what to do instead. */
  readonly passedOver: readonly Remark[];
}

/** Why a text is no TunnelFile; at least one, in the order of lines. */
export interface FileMistakes {
  readonly mistakes: readonly Remark[];
}

// The tunnel of an exit network as it is used now: what its file says, and what the host knows beside it. Not here: how the
// file is read (driver/exit), how a name is resolved.

import type { SocketAddress } from '../../netlink/wireguard/device.js';
import type { TunnelFile } from '../exit/tunnel-file.js';

export interface ExitTunnel {
  readonly file: TunnelFile;
  /** Where peers are, by public key; absent as long as a name does not resolve, and of those that have to begin. */
  readonly endpoints: ReadonlyMap<string, SocketAddress>;
  /** In bytes. */
  readonly mtu: number;
}

/** Whether the other end of every peer that has one is known. */
export function isResolved({ file, endpoints }: ExitTunnel): boolean {
  return file.peers.every(({ publicKey, endpoint }) => !endpoint || endpoints.has(`${publicKey}`));
}

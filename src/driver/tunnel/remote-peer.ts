// The peer that a network's containers connect to, as it is now: the host's interface, or a peer elsewhere. Not here: how
// a tunnel gets there (peers.ts).

import { UserError } from '../../base/errors.js';
import { parseAddress, sameAddress } from '../../base/ip.js';
import type { SocketAddress, WgDevice } from '../../netlink/wireguard/device.js';
import type { Key } from '../../netlink/wireguard/key.js';
import type { Network } from '../spec/model.js';
import type { EndpointResolver } from './endpoint-resolver.js';

export interface RemotePeer {
  readonly publicKey: Key;
  readonly endpoint: SocketAddress;
}

/**
 * Finds the peer of a network's containers; a name is resolved on behalf of the network's owner.
 * @param host in ifname mode, the host's interface as observed
 * @throws UserError when the name does not resolve, or the interface has no key or listens on no port
 */
export async function findRemotePeer(
  { mode, owner }: Pick<Network, 'mode' | 'owner'>,
  host: WgDevice | undefined,
  resolver: Pick<EndpointResolver, 'resolve'>,
): Promise<RemotePeer> {
  if (mode.kind === 'pubkey')
    return { publicKey: mode.publicKey, endpoint: await resolver.resolve(mode.endpoint, owner) };
  const endpoint = mode.endpoint && (await resolver.resolve(mode.endpoint, owner));
  if (!host) throw new RangeError("ifname mode without the host's interface");
  return planHostPeer(host, endpoint);
}

/**
 * The public key and listening port of the host's interface, for its containers.
 * @throws UserError when it has no key or listens on no port
 */
export function planHostPeer(device: WgDevice, endpoint: SocketAddress | undefined): RemotePeer {
  if (!device.publicKey || device.publicKey.isZero) {
    throw new UserError(
      `the WireGuard interface ${device.name} has no private key: set one (wg set ${device.name} private-key …)`,
    );
  }
  if (endpoint) return { publicKey: device.publicKey, endpoint };
  if (device.listenPort === 0) {
    throw new UserError(
      `the WireGuard interface ${device.name} listens on no port: bring it up (wg-quick up ${device.name})`,
    );
  }
  return {
    publicKey: device.publicKey,
    endpoint: { address: parseAddress('127.0.0.1')!, port: device.listenPort },
  };
}

export function sameSocketAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && sameAddress(a.address, b.address);
}

/** Whether key and endpoint are the same. */
export function sameRemotePeer(a: RemotePeer, b: RemotePeer): boolean {
  return a.publicKey.equals(b.publicKey) && sameSocketAddress(a.endpoint, b.endpoint);
}

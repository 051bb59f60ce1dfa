// The peer that a network's containers connect to, as it is now: the host's interface, or a peer elsewhere. Not here: how
// a tunnel gets there (peers.ts).

import { errorCode, messageOf, UserError } from '../../base/errors.js';
import { parseAddress, sameAddress } from '../../base/ip.js';
import type { SocketAddress, WgDevice } from '../../netlink/wireguard/device.js';
import type { Key } from '../../netlink/wireguard/key.js';
import type { Network } from '../spec/model.js';
import type { EndpointResolver } from './endpoint-resolver.js';

export interface RemotePeer {
  readonly publicKey: Key;
  readonly endpoint: SocketAddress;
}

/** The code of what is refused because the host's interface is not there yet, or not configured yet. */
export const NOT_READY = 'EAGAIN';

/**
 * Finds the peer of a network's containers; a name is resolved on behalf of the network's owner.
 * @param host in ifname mode, the host's interface as observed
 * @throws UserError when the name does not resolve; of code NOT_READY when the interface has no key or listens on no port
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

/** What a container that joins finds at the other end of its tunnel. */
interface FarEnd {
  /** The host's interface, where it is there: ifname mode. */
  readonly device?: WgDevice;
  readonly peer?: RemotePeer;
  /** The interface of the host that is not there, or not configured yet: there is no peer. */
  readonly closed?: { readonly ifname: string; readonly why: string };
}

/**
 * The host's interface and the peer, or why there is none yet.
 * @throws UserError when nothing but a change of the user's helps
 */
export async function findFarEnd(
  network: Pick<Network, 'mode' | 'owner'>,
  host: { read(ifname: string): Promise<WgDevice> },
  resolver: Pick<EndpointResolver, 'resolve'>,
): Promise<FarEnd> {
  const { mode } = network;
  if (mode.kind === 'pubkey') return { peer: await findRemotePeer(network, undefined, resolver) };
  let device: WgDevice | undefined;
  try {
    device = await host.read(mode.ifname);
    return { device, peer: await findRemotePeer(network, device, resolver) };
  } catch (err) {
    if (errorCode(err) !== NOT_READY) throw err;
    return { ...(device && { device }), closed: { ifname: mode.ifname, why: messageOf(err) } };
  }
}

/**
 * The public key and listening port of the host's interface, for its containers.
 * @throws UserError of code NOT_READY when it has no key or listens on no port
 */
export function planHostPeer(device: WgDevice, endpoint: SocketAddress | undefined): RemotePeer {
  if (!hasKey(device)) {
    throw new UserError(
      `the WireGuard interface ${device.name} has no private key: set one (wg set ${device.name} private-key …)`,
      { code: NOT_READY },
    );
  }
  if (endpoint) return { publicKey: device.publicKey, endpoint };
  if (device.listenPort === 0) {
    throw new UserError(
      `the WireGuard interface ${device.name} listens on no port: bring it up (wg-quick up ${device.name})`,
      { code: NOT_READY },
    );
  }
  return {
    publicKey: device.publicKey,
    endpoint: { address: parseAddress('127.0.0.1')!, port: device.listenPort },
  };
}

/**
 * Whether containers can have the interface as their peer.
 * @param isElsewhere whether they reach it by an address of the network's, and not by its own port
 */
export function isConfigured(device: WgDevice, isElsewhere: boolean): boolean {
  return hasKey(device) && (isElsewhere || device.listenPort !== 0);
}

function hasKey(device: WgDevice): device is WgDevice & { readonly publicKey: Key } {
  return device.publicKey !== undefined && !device.publicKey.isZero;
}

export function sameSocketAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && sameAddress(a.address, b.address);
}

/** Whether key and endpoint are the same. */
export function sameRemotePeer(a: RemotePeer, b: RemotePeer): boolean {
  return a.publicKey.equals(b.publicKey) && sameSocketAddress(a.endpoint, b.endpoint);
}

// The two ends of a tunnel as peers: the container's on the host's interface, and the one the container connects
// to. Pure: devices as observed go in, changes come out. Not here: who the latter is (remote-peer.ts), links and routes
// (join-plan.ts), who writes the kernel.

import { type Prefix, prefixContains, samePrefix } from '../../base/ip.js';
import type { WgDevice, WgDeviceConfig, WgPeer, WgPeerConfig } from '../../netlink/wireguard/device.js';
import { type Key, SecretKey, WG_KEY_LEN } from '../../netlink/wireguard/key.js';
import { type Endpoint, endpointPrefixes, type Network, type PriorPeer } from '../spec/model.js';
import { type RemotePeer, sameSocketAddress } from './remote-peer.js';

/** What the kernel takes for "no preshared key". */
export const NO_PRESHARED_KEY = new SecretKey(Buffer.alloc(WG_KEY_LEN));

/** What a container's peer on the host's interface gets, as the original does. */
const HOST_PEER_KEEPALIVE = 25;

/** The peer of a container's own device. */
export function planRemotePeer(
  network: Pick<Network, 'keepalive' | 'allowedIPs'>,
  peer: RemotePeer,
  presharedKey: SecretKey | undefined,
): WgPeerConfig {
  return {
    ...peer,
    ...(presharedKey && { presharedKey }),
    keepalive: network.keepalive,
    replaceAllowedIPs: true,
    allowedIPs: network.allowedIPs,
  };
}

/** A container as a peer of the host's interface. */
export function planContainerPeer(
  endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>,
  publicKey: Key,
  presharedKey: SecretKey | undefined,
): WgPeerConfig {
  return {
    publicKey,
    ...(presharedKey && { presharedKey }),
    keepalive: HOST_PEER_KEEPALIVE,
    allowedIPs: endpointPrefixes(endpoint),
  };
}

/** Whether a container that is to become a peer conflicts with a peer of the host's interface. */
export type PeerConflict =
  /** No peer of this key, or one that a crash of ours left behind. */
  | { readonly kind: 'free' }
  /** Somebody configured a peer of this key: it gets our addresses too, and itself back on Leave. */
  | { readonly kind: 'shared'; readonly prior: PriorPeer }
  /** Somebody configured a peer of this key, which the container may not share. */
  | { readonly kind: 'foreign'; readonly by: WgPeer }
  /** Another peer holds one of the addresses: adding ours would take it away. */
  | { readonly kind: 'taken'; readonly by: WgPeer; readonly prefix: Prefix };

/** What a container may do to peers that are on the interface already. */
interface PeerRights {
  /**
   * Whether the container may take addresses out of a wider network of another peer, and share a peer of its key that
   * somebody configured, as root's may; those of a rootless Docker may not, or any user could take any peer's traffic.
   */
  readonly trusted: boolean;
  /** Whether the peer of this key is, by its record, a container's of the same owner. */
  readonly recorded: boolean;
}

/** Whether the container can become a peer of the device as it is, and how. */
export function planPeerConflict(
  device: WgDevice,
  wanted: WgPeerConfig,
  { trusted, recorded }: PeerRights,
): PeerConflict {
  const allowedIPs = wanted.allowedIPs ?? [];
  const clashes = (ip: Prefix, other: Prefix): boolean =>
    samePrefix(ip, other) || (!trusted && prefixContains(other, ip.address));
  for (const peer of device.peers) {
    if (peer.publicKey.equals(wanted.publicKey)) continue;
    const prefix = allowedIPs.find(ip => peer.allowedIPs.some(other => clashes(ip, other)));
    if (prefix) return { kind: 'taken', by: peer, prefix };
  }
  const present = device.peers.find(peer => peer.publicKey.equals(wanted.publicKey));
  if (!present) return { kind: 'free' };
  const likeOurs = isLikeOurs(present, wanted);
  if (!trusted && !(likeOurs && recorded)) return { kind: 'foreign', by: present };
  if (likeOurs) return { kind: 'free' };
  const { keepalive, presharedKey } = present;
  return {
    kind: 'shared',
    prior: { allowedIPs: present.allowedIPs, keepalive, ...(presharedKey && { presharedKey }) },
  };
}

/** Whether a peer is what we would have made of it. */
function isLikeOurs(present: WgPeer, wanted: WgPeerConfig): boolean {
  const allowedIPs = wanted.allowedIPs ?? [];
  const samePsk = wanted.presharedKey
    ? present.presharedKey?.equals(wanted.presharedKey)
    : present.presharedKey === undefined;
  return (
    samePsk === true &&
    present.keepalive === wanted.keepalive &&
    present.allowedIPs.every(ip => allowedIPs.some(other => samePrefix(ip, other)))
  );
}

/** The change that removes a container from the host's interface: its peer is deleted, or restored to what it was. */
export function planPeerRemoval(publicKey: Key, prior: PriorPeer | undefined): WgPeerConfig {
  if (!prior) return { publicKey, remove: true };
  return {
    publicKey,
    updateOnly: true,
    presharedKey: prior.presharedKey ?? NO_PRESHARED_KEY,
    keepalive: prior.keepalive,
    replaceAllowedIPs: true,
    allowedIPs: prior.allowedIPs,
  };
}

/** Whether the host's interface lacks a peer, one of its addresses, or its preshared key. */
export function isMissing(device: WgDevice, wanted: WgPeerConfig): boolean {
  const found = device.peers.find(peer => peer.publicKey.equals(wanted.publicKey));
  const has = (ip: Prefix): boolean => found?.allowedIPs.some(other => samePrefix(ip, other)) === true;
  const psk = wanted.presharedKey;
  if (psk && !found?.presharedKey?.equals(psk)) return true;
  return !found || !(wanted.allowedIPs ?? []).every(has);
}

/** How old a handshake may be before the peer counts as lost: REKEY_AFTER_TIME and a try (wg(8) reresolve-dns). */
export const STALE_HANDSHAKE_MS = 135_000;

export interface TunnelView {
  /** The container's device, as observed. */
  readonly device: WgDevice;
  /** The peer it should have, as resolved now. */
  readonly peer: RemotePeer;
  /** Whether the name or the interface behind the peer gave another answer than the last time. */
  readonly changed: boolean;
  /** Whether the other end has just been made anew: it does not know the session any more. */
  readonly sessionLost: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * The change that brings a live tunnel to its peer; undefined where it is there. A peer that roamed to an address
 * of its own accord, and answers, is left alone.
 */
export function planTunnel(
  { device, peer, changed, sessionLost, now }: TunnelView,
  network: Pick<Network, 'keepalive' | 'allowedIPs'>,
  presharedKey: SecretKey | undefined,
): WgDeviceConfig | undefined {
  const present = device.peers.find(({ publicKey }) => publicKey.equals(peer.publicKey));
  // A new peer starts a handshake at once; the old one would only notice after fifteen seconds.
  if (!present || sessionLost) {
    return {
      replacePeers: true,
      peers: [planRemotePeer(network, peer, presharedKey)],
    };
  }
  const same = present.endpoint && sameSocketAddress(present.endpoint, peer.endpoint);
  const stale = now - present.lastHandshake > STALE_HANDSHAKE_MS;
  if (same || !(changed || stale)) return undefined;
  return { peers: [{ publicKey: peer.publicKey, updateOnly: true, endpoint: peer.endpoint }] };
}

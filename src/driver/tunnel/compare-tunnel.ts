// A tunnel as its network and endpoint have it, beside what the kernel has, thing by thing. Pure; shows no secret. Not here:
// reading the kernel (tunnel-readings.ts), what is changed where it differs (peers.ts).

import { formatAddress, formatPrefix, type Prefix, parseAddress, samePrefix } from '../../base/ip.js';
import type { Comparison } from '../../control/answers.js';
import { formatSocketAddress, type WgPeer, type WgPeerConfig } from '../../netlink/wireguard/device.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import { formatHostPort, type HostPort } from '../spec/host-port.js';
import type { Endpoint, Network } from '../spec/model.js';
import { planContainerPeer, STALE_HANDSHAKE_MS } from './peers.js';

/** What a peer is compared with. */
interface TunnelFacts {
  readonly network: Network;
  readonly endpoint: Endpoint;
  /** The interface or link that has the peer. */
  readonly ifname: string | undefined;
  /** Absent: there is none. */
  readonly peer: WgPeer | undefined;
  readonly presharedKey: SecretKey | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Of a container: its peer on the host's interface, or its own link's peer elsewhere. */
export function compareTunnel(facts: TunnelFacts): Comparison[] {
  return facts.network.mode.kind === 'ifname' ? compareOnHost(facts) : compareInContainer(facts);
}

function compareOnHost({ endpoint, peer, presharedKey, ifname }: TunnelFacts): Comparison[] {
  const { publicKey } = endpoint;
  if (!publicKey) return [];
  const { allowedIPs = [], keepalive = 0 } = planContainerPeer(endpoint, publicKey, presharedKey);
  // Others may have given the peer more networks, and a keepalive of theirs.
  const missing = allowedIPs.filter(ip => !peer?.allowedIPs.some(other => samePrefix(ip, other)));
  return [
    compare(`peer on ${ifname}`, `${publicKey}`, peer && `${peer.publicKey}`),
    ...(peer
      ? [
          allowed(allowedIPs, peer.allowedIPs, missing.length === 0),
          compare('keepalive', seconds(keepalive), seconds(peer.keepalive), true),
          preshared(presharedKey, peer.presharedKey),
        ]
      : []),
  ];
}

function compareInContainer({ network, peer, presharedKey, ifname, now }: TunnelFacts): Comparison[] {
  const { mode } = network;
  if (mode.kind !== 'pubkey') return [];
  const link = compare(
    'link',
    'in the container',
    ifname && `${ifname} in the container`,
    ifname !== undefined,
  );
  if (!ifname) return [link];
  return [link, ...comparePeer({ ...mode, ...network, presharedKey }, peer, now)];
}

/** A peer elsewhere as it is to be. */
interface DesiredPeer {
  readonly publicKey: Key;
  /** Absent: it has to begin. */
  readonly endpoint?: HostPort;
  readonly allowedIPs: readonly Prefix[];
  /** Seconds; 0 is off. */
  readonly keepalive: number;
  readonly presharedKey?: SecretKey | undefined;
}

/**
 * A peer elsewhere, as the link has it that reaches it.
 * @param now milliseconds since 1970
 */
export function comparePeer(desired: DesiredPeer, peer: WgPeer | undefined, now: number): Comparison[] {
  const { publicKey, endpoint, allowedIPs, keepalive, presharedKey } = desired;
  const wanted = compare('peer', `${publicKey}`, peer && `${peer.publicKey}`);
  if (!peer) return [wanted];
  const same = (a: readonly Prefix[], b: readonly Prefix[]): boolean =>
    a.length === b.length && a.every(one => b.some(other => samePrefix(one, other)));
  // A name may lead elsewhere by now, and a peer that answers may be wherever it has moved.
  const isLiteral = endpoint && parseAddress(endpoint.host) !== undefined;
  const answers = now - peer.lastHandshake <= STALE_HANDSHAKE_MS;
  const at = peer.endpoint && formatSocketAddress(peer.endpoint);
  const isThere = at !== undefined && (!isLiteral || answers || at === formatHostPort(endpoint));
  return [
    wanted,
    ...(endpoint ? [compare('endpoint', formatHostPort(endpoint), at, isThere)] : []),
    allowed(allowedIPs, peer.allowedIPs, same(allowedIPs, peer.allowedIPs)),
    compare('keepalive', seconds(keepalive), seconds(peer.keepalive)),
    preshared(presharedKey, peer.presharedKey),
  ];
}

function compare(
  what: string,
  desired: string,
  observed: string | undefined,
  isSame = desired === observed,
): Comparison {
  return { what, desired, ...(observed !== undefined && { observed }), isSame };
}

function allowed(
  desired: NonNullable<WgPeerConfig['allowedIPs']>,
  observed: readonly Prefix[],
  isSame: boolean,
): Comparison {
  return compare('allowed IPs', prefixes(desired), prefixes(observed), isSame);
}

/** Whether there is one, and the right one; never which. */
function preshared(desired: SecretKey | undefined, observed: SecretKey | undefined): Comparison {
  const text = (key: SecretKey | undefined): string => (key ? 'set' : 'none');
  const isSame = desired && observed ? desired.equals(observed) : desired === observed;
  const seen = desired && observed && !isSame ? 'set to another' : text(observed);
  return compare('preshared key', text(desired), seen, isSame);
}

function prefixes(list: readonly Prefix[]): string {
  return list.length === 0 ? 'none' : list.map(formatPrefix).join(', ');
}

function seconds(keepalive: number): string {
  return keepalive === 0 ? 'off' : `${keepalive} s`;
}

/** The addresses of an endpoint, IPv4 first. */
export function addressesOf({ ipv4, ipv6 }: Pick<Endpoint, 'ipv4' | 'ipv6'>): string[] {
  return [ipv4, ipv6].flatMap(address => (address ? formatAddress(address) : []));
}

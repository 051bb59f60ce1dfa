// Networks and endpoints as the driver knows them: the nouns that options, plans and the store share.
// Not here: Docker's own words (protocol.ts), the kernel's (netlink/).

import { type Address, hostPrefix, type Prefix } from '../../base/ip.js';
import type { Key, SecretKey } from '../../netlink/wireguard/key.js';
import type { HostPort } from './host-port.js';
import type { PublishedPort } from './port-map.js';

/** PATH_MAX of <linux/limits.h>: bytes of a path, the NUL at its end counted. */
export const PATH_MAX = 4096;

/** Each container becomes a peer of a WireGuard interface of this host. */
interface IfnameMode {
  readonly kind: 'ifname';
  readonly ifname: string;
  /** Absent: that interface's listening port on loopback. */
  readonly endpoint?: HostPort;
}

/** Containers connect to a peer elsewhere. */
interface PubkeyMode {
  readonly kind: 'pubkey';
  readonly publicKey: Key;
  readonly endpoint: HostPort;
}

export type Mode = IfnameMode | PubkeyMode;

/** A secret given in place, or the root-owned file that holds it. */
export type SecretSource<T> = { readonly value: T } | { readonly file: string };

/** What `docker network create -o` says, validated. */
export interface NetworkOptions {
  readonly mode: Mode;
  readonly seed: SecretSource<Buffer>;
  readonly presharedKey?: SecretSource<SecretKey>;
  /** Beyond the network's own subnets; host bits cleared. */
  readonly routes: readonly Prefix[];
  /** In bytes; absent: from the route to the endpoint. */
  readonly mtu?: number;
  /** Seconds; 0 is off. */
  readonly keepalive: number;
  readonly allowedIPs: readonly Prefix[];
  /** Of the interface's name in the container. */
  readonly prefix: string;
}

/** What `docker network create -o dwgd.conf=…` says, validated: containers share the tunnel of a file. */
export interface ExitOptions {
  /** Absolute paths of files of wg-quick(8), at least one, each once, in the order in which they are used. */
  readonly files: readonly string[];
  /** After so many seconds the first file is tried again; absent: never. */
  readonly failback?: number;
  /** In bytes; absent: what the file says, or from the route to the endpoint. */
  readonly mtu?: number;
  /** Servers that all questions to the DNS go to; absent: what the file says; none: questions stay as they are. */
  readonly dns?: readonly Address[];
  /** Where a port is asked for: the gateway that follows from the file, or this one; absent: nowhere. */
  readonly natpmp?: 'on' | Address;
  /** Of the interface's name in the container. */
  readonly prefix: string;
}

/** A pool of the network; the gateway is absent where IPAM gave none. */
export interface Pool {
  readonly subnet: Prefix;
  readonly gateway?: Address;
}

/** What every network has. */
interface Identity {
  readonly id: string;
  /** Absent on a network that was taken over from the original's database and not looked up since, and where IPAM gives none. */
  readonly ipv4?: Pool;
  readonly ipv6?: Pool;
  /** The user whose Docker it belongs to: 0, or that of a rootless one. */
  readonly owner: number;
}

/** A network whose containers have a tunnel each. */
export interface Network extends NetworkOptions, Identity {}

/** A network whose containers go out by one tunnel. */
export interface ExitNetwork extends ExitOptions, Identity {}

/** Whether its one container has the tunnel itself, with no router between: IPAM gives it no subnet (`--ipam-driver=null`). */
export function isDirect({ ipv4, ipv6 }: Pick<ExitNetwork, 'ipv4' | 'ipv6'>): boolean {
  return !ipv4 && !ipv6;
}

/**
 * What was decided last for an endpoint, written before the kernel is touched:
 * `created` (nothing in the kernel), `joining` (link and peer may be there), `joined` (both are), `left` (the peer
 * is gone, the link on its way back), `deleting` (the link is to go).
 */
export type EndpointState = 'created' | 'joining' | 'joined' | 'left' | 'deleting';

/** What a peer of the host's interface was before we joined it: given back on Leave. */
export interface PriorPeer {
  readonly allowedIPs: readonly Prefix[];
  readonly keepalive: number;
  readonly presharedKey?: SecretKey;
}

export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly ipv4?: Address;
  readonly ipv6?: Address;
  /** The link's name in the host's namespace. */
  readonly ifname: string;
  readonly state: EndpointState;
  /** Path of the container's namespace; known from Join on. */
  readonly sandboxKey?: string;
  /** The container's own; known from Join on, absent on one taken over from the original's database. */
  readonly publicKey?: Key;
  readonly priorPeer?: PriorPeer;
  /**
   * Joined while the host's interface could not be: neither end has the other as a peer yet, and a peer of its key on that
   * interface is somebody else's.
   */
  readonly pending?: true;
  /** On an exit network: the value of `dwgd.forward`, of the endpoint itself or of its container's label. */
  readonly forward?: string;
  /** On an exit network: what is published on the host. */
  readonly published?: readonly PublishedPort[];
}

/** The address that the key derives from: the IPv4 one, or the IPv6 one where there is no other. */
export function keyAddress(endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>): Address {
  const address = endpoint.ipv4 ?? endpoint.ipv6;
  if (!address) throw new RangeError('an endpoint without an address');
  return address;
}

/** Whether the container may be a peer of the host's interface. */
export function mayHavePeer({ state }: Endpoint): boolean {
  return state === 'joining' || state === 'joined';
}

/** The endpoint without the fields of one that has a peer. */
export function withoutPeer({
  publicKey: _key,
  priorPeer: _prior,
  pending: _pending,
  ...endpoint
}: Endpoint): Endpoint {
  return endpoint;
}

/** The endpoint without what is published on the host. */
export function withoutPorts({ published: _published, ...endpoint }: Endpoint): Endpoint {
  return endpoint;
}

/** The /32 and /128 of the endpoint, IPv4 first. */
export function endpointPrefixes(endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>): Prefix[] {
  return [endpoint.ipv4, endpoint.ipv6].filter(address => address !== undefined).map(hostPrefix);
}

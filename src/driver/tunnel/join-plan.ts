// What a Join and a network mean in links, peers and routes. Pure: everything known goes in, plain data comes
// out. Not here: the peers of the host's interface (peers.ts), who writes the kernel (driver/lifecycle/driver.ts).

import { createHash } from 'node:crypto';
import { UserError } from '../../base/errors.js';
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  hostPrefix,
  isDefault,
  isDefaultOrHalf,
  maskPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
  sameAddress,
  samePrefix,
} from '../../base/ip.js';
import { LINK_GROUP, LINK_NAME_PREFIX } from '../../base/ownership.js';
import type { Link, LinkConfig } from '../../netlink/route/link.js';
import type { WgDeviceConfig } from '../../netlink/wireguard/device.js';
import type { SecretKey } from '../../netlink/wireguard/key.js';
import type { Endpoint, Network, NetworkOptions, Pool } from '../spec/model.js';
import { IPV6_MIN_MTU } from '../spec/option-table.js';
import {
  CONNECTED,
  type CreateEndpointRequest,
  type IPAMData,
  type JoinResponse,
  type StaticRoute,
} from '../spec/protocol.js';
import { takesAll } from './full-tunnel.js';
import { planRemotePeer } from './peers.js';
import type { RemotePeer } from './remote-peer.js';

/** Of a container that has a tunnel itself. */
export const TUNNEL_LINK_KIND = 'wireguard';
/** Of a container of an exit network: its end of the way to the router. */
export const EXIT_LINK_KIND = 'veth';

/** WireGuard's own overhead over IPv6: 40 + 8 + 32 bytes; wg-quick(8) takes the same off. */
const WIREGUARD_OVERHEAD = 80;
/** The length of a link's name after `wg-`, in characters. */
const LINK_NAME_ID = 12;

/**
 * `wg-` and the first twelve characters of the endpoint's id. Users other than root choose their ids: theirs is a hash
 * of owner and id, so that nobody can name another's link.
 */
export function linkName(endpointId: string, owner: number): string {
  const id = owner === 0 ? endpointId : createHash('sha256').update(`${owner}/${endpointId}`).digest('hex');
  return `${LINK_NAME_PREFIX}${id.slice(0, LINK_NAME_ID)}`;
}

/** The group of an owner's links: no two owners share one. */
export function linkGroup(owner: number): number {
  return (LINK_GROUP + owner) >>> 0;
}

/** Whether a link, where that owner's Docker looks for links, is one that was made for it. */
export function isLinkOf(owner: number, { kind, group }: Link): boolean {
  // An earlier release gave the links of all owners the same group. In a user's namespace there are that user's alone.
  const isKind = kind === TUNNEL_LINK_KIND || kind === EXIT_LINK_KIND;
  return isKind && (group === linkGroup(owner) || group === LINK_GROUP);
}

/**
 * The pools of a network, from what IPAM says.
 * @throws UserError for a subnet that cannot be used, or an option that does not fit the pools
 */
export function planPools(
  options: Pick<NetworkOptions, 'mtu' | 'routes'>,
  ipv4Data: readonly IPAMData[],
  ipv6Data: readonly IPAMData[],
): { ipv4?: Pool; ipv6?: Pool } {
  const ipv4 = readPool(ipv4Data, 4);
  const ipv6 = readPool(ipv6Data, 6);
  if (!ipv4 && !ipv6) {
    throw new UserError('the network has no subnet: give --subnet, such as --subnet=10.0.0.0/24');
  }
  if (ipv6 && options.mtu !== undefined && options.mtu < IPV6_MIN_MTU) {
    throw new UserError(`dwgd.mtu=${options.mtu} is too small for IPv6: give at least ${IPV6_MIN_MTU}`);
  }
  const pools = { 4: ipv4, 6: ipv6 };
  for (const route of options.routes) {
    const { family } = route.address;
    if (pools[family]) continue;
    const remedy = family === 6 ? 'add --ipv6 and an IPv6 --subnet' : 'add an IPv4 --subnet';
    throw new UserError(
      `dwgd.route=${formatPrefix(route)} is IPv${family}, but the network has no IPv${family} subnet: ${remedy}, or leave the route out`,
    );
  }
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/** Whether IPAM leaves addresses to the driver (`--ipam-driver=null`). */
export function hasNoSubnet(ipv4Data: readonly IPAMData[], ipv6Data: readonly IPAMData[]): boolean {
  const pools = [...ipv4Data, ...ipv6Data].map(({ Pool }) => parsePrefix(Pool));
  return pools.length > 0 && pools.every(pool => pool !== undefined && isDefault(pool));
}

function readPool(data: readonly IPAMData[], family: Family): Pool | undefined {
  const [first, second] = data;
  if (!first) return undefined;
  if (second) {
    throw new UserError(
      `the network has ${data.length} IPv${family} subnets: give one --subnet of each family`,
    );
  }
  const subnet = parsePrefix(first.Pool);
  if (!subnet || subnet.address.family !== family) {
    throw new UserError(`the subnet ${JSON.stringify(first.Pool)} is not an IPv${family} network`);
  }
  if (isDefault(subnet)) {
    throw new UserError(
      'the network has no subnet (--ipam-driver=null): keys derive from addresses, so give --subnet',
    );
  }
  const gateway = first.Gateway === undefined ? undefined : parsePrefix(first.Gateway)?.address;
  if (first.Gateway !== undefined && gateway?.family !== family) {
    throw new UserError(`the gateway ${JSON.stringify(first.Gateway)} is not an IPv${family} address`);
  }
  return { subnet: maskPrefix(subnet), ...(gateway && { gateway }) };
}

/**
 * The addresses of a new endpoint.
 * @throws UserError for a MAC address, no address, an unreadable one, or one outside the network's subnet
 */
export function planAddresses(
  network: Pick<Network, 'ipv4' | 'ipv6'>,
  request: CreateEndpointRequest,
): { ipv4?: Address; ipv6?: Address } {
  if (request.MacAddress !== undefined) {
    throw new UserError(
      `a WireGuard interface has no MAC address: leave out --mac-address (${request.MacAddress})`,
    );
  }
  const ipv4 = readInterfaceAddress(request.Address, 4, network.ipv4);
  const ipv6 = readInterfaceAddress(request.AddressIPv6, 6, network.ipv6);
  if (!ipv4 && !ipv6) throw new UserError('the endpoint has no address: the network needs a --subnet');
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

function readInterfaceAddress(
  text: string | undefined,
  family: Family,
  pool: Pool | undefined,
): Address | undefined {
  if (text === undefined) return undefined;
  const address = parsePrefix(text)?.address;
  if (address?.family !== family)
    throw new UserError(`${JSON.stringify(text)} is not an IPv${family} address`);
  if (pool && !prefixContains(pool.subnet, address)) {
    throw new UserError(
      `the address ${formatAddress(address)} is not in the network's subnet ${formatPrefix(pool.subnet)}`,
    );
  }
  return address;
}

/** The MTU of a container's link, from the MTU of the path to its peer. */
export function planMtu(pathMtu: number): number {
  return Math.max(IPV6_MIN_MTU, pathMtu - WIREGUARD_OVERHEAD);
}

interface JoinPlan {
  readonly link: LinkConfig;
  readonly device: WgDeviceConfig;
  readonly response: JoinResponse;
}

interface JoinInput {
  readonly network: Network;
  readonly endpoint: Endpoint;
  readonly privateKey: SecretKey;
  readonly presharedKey: SecretKey | undefined;
  /** Absent: the tunnel is closed as long as there is none. */
  readonly peer?: RemotePeer | undefined;
  /** Of the link, in bytes. */
  readonly mtu: number;
}

/** The link to make, its configuration, and the answer to Docker. */
export function planJoin({ network, endpoint, privateKey, presharedKey, peer, mtu }: JoinInput): JoinPlan {
  return {
    link: { name: endpoint.ifname, kind: TUNNEL_LINK_KIND, mtu, group: linkGroup(network.owner) },
    device: {
      privateKey,
      replacePeers: true,
      peers: peer ? [planRemotePeer(network, peer, presharedKey)] : [],
    },
    response: planResponse(network, endpoint),
  };
}

/** The answer to Join; it needs nothing but the store, so that a repeated Join gets the same one. */
export function planResponse(network: Network, endpoint: Endpoint): JoinResponse {
  const gateway4 = fullTunnelGateway(network, endpoint, 4);
  const gateway6 = fullTunnelGateway(network, endpoint, 6);
  const own = [network.ipv4?.subnet, network.ipv6?.subnet].filter(subnet => subnet !== undefined);
  const routes = network.routes
    .filter(route => !isDefaultOrHalf(route) || !(route.address.family === 4 ? gateway4 : gateway6))
    .filter(route => !own.some(subnet => samePrefix(subnet, route)));
  const onLink = [gateway4, gateway6].filter(gateway => gateway !== undefined).map(hostPrefix);
  return {
    InterfaceName: { SrcName: endpoint.ifname, DstPrefix: network.prefix },
    // Docker arbitrates between the networks of a container by Gateway, and its resolver asks for one; a connected
    // default route would fail beside a bridge. The gateway needs a route of its own, on-link. Whichever
    // network Docker chooses, policy rules in the namespace send packets by the tunnel (full-tunnel.ts).
    ...(gateway4 && { Gateway: formatAddress(gateway4) }),
    ...(gateway6 && { GatewayIPv6: formatAddress(gateway6) }),
    StaticRoutes: [...onLink, ...routes].map(connected),
    DisableGatewayService: true,
  };
}

function connected(route: Prefix): StaticRoute {
  return { Destination: formatPrefix(route), RouteType: CONNECTED };
}

/** The gateway of a full tunnel: IPAM's, or else the first address of the subnet that is not the container's. */
function fullTunnelGateway(network: Network, endpoint: Endpoint, family: Family): Address | undefined {
  const pool = family === 4 ? network.ipv4 : network.ipv6;
  const own = family === 4 ? endpoint.ipv4 : endpoint.ipv6;
  if (!own || !pool || !takesAll(network.routes, family)) return undefined;
  if (pool.gateway) return pool.gateway;
  return [1, 2].flatMap(n => nthAddress(pool.subnet, n) ?? []).find(address => !sameAddress(address, own));
}

/** The address at an offset in the subnet; undefined if it is outside. */
function nthAddress(subnet: Prefix, n: number): Address | undefined {
  const { family, bytes } = maskPrefix(subnet).address;
  const copy = Buffer.from(bytes);
  copy[copy.length - 1]! += n;
  const address = { family, bytes: copy };
  return prefixContains(subnet, address) ? address : undefined;
}

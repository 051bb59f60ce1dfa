// What the namespace of an exit network's router is to hold: the tunnel, the bridge, a port for each container, routes, sysctls
// and tables. Pure: the network, its tunnel and its endpoints go in. Not here: the tables' rules (router-tables.ts), the changes
// that lead there (diff-router.ts).

import { createHash } from 'node:crypto';
import {
  type Address,
  type Family,
  formatPrefix,
  hostPrefix,
  type Prefix,
  prefixCovers,
} from '../../base/ip.js';
import type { WgDeviceConfig, WgPeerConfig } from '../../netlink/wireguard/device.js';
import { clamp } from '../../netlink/wireguard/key.js';
import type { NftTable } from '../../nft/table.js';
import { gatewayOfExit } from '../exit/natpmp-gateway.js';
import { type Endpoint, type ExitNetwork, isDirect, keyAddress } from '../spec/model.js';
import { planDns } from './dns-ways.js';
import type { ExitTunnel } from './exit-tunnel.js';
import { type PortBinding, planBridgeTable, planForwardTable } from './router-tables.js';
import { NO_WAYS_IN, type WaysIn } from './ways-in.js';

/** Names of the links in the namespace, which is ours alone: ports begin with `wg-`. */
export const BRIDGE = 'br0';
export const TUNNEL = 'wg0';
const FAMILIES: readonly Family[] = [4, 6];

/** A sysctl below /proc/sys/net. */
export interface RouterSysctl {
  readonly name: string;
  readonly value: string;
  /** The link that it goes and comes with. */
  readonly link?: string;
  /** Whether a kernel may lack it. */
  readonly mayLack?: true;
}

interface DesiredTunnel {
  /** Each as a network of its own: what is beyond is for AllowedIPs to say. */
  readonly addresses: readonly Prefix[];
  readonly device: WgDeviceConfig;
  /** By the tunnel; none within a subnet of the network. */
  readonly routes: readonly Prefix[];
}

export interface DesiredRouter {
  /** Of all links, in bytes; absent: not known yet, and what is there stays. */
  readonly mtu?: number;
  readonly bridge: { readonly mac: string; readonly addresses: readonly Prefix[] };
  /** Absent: what is there stays, and where nothing is, nothing goes out. */
  readonly tunnel?: DesiredTunnel;
  readonly ports: readonly PortBinding[];
  /** Ports of others stay: whose they are is not known yet. */
  readonly keepsOtherPorts?: boolean;
  /** One that goes all the same. */
  readonly formerPort?: string;
  readonly sysctls: readonly RouterSysctl[];
  readonly tables: readonly NftTable[];
  /** What the tables open, and to which networks. */
  readonly opens: { readonly ways: WaysIn; readonly subnets: readonly Prefix[] };
}

/**
 * @param tunnel absent: it is not known yet
 * @param ports of all containers that are attached, or about to be
 * @param ways what is open to them from outside
 */
export function planRouter(
  network: ExitNetwork,
  tunnel: ExitTunnel | undefined,
  ports: readonly PortBinding[],
  ways: WaysIn = NO_WAYS_IN,
): DesiredRouter {
  const families = tunnel ? routedFamilies(network, tunnel) : poolFamilies(network);
  const dns = planDns(network, families, tunnel?.file);
  const pools = [network.ipv4, network.ipv6].filter(pool => pool !== undefined);
  const gateways = pools.flatMap(({ subnet, gateway }) =>
    gateway ? [{ address: gateway, length: subnet.length }] : [],
  );
  const planned = tunnel && planTunnel(network, tunnel, families);
  const addresses = planned?.addresses.map(({ address }) => address) ?? [];
  const subnets = pools.map(({ subnet }) => subnet);
  const asked = tunnel && gatewayOfExit(network, tunnel.file);
  const natpmp = asked && 'address' in asked && { natpmp: asked.address };
  const waysIn = { ways, bridge: BRIDGE, tunnel: TUNNEL, addresses, subnets, ...natpmp };
  return {
    ...(tunnel && { mtu: tunnel.mtu }),
    bridge: { mac: macOf(`${network.id}/bridge`), addresses: gateways },
    ...(planned && { tunnel: planned }),
    ports,
    sysctls: planSysctls(network, families),
    tables: [planBridgeTable(ports), planForwardTable(dns, waysIn)],
    opens: { ways, subnets },
  };
}

/** Those that the network has a subnet of. */
function poolFamilies({ ipv4, ipv6 }: Pick<ExitNetwork, 'ipv4' | 'ipv6'>): ReadonlySet<Family> {
  return new Set([...(ipv4 ? [4 as const] : []), ...(ipv6 ? [6 as const] : [])]);
}

/** The families that go out: the network has a subnet, or needs none, and the file an address and somewhere to go. */
export function routedFamilies(
  network: Pick<ExitNetwork, 'ipv4' | 'ipv6'>,
  { file }: Pick<ExitTunnel, 'file'>,
): ReadonlySet<Family> {
  const has = (family: Family): boolean =>
    file.addresses.some(({ address }) => address.family === family) &&
    file.peers.some(({ allowedIPs }) => allowedIPs.some(({ address }) => address.family === family));
  return new Set([...(isDirect(network) ? FAMILIES : poolFamilies(network))].filter(has));
}

/** The link-layer address of a container, which it keeps as long as its address: its neighbours remember both. */
export function containerMac(networkId: string, address: Address): string {
  return macOf(`${networkId}/${address.bytes.toString('hex')}`);
}

/** The port of a container, and the link-layer address of its end. */
export function portOf(networkId: string, endpoint: Endpoint): PortBinding {
  const { ifname: name, ipv4, ipv6 } = endpoint;
  const mac = containerMac(networkId, keyAddress(endpoint));
  return { name, mac, ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/**
 * Those of containers that are attached, or about to be.
 * @param except an endpoint that has no port yet
 */
export function attachedTo(endpoints: readonly Endpoint[], except?: string): Endpoint[] {
  return endpoints.filter(({ id, state }) => id !== except && state !== 'created' && state !== 'deleting');
}

/** One that is administered locally, and nobody's group. */
function macOf(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  return `02:${hash.slice(0, 10).replace(/..(?=.)/g, '$&:')}`;
}

/** The link of a tunnel, wherever that is. */
export function planDevice({ file, endpoints }: Pick<ExitTunnel, 'file' | 'endpoints'>): WgDeviceConfig {
  const peers = file.peers.map(({ endpoint: _name, ...peer }): WgPeerConfig => {
    const endpoint = endpoints.get(`${peer.publicKey}`);
    return { ...peer, ...(endpoint && { endpoint }), replaceAllowedIPs: true };
  });
  return {
    privateKey: clamp(file.privateKey),
    ...(file.listenPort !== undefined && { listenPort: file.listenPort }),
    fwmark: file.fwmark ?? 0,
    peers,
  };
}

function planTunnel(
  network: ExitNetwork,
  { file, endpoints }: ExitTunnel,
  families: ReadonlySet<Family>,
): DesiredTunnel {
  const own = [network.ipv4?.subnet, network.ipv6?.subnet].filter(subnet => subnet !== undefined);
  const isRouted = (prefix: Prefix): boolean =>
    families.has(prefix.address.family) && !own.some(subnet => prefixCovers(subnet, prefix));
  const routes = file.peers.flatMap(({ allowedIPs }) => allowedIPs).filter(isRouted);
  return {
    addresses: file.addresses.flatMap(({ address }) =>
      families.has(address.family) ? [hostPrefix(address)] : [],
    ),
    device: planDevice({ file, endpoints }),
    routes: [...new Map(routes.map(route => [formatPrefix(route), route])).values()],
  };
}

/** All of them are said: what a namespace begins with is the administrator's choice. */
function planSysctls(network: ExitNetwork, families: ReadonlySet<Family>): readonly RouterSysctl[] {
  const ipv4 = (name: string, value: string): RouterSysctl => ({ name: `ipv4/conf/${name}`, value });
  const ipv6 = (name: string, value: string, link?: string): RouterSysctl => ({
    name: `ipv6/conf/${name}`,
    value,
    ...(link === undefined ? { mayLack: true } : { link, ...(value === '1' && { mayLack: true }) }),
  });
  const places = ['all', 'default'];
  const hasIPv6 = network.ipv6 !== undefined;
  return [
    ...places.flatMap(place => [
      ipv4(`${place}/rp_filter`, '1'),
      ipv4(`${place}/accept_redirects`, '0'),
      ipv4(`${place}/send_redirects`, '0'),
      ipv4(`${place}/accept_source_route`, '0'),
      ipv4(`${place}/arp_ignore`, '1'),
      ipv6(`${place}/accept_ra`, '0'),
      ipv6(`${place}/accept_redirects`, '0'),
    ]),
    // Ports have no business with IPv6 themselves.
    ipv6('default/disable_ipv6', '1'),
    ...['bridge/bridge-nf-call-iptables', 'bridge/bridge-nf-call-ip6tables'].map(
      (name): RouterSysctl => ({ name, value: '0', mayLack: true }),
    ),
    ipv6(`${BRIDGE}/disable_ipv6`, hasIPv6 ? '0' : '1', BRIDGE),
    ipv6(`${TUNNEL}/disable_ipv6`, families.has(6) ? '0' : '1', TUNNEL),
    ipv4('all/forwarding', families.has(4) ? '1' : '0'),
    ipv6('all/forwarding', families.has(6) ? '1' : '0'),
  ];
}

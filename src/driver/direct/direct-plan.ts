// A network of `dwgd.conf` without a router: its one container has the address, the key and the routes of the file. What that
// means to Docker, and in words. Pure. Not here: what the link is to be (driver/router/desired-router.ts), who makes it.

import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  hostPrefix,
  isDefaultOrHalf,
  type Prefix,
  parsePrefix,
  sameAddress,
  samePrefix,
} from '../../base/ip.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import { routedFamilies } from '../router/desired-router.js';
import type { Endpoint, ExitNetwork } from '../spec/model.js';
import { CONNECTED, type InterfaceResponse, type JoinResponse } from '../spec/protocol.js';
import { takesAll } from '../tunnel/full-tunnel.js';

type Addresses = Pick<Endpoint, 'ipv4' | 'ipv6'>;

/** What nothing is known of is closed. */
export const EVERYTHING: readonly Prefix[] = [parsePrefix('0.0.0.0/0')!, parsePrefix('::/0')!];

/** Those that the container gets from Docker, the first of each family that goes out. */
export function containerAddresses(network: ExitNetwork, file: TunnelFile): Addresses {
  const families = routedFamilies(network, { file });
  const first = (family: Family): Address | undefined =>
    families.has(family)
      ? file.addresses.find(({ address }) => address.family === family)?.address
      : undefined;
  const [ipv4, ipv6] = [first(4), first(6)];
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

/** Others of the same families, which Docker has no place for. */
export function furtherAddresses({ ipv4, ipv6 }: Addresses, file: TunnelFile): Prefix[] {
  return file.addresses
    .filter(({ address }) => {
      const first = address.family === 4 ? ipv4 : ipv6;
      return first !== undefined && !sameAddress(first, address);
    })
    .map(({ address }) => hostPrefix(address));
}

export function sameAddresses(a: Addresses, b: Addresses): boolean {
  const same = (one: Address | undefined, other: Address | undefined): boolean =>
    one && other ? sameAddress(one, other) : one === other;
  return same(a.ipv4, b.ipv4) && same(a.ipv6, b.ipv6);
}

export function planInterface({ ipv4, ipv6 }: Addresses): InterfaceResponse {
  return {
    ...(ipv4 && { Address: formatPrefix(hostPrefix(ipv4)) }),
    ...(ipv6 && { AddressIPv6: formatPrefix(hostPrefix(ipv6)) }),
  };
}

/** Where the container's packets go, as far as it is for the tunnel to say. */
export function routesOf(file: TunnelFile): readonly Prefix[] {
  return file.peers.flatMap(({ allowedIPs }) => allowedIPs);
}

/** The answer to Join. */
export function planDirectResponse(
  network: ExitNetwork,
  endpoint: Pick<Endpoint, 'ipv4' | 'ipv6' | 'ifname'>,
  file: TunnelFile,
): JoinResponse {
  const allowedIPs = routesOf(file);
  const gatewayOf = (own: Address | undefined): Address | undefined =>
    own && takesAll(allowedIPs, own.family) ? besideOf(own) : undefined;
  const gateways = { 4: gatewayOf(endpoint.ipv4), 6: gatewayOf(endpoint.ipv6) };
  const own = { 4: endpoint.ipv4, 6: endpoint.ipv6 };
  const onLink = [gateways[4], gateways[6]].filter(gateway => gateway !== undefined).map(hostPrefix);
  const isRoute = (prefix: Prefix): boolean => {
    const { family } = prefix.address;
    const address = own[family];
    if (!address || samePrefix(prefix, hostPrefix(address))) return false;
    return !(gateways[family] && isDefaultOrHalf(prefix)) && !onLink.some(one => samePrefix(one, prefix));
  };
  return {
    InterfaceName: { SrcName: endpoint.ifname, DstPrefix: network.prefix },
    // Docker chooses between a container's networks by gateways. WireGuard goes by the packet's own destination.
    ...(gateways[4] && { Gateway: formatAddress(gateways[4]) }),
    ...(gateways[6] && { GatewayIPv6: formatAddress(gateways[6]) }),
    StaticRoutes: [...onLink, ...allowedIPs.filter(isRoute)].map(prefix => ({
      Destination: formatPrefix(prefix),
      RouteType: CONNECTED,
    })),
    DisableGatewayService: true,
  };
}

/** The neighbour of an address, which the kernel takes for a gateway: the address itself it does not. */
function besideOf({ family, bytes }: Address): Address {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1]! ^= 1;
  return { family, bytes: copy };
}

/** What to tell at network create of the file's DNS servers; undefined where it names none. */
export function remarkDirectDns({ dns }: Pick<TunnelFile, 'dns'>, path: string): string | undefined {
  if (dns.length === 0) return undefined;
  const servers = dns.map(formatAddress);
  const [first] = servers;
  return `the DNS servers of dwgd.conf=${path} (${servers.join(', ')}) are asked by no container by itself, since no router is between: give the container --dns=${first} (dns: in Compose)`;
}

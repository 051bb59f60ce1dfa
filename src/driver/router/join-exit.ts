// What an exit network means to Docker: whether its subnets go with its file, and the answer to Join. Pure. Not here: what the
// router is to hold (desired-router.ts).

import { UserError } from '../../base/errors.js';
import {
  formatAddress,
  formatPrefix,
  isDefault,
  type Prefix,
  prefixContains,
  prefixCovers,
} from '../../base/ip.js';
import { gatewayOfExit, noGateway } from '../exit/natpmp-gateway.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import { parseExitOptions } from '../spec/exit-options.js';
import { type Endpoint, type ExitNetwork, type ExitOptions, isDirect } from '../spec/model.js';
import { IPV6_MIN_MTU } from '../spec/option-table.js';
import { type IPAMData, type JoinResponse, NEXT_HOP, type StaticRoute } from '../spec/protocol.js';
import { takesAll } from '../tunnel/full-tunnel.js';
import { hasNoSubnet, planPools } from '../tunnel/join-plan.js';
import { routedFamilies } from './desired-router.js';

/**
 * A network of `dwgd.conf` as Docker has it, with subnets or with none.
 * @param owner whose Docker it is
 * @throws UserError for options or subnets that cannot be used, and for a rootless Docker's user
 */
export function readExitNetwork(
  id: string,
  given: ReadonlyMap<string, string>,
  ipv4: readonly IPAMData[],
  ipv6: readonly IPAMData[],
  owner: number,
): ExitNetwork {
  if (owner !== 0)
    throw new UserError(
      "dwgd.conf is for root's Docker alone, whose daemon reads the file: use dwgd.pubkey in a rootless Docker",
    );
  const options = parseExitOptions(given);
  if (!hasNoSubnet(ipv4, ipv6))
    return { id, ...options, ...planPools({ ...options, routes: [] }, ipv4, ipv6), owner };
  checkDirectOptions(options);
  return { id, ...options, owner };
}

/** @throws UserError for what a network without a router lacks */
export function checkDirectOptions({ files, dns, natpmp }: ExitOptions): void {
  if (files.length > 1)
    throw new UserError(
      `dwgd.conf has ${files.length} files, and a network without a subnet (--ipam-driver=null) takes one, since its container has the address of that: give one file, or leave out --ipam-driver`,
    );
  if (dns)
    throw new UserError(
      'dwgd.dns is for networks with a router, and one without a subnet (--ipam-driver=null) has none: give the container --dns=<address> (dns: in Compose), or leave out --ipam-driver',
    );
  if (natpmp)
    throw new UserError(
      'dwgd.natpmp is for networks with a router, and one without a subnet (--ipam-driver=null) has none: have the container ask for the port itself, since all its ports are open at the address of the tunnel, or leave out --ipam-driver',
    );
}

/**
 * @param named which of the network's files it is
 * @throws UserError for what cannot work as it is
 */
export function checkExit(network: ExitNetwork, file: TunnelFile, named = network.files[0]): void {
  const path = `dwgd.conf=${named}`;
  for (const { subnet, gateway } of [network.ipv4, network.ipv6].filter(pool => pool !== undefined)) {
    if (!gateway) {
      throw new UserError(
        `the subnet ${formatPrefix(subnet)} has no gateway: leave out --ipam-driver, or give --gateway`,
      );
    }
    const own = file.addresses.find(({ address }) => prefixContains(subnet, address));
    if (own) {
      throw new UserError(
        `${path} gives the tunnel the address ${formatAddress(own.address)}, which is in the network's subnet ${formatPrefix(subnet)}: give another --subnet`,
      );
    }
  }
  const families = routedFamilies(network, { file });
  if (families.size === 0 && isDirect(network))
    throw new UserError(`${path} has no way out: give a file with an Address and AllowedIPs of one family`);
  if (families.size === 0) {
    const has = network.ipv4 ? 'IPv4' : 'IPv6';
    throw new UserError(
      `${path} has no way out for ${has}, which is what the network has: give a file with an Address and AllowedIPs of ${has}, or the network a subnet of the other family (--ipv6)`,
    );
  }
  const gateway = gatewayOfExit(network, file);
  if (gateway && 'why' in gateway) throw new UserError(noGateway(named ?? '', gateway.why));
  const mtu = network.mtu ?? file.mtu;
  if (mtu !== undefined && mtu < IPV6_MIN_MTU && (isDirect(network) ? families.has(6) : network.ipv6))
    throw new UserError(`the MTU ${mtu} is too small for IPv6: give at least ${IPV6_MIN_MTU} (dwgd.mtu)`);
}

/** Whether containers get their default route, of a family at least, from the network. */
export function takesDefault(network: ExitNetwork, file: TunnelFile): boolean {
  const allowedIPs = file.peers.flatMap(peer => peer.allowedIPs);
  return [...routedFamilies(network, { file })].some(family => takesAll(allowedIPs, family));
}

/**
 * The answer to Join.
 * @param file absent as long as it is not known: all goes to the router, which lets nothing out
 */
export function planExitResponse(
  network: ExitNetwork,
  endpoint: Endpoint,
  file: TunnelFile | undefined,
): JoinResponse {
  const allowedIPs = file?.peers.flatMap(peer => peer.allowedIPs) ?? [];
  const families = file && routedFamilies(network, { file });
  const gateways = ([4, 6] as const).flatMap(family => {
    const pool = family === 4 ? network.ipv4 : network.ipv6;
    const own = family === 4 ? endpoint.ipv4 : endpoint.ipv6;
    const isRouted = families?.has(family) ?? true;
    return own && pool?.gateway && isRouted ? [{ family, gateway: formatAddress(pool.gateway) }] : [];
  });
  const own = [network.ipv4?.subnet, network.ipv6?.subnet].filter(subnet => subnet !== undefined);
  const isOwn = (prefix: Prefix): boolean => own.some(subnet => prefixCovers(subnet, prefix));
  const isFull = (family: 4 | 6): boolean => !file || takesAll(allowedIPs, family);
  const byDefault = (family: 4 | 6): string | undefined =>
    isFull(family) ? gateways.find(one => one.family === family)?.gateway : undefined;
  const routes = gateways.flatMap(({ family, gateway }): StaticRoute[] =>
    isFull(family)
      ? []
      : allowedIPs
          .filter(prefix => prefix.address.family === family && !isDefault(prefix) && !isOwn(prefix))
          .map(prefix => ({
            Destination: formatPrefix(prefix),
            RouteType: NEXT_HOP,
            NextHop: gateway,
          })),
  );
  const [gateway4, gateway6] = [byDefault(4), byDefault(6)];
  return {
    InterfaceName: { SrcName: endpoint.ifname, DstPrefix: network.prefix },
    ...(gateway4 !== undefined && { Gateway: gateway4 }),
    ...(gateway6 !== undefined && { GatewayIPv6: gateway6 }),
    StaticRoutes: routes,
    DisableGatewayService: true,
  };
}

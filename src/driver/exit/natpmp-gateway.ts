// Where the provider of a tunnel is asked for a port (NAT-PMP, RFC 6886): its gateway in the tunnel, which no file of wg-quick(8)
// names. Not here: how it is asked (driver/natpmp).

import {
  type Address,
  formatAddress,
  formatPrefix,
  fromBytes,
  maskPrefix,
  prefixContains,
  sameAddress,
} from '../../base/ip.js';
import { whyUnusable } from '../../base/special-addresses.js';
import type { ExitNetwork, ExitOptions } from '../spec/model.js';
import { NATPMP_ON } from '../spec/option-table.js';
import type { TunnelFile } from './tunnel-file.js';

/** The gateway, or why there is none, in a clause. */
type NatpmpGateway = { readonly address: Address } | { readonly why: string };

/** The longest network that has an address for a gateway beside the tunnel's own; a longer one says nothing of it. */
const [LONGEST, IN_ITS_PLACE] = [30, 24] as const;

/**
 * With `on` it is the first address of the network that the file's first IPv4 `Address` is in, which is of 24 bits where the file
 * has a single address: what providers that assign ports go by.
 * @param natpmp of the network
 */
export function natpmpGateway(
  natpmp: NonNullable<ExitOptions['natpmp']>,
  { addresses, peers }: TunnelFile,
): NatpmpGateway {
  const own = addresses.filter(({ address }) => address.family === 4);
  const [first] = own;
  if (!first) return { why: 'the file has no Address of IPv4' };
  const length = first.length > LONGEST ? IN_ITS_PLACE : first.length;
  const address = natpmp === NATPMP_ON ? firstOf(first.address, length) : natpmp;
  const shown = formatAddress(address);
  const unusable = whyUnusable(address);
  if (unusable !== undefined) return { why: `${shown} would be the gateway, ${unusable}` };
  if (own.some(one => sameAddress(one.address, address)))
    return { why: `${shown} is the tunnel's own address` };
  if (!peers.some(({ allowedIPs }) => allowedIPs.some(prefix => prefixContains(prefix, address))))
    return { why: `the gateway ${shown} is not behind the tunnel (AllowedIPs)` };
  return { address };
}

/** The same for a network and a file of its; undefined where no port is asked for. */
export function gatewayOfExit({ natpmp, ipv4 }: ExitNetwork, file: TunnelFile): NatpmpGateway | undefined {
  if (!natpmp) return undefined;
  const found = natpmpGateway(natpmp, file);
  if ('why' in found) return found;
  if (!ipv4) return { why: 'the network has no IPv4' };
  return prefixContains(ipv4.subnet, found.address)
    ? { why: `the gateway ${formatAddress(found.address)} is in the network's own subnet` }
    : found;
}

/** For people. @param path of the file */
export function noGateway(path: string, why: string): string {
  return `no port can be asked for by dwgd.conf=${path}: ${why}: give dwgd.natpmp=<address of the provider's gateway in the tunnel>, or leave it out`;
}

/** Whom a gateway takes for one and the same: what it has assigned to a tunnel may last when that is read again. */
export function isSameClient(
  a: { readonly file: TunnelFile; readonly gateway: Address },
  b: { readonly file: TunnelFile; readonly gateway: Address },
): boolean {
  const textOf = ({ file, gateway }: typeof a): string =>
    [
      formatAddress(gateway),
      ...file.addresses.map(formatPrefix),
      ...file.peers.map(({ publicKey }) => `${publicKey}`),
    ].join();
  return textOf(a) === textOf(b) && a.file.privateKey.equals(b.file.privateKey);
}

/** The first address of a network that a host may have. */
function firstOf(address: Address, length: number): Address {
  const bytes = Buffer.from(maskPrefix({ address, length }).address.bytes);
  bytes.writeUInt32BE(bytes.readUInt32BE() + 1);
  return fromBytes(bytes);
}

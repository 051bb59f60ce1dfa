// Where containers' questions to the DNS go, whatever resolver they were given: to the servers of the file, or of `dwgd.dns`.
// Pure. Not here: the rules for it (router-tables.ts), what Docker asks from the host (driver/dns-from-host.ts).

import { type Address, type Family, formatAddress, type Prefix, prefixContains } from '../../base/ip.js';
import type { TunnelFile } from '../exit/tunnel-file.js';
import type { ExitNetwork } from '../spec/model.js';

/** The way of one family's questions: to a server, or nowhere. */
export type DnsWay = {
  readonly family: Family;
  /** Of the network: whoever is in it is asked directly. */
  readonly subnet: Prefix;
} & (
  | { readonly to: Address; readonly verdict?: never }
  | { readonly to?: never; readonly verdict: 'reject' | 'drop' }
);

/** Something about the servers to tell at network create. */
interface DnsRemark {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/**
 * One for each family that goes out; none where questions stay as they are. A family without a server that is reached is
 * closed: what is asked there would be answered by somebody else.
 * @param families that go out
 * @param file absent: it is not known yet, and questions wait for it
 */
export function planDns(
  network: ExitNetwork,
  families: ReadonlySet<Family>,
  file: TunnelFile | undefined,
): readonly DnsWay[] {
  const servers = network.dns ?? file?.dns;
  if (servers?.length === 0) return [];
  return ([4, 6] as const).flatMap((family): DnsWay[] => {
    const subnet = (family === 4 ? network.ipv4 : network.ipv6)?.subnet;
    if (!subnet || !families.has(family)) return [];
    const to = servers?.find(server => server.family === family && isReached(network, file, server));
    if (to) return [{ family, subnet, to }];
    return [{ family, subnet, verdict: servers ? 'reject' : 'drop' }];
  });
}

/**
 * @param families that go out
 * @param path of the file
 */
export function remarkDns(
  network: ExitNetwork,
  families: ReadonlySet<Family>,
  { path, file }: { readonly path: string; readonly file: TunnelFile },
): readonly DnsRemark[] {
  const servers = network.dns ?? file.dns;
  const named = network.dns ? 'dwgd.dns' : `dwgd.conf=${path}`;
  const remedy = 'give dwgd.dns=<address> of one behind the tunnel, or dwgd.dns=off';
  const lost = servers.filter(server => !isReached(network, file, server));
  const told = lost.map(
    (server): DnsRemark => ({
      level: 'warn',
      text: `the DNS server ${formatAddress(server)} of ${named} is not behind the tunnel (AllowedIPs), and is not asked: ${remedy}`,
    }),
  );
  const closed = planDns(network, families, file).flatMap(({ family, verdict }): DnsRemark[] => {
    if (verdict === undefined) return [];
    const level = lost.some(server => server.family === family) ? 'warn' : 'info';
    return [
      {
        level,
        text: `no DNS server of ${named} is asked over IPv${family}, and questions over it are refused: ${remedy}`,
      },
    ];
  });
  return [...told, ...closed];
}

/** Whether the tunnel leads to the server. As long as the file is not known, nothing leads elsewhere. */
function isReached(network: ExitNetwork, file: TunnelFile | undefined, server: Address): boolean {
  const isOwn = [network.ipv4, network.ipv6].some(pool => pool && prefixContains(pool.subnet, server));
  const allowedIPs = file?.peers.flatMap(peer => peer.allowedIPs);
  return !isOwn && (!allowedIPs || allowedIPs.some(prefix => prefixContains(prefix, server)));
}

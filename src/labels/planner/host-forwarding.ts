// What the host has to forward for the routes that labels give it: the commands that let machines behind the host, and
// containers on other networks, use them. Docker's firewall drops such packets, no verdict of another chain takes that
// back, and the one chain that comes before (DOCKER-USER) is the administrator's. Pure. Not here: which routes (host-routes.ts).

import { groupBy } from '../../base/group-by.js';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import type { HostForwarding } from '../discovery/container.js';
import { diagnostic } from '../spec/diagnostics.js';
import type { Diagnostic, HostRouteIntent } from '../spec/intent.js';
import type { Attributed } from './merge.js';

/** Networks of one label that the commands name: they stay one line of the log. */
const MAX_NETWORKS = 16;
/** The bit by which Docker's nftables firewall is told to accept a packet. */
const ACCEPT_MARK = '0x2000';
/** The table of the commands, which the administrator makes. */
const TABLE = 'inet host-routes';

/** Of each label with routes of the host that were made, and each family of these: how others than the host come to use them. */
export function forwardingNotices(
  made: readonly Attributed<HostRouteIntent>[],
  forwarding: HostForwarding,
): Diagnostic[] {
  const labels = groupBy(made, ({ container, intent: { key, network } }) =>
    JSON.stringify([container.id, key, network.address.family]),
  );
  return [...labels.values()].map(routes => {
    const [{ container, intent }] = routes as [Attributed<HostRouteIntent>];
    const networks = routes.slice(0, MAX_NETWORKS).map(({ intent }) => intent.network);
    const names = networks.map(formatPrefix).join(', ');
    const rest = routes.length - networks.length;
    const message = `the host itself and containers on the same network reach ${names}; Docker's firewall keeps others out (machines behind the host, containers on other networks): to let them in${rest > 0 ? `, here and likewise for ${rest} more networks` : ''}, ${remedy(networks, forwarding)}`;
    return { ...diagnostic(container.name, intent.key, ''), message, once: `host routes ${names} ${rest}` };
  });
}

/** What to do, which ends with commands of a shell. */
function remedy(networks: readonly Prefix[], { isOn, isNftables }: HostForwarding): string {
  const { family } = networks[0]!.address;
  const sysctl = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
  const forwards = isOn[family] ? [] : [`sysctl -w ${sysctl}=1`];
  const [option, commands] = isNftables ? withNftables(networks) : ['', withIptables(networks)];
  return `${option}run: ${[...forwards, ...commands].join(' && ')}`;
}

/** Docker keeps what is in DOCKER-USER. Answers to containers on other networks are dropped as well. */
function withIptables(networks: readonly Prefix[]): string[] {
  const program = networks[0]!.address.family === 4 ? 'iptables' : 'ip6tables';
  const list = networks.map(formatPrefix).join(',');
  return [
    `${program} -I DOCKER-USER -d ${list} -j ACCEPT`,
    `${program} -I DOCKER-USER -s ${list} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  ];
}

/** An accept in a chain of one's own does not overrule Docker's drop, and Docker accepts answers anyway. */
function withNftables(networks: readonly Prefix[]): [option: string, commands: string[]] {
  const family = networks[0]!.address.family === 4 ? 'ip' : 'ip6';
  const list = networks.map(formatPrefix).join(', ');
  return [
    `start dockerd with --bridge-accept-fwmark=${ACCEPT_MARK}/${ACCEPT_MARK}, and `,
    [
      `nft 'add table ${TABLE}'`,
      `nft 'add chain ${TABLE} forward { type filter hook forward priority filter - 1; }'`,
      `nft 'add rule ${TABLE} forward ${family} daddr { ${list} } meta mark set meta mark or ${ACCEPT_MARK}'`,
    ],
  ];
}

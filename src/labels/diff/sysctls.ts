// The sysctls that labels need, and for which interfaces. Pure. Not here: reading and writing them
// (labels/sysctls/sysctl-files.ts).

import type { Address } from '../../base/ip.js';
import { isLinkName } from '../../netlink/route/link.js';
import type { DesiredSysctl, Sysctl } from './state.js';

export const IP_FORWARD: DesiredSysctl = { name: 'ipv4/ip_forward', value: '1' };
export const IPV6_FORWARDING: DesiredSysctl = { name: 'ipv6/conf/all/forwarding', value: '1' };

/** Whether the sysctl makes a namespace forward packets. */
export function isForwarding(name: string): boolean {
  return name === IP_FORWARD.name || name === IPV6_FORWARDING.name;
}

/** The source check (rp_filter) takes the packet's mark into account. */
export const IP_SRC_VALID_MARK: DesiredSysctl = { name: 'ipv4/conf/all/src_valid_mark', value: '1' };
/** A TCP socket gets the mark of the packet that opened its connection; IPv6 included. */
export const TCP_FWMARK_ACCEPT: DesiredSysctl = { name: 'ipv4/tcp_fwmark_accept', value: '1' };

/** The number of flows that a namespace has. */
export const NF_CONNTRACK_COUNT = 'netfilter/nf_conntrack_count';
/** Those of a whole namespace. */
const FIXED: ReadonlySet<string> = new Set(
  [IP_FORWARD, IPV6_FORWARDING, IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT].map(({ name }) => name),
);

/** Whether a label may change the sysctl of this real name, which becomes a path. */
export function isChangeable(name: string): boolean {
  if (FIXED.has(name)) return true;
  const link = /^ipv4\/conf\/([^/]+)\/route_localnet$/.exec(name)?.[1];
  return link !== undefined && isLinkName(link);
}

/** Lets connections to 127.0.0.0/8 out, and their replies in, by the interface that leads to the address. */
export function routeLocalnet(towards: Address): DesiredSysctl {
  return { name: 'ipv4/conf/*/route_localnet', value: '1', towards };
}

/**
 * Real names in place of `towards`, each once.
 * @param interfaceTo the name of the interface by which a packet to the address leaves now
 */
export function expandSysctls(
  sysctls: readonly DesiredSysctl[],
  interfaceTo: (address: Address) => string | undefined,
): Sysctl[] {
  const found = new Map<string, Sysctl>();
  for (const { name, value, towards } of sysctls) {
    const link = towards && interfaceTo(towards);
    if (towards && link === undefined) continue;
    // On lo it would have no effect, and never be restored.
    if (link === 'lo') continue;
    const real = link === undefined ? name : name.replace('*', () => link);
    // The kernel allows link names that we do not accept as part of a path.
    if (!isChangeable(real)) continue;
    found.set(real, { name: real, value });
  }
  return [...found.values()];
}

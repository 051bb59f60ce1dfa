// ::1 as a local address on interfaces other than lo, for replies that are translated back to it: the kernel accepts a
// packet for ::1 on an interface only if a local route says so. Packets from outside that carry ::1 are dropped before
// that. Pure. Not here: IPv4, which has route_localnet (sysctls.ts).

import { type Prefix, parsePrefix } from '../../base/ip.js';
import { RTPROT_DWGD } from '../../base/ownership.js';
import { type Route, RT_TABLE_MAIN, RTN_LOCAL } from '../../netlink/route/route.js';
import type { Change } from './state.js';

/** LOOPBACK_IFINDEX: lo itself, in every namespace. */
const LO = 1;
const LOOPBACK: Prefix = parsePrefix('::1/128')!;

/** The routes that make an address local, and all others. */
export function splitLocal(routes: readonly Route[]): [local: Route[], others: Route[]] {
  return [routes.filter(({ type }) => type === RTN_LOCAL), routes.filter(({ type }) => type !== RTN_LOCAL)];
}

/**
 * @param links indexes of the links on which ::1 is to be local
 * @param observed local routes of our protocol
 */
export function diffLoopback(links: readonly number[], observed: readonly Route[]): Change[] {
  const missing = links.filter(index => index !== LO && !observed.some(route => route.index === index));
  const extra = observed.filter(({ index }) => index === undefined || !links.includes(index));
  return [
    ...missing.map((index): Change => ({ kind: 'addRoute', route: loopbackRoute(index) })),
    ...extra.map((route): Change => ({ kind: 'deleteRoute', route })),
  ];
}

function loopbackRoute(index: number) {
  return { destination: LOOPBACK, type: RTN_LOCAL, index, protocol: RTPROT_DWGD, table: RT_TABLE_MAIN };
}

// Reply-path routing: replies of connections that came in through the host, as those to published ports do, go back the
// same way, past the labels' default routes. A bit of the connection's mark remembers such a connection; the same bit of a
// packet's mark routes it by table main. Only replies get it, so no connection that the container opens. Pure. Not here: the
// policy rule (labels/diff/policy-routing.ts), the hooks of the chains (nft-table.ts).

import {
  type Address,
  formatAddress,
  formatPrefix,
  maskPrefix,
  type Prefix,
  prefixContains,
  sameAddress,
} from '../../base/ip.js';
import { REPLY_MARK } from '../../base/ownership.js';
import {
  ct,
  type Expression,
  match,
  meta,
  payload,
  prefixExpression,
  type Statement,
} from '../../nft/expression.js';
import { type NftRule, rule } from '../../nft/table.js';
import type { DesiredRoute, DesiredSysctl } from '../diff/state.js';
import { IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT } from '../diff/sysctls.js';
import type { Attachment, HostInterfaceAddress } from '../discovery/container.js';

/** Of the 32 bits of a mark. */
const ALL_BUT_REPLY_MARK = 0xdfff_ffff;

/**
 * skb->priority of a UDP packet to whose sender no route leads back: it is only set for input to see. What sets it otherwise
 * (tc, CLASSIFY) has other classes.
 */
const NO_WAY_BACK = 0xdd9d_0001;

/** Docker's own way into a namespace: the host, and gateways that Docker gives it. */
export interface Ingress {
  /** Link-layer addresses: what comes from them came in that way. */
  readonly macs: readonly string[];
  /** Networks of the namespace, each with the address on it that such a packet comes from. */
  readonly hops: readonly { readonly network: Prefix; readonly from: Address }[];
}

/**
 * Which neighbours are Docker's own way. Only known addresses count, so a gateway whose address is not known yet is never
 * mistaken for one of them.
 * @param attachments the namespace's
 * @param routes its labels' routes; whoever has the address of a gateway of one of them is left out
 */
export function findIngress(
  attachments: readonly Attachment[],
  routes: readonly DesiredRoute[],
  hostAddresses: readonly HostInterfaceAddress[],
): Ingress {
  const own = attachments.flatMap(({ addresses }) => addresses);
  const docker = attachments.flatMap(({ gateways = [] }) => gateways);
  const isIn = (address: Address, list: readonly Address[]): boolean =>
    list.some(other => sameAddress(address, other));
  const gateways = routes.flatMap(({ gateway }) => gateway ?? []);
  const beside = hostAddresses.filter(({ prefix }) => own.some(address => prefixContains(prefix, address)));
  const others = beside.filter(
    ({ mac, prefix, isNeighbour }) =>
      !beside.some(other => other.mac === mac && isIn(other.prefix.address, gateways)) &&
      (!isNeighbour || isIn(prefix.address, docker)),
  );
  const isRouted = ({ family }: Address): boolean =>
    routes.some(({ network }) => network.address.family === family);
  const hops = own.filter(isRouted).flatMap(address => {
    const near = others.flatMap(({ prefix }) => (prefixContains(prefix, address) ? [prefix] : []));
    const hop = near.find(neighbour => isIn(neighbour.address, docker)) ?? near[0];
    // The network, and not the address: so containers on the same networks have the same table.
    return hop ? [{ network: maskPrefix(hop), from: hop.address }] : [];
  });
  const unique = new Map(hops.map(hop => [formatPrefix(hop.network), hop]));
  return { macs: [...new Set(others.map(({ mac }) => mac))].sort(), hops: [...unique.values()] };
}

/**
 * The rules after destination NAT in prerouting: a new connection is remembered, and replies that the container forwards
 * are routed back. Packets for the container itself are marked as well: so they pass the source check (rp_filter), and a
 * TCP socket's replies are routed back even while there is no other route.
 */
export function saveMark({ macs, hops }: Ingress): NftRule[] {
  const outside = match(meta('iifname'), '!=', 'lo');
  return [
    clearMark(),
    ...(macs.length === 0
      ? []
      : [
          rule(
            match(ct('state'), 'in', 'new'),
            match(ct('direction'), '==', 'original'),
            outside,
            match(payload('ether', 'saddr'), '==', { set: macs }),
            // A packet of the container that somebody sent back to it opens no connection.
            match({ fib: { result: 'type', flags: ['saddr'] } }, '!=', 'local'),
            set(ct('mark')),
          ),
        ]),
    rule(match(ct('direction'), '==', 'reply'), isSet(ct('mark')), set(meta('mark'))),
    rule(
      match(ct('direction'), '==', 'original'),
      isSet(ct('mark')),
      outside,
      match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local'),
      set(meta('mark')),
    ),
    ...(macs.length === 0 || hops.length === 0
      ? []
      : [
          rule(
            match(ct('state'), 'in', 'new'),
            isSet(ct('mark')),
            match(meta('l4proto'), '==', 'udp'),
            match({ fib: { result: 'oif', flags: ['saddr'] } }, '==', 0),
            { mangle: { key: meta('priority'), value: NO_WAY_BACK } },
          ),
        ]),
  ];
}

/**
 * The rules of source NAT at input. The kernel looks up the route of what a UDP socket sends before it can be seen to be a
 * reply, so while there is only the fallback the socket gets an error. To a neighbour there is always a route: so its address
 * takes the client's place, and the reply is translated back, and routed by its mark, behind that lookup.
 */
export function lendAddress({ macs, hops }: Ingress): NftRule[] {
  if (macs.length === 0) return [];
  return hops.map(({ network, from }) => {
    const family = from.family === 4 ? 'ip' : 'ip6';
    return rule(
      match(meta('priority'), '==', NO_WAY_BACK),
      match(payload(family, 'daddr'), '==', prefixExpression(network)),
      { snat: { family, addr: formatAddress(from) } },
    );
  });
}

/** The rules for what the container itself sends: replies get the bit, everything else loses it. */
export function restoreMark(): NftRule[] {
  return [
    rule(match(ct('direction'), '==', 'reply'), isSet(ct('mark')), set(meta('mark')), { return: null }),
    clearMark(),
  ];
}

/** Without these the mark has no effect on replies of the container itself. */
export const REPLY_SYSCTLS: readonly DesiredSysctl[] = [IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT];

function isSet(mark: Expression): Statement {
  return match({ '&': [mark, REPLY_MARK] }, '==', REPLY_MARK);
}

function set(mark: Expression): Statement {
  return { mangle: { key: mark, value: { '|': [mark, REPLY_MARK] } } };
}

/** Clears the bit, which anybody who may set marks could have set. */
function clearMark(): NftRule {
  const mark = meta('mark');
  return rule(isSet(mark), { mangle: { key: mark, value: { '&': [mark, ALL_BUT_REPLY_MARK] } } });
}

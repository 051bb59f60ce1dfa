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
  prefixCovers,
  sameAddress,
} from '../../base/ip.js';
import { REPLY_MARK, SENDERS_SET } from '../../base/ownership.js';
import { LINK_LOCAL } from '../../base/special-addresses.js';
import { ct, match, meta, payload, prefixExpression } from '../../nft/expression.js';
import { type NftRule, type NftSet, rule } from '../../nft/table.js';
import {
  clear,
  findNoWayBack,
  give,
  type Mark,
  markArriving,
  markReplies,
  NO_WAY_BACK,
  NOT_OWN,
  OPENINGS,
} from '../answers/marks.js';
import type { DesiredRoute, DesiredSysctl, NearNetwork } from '../diff/state.js';
import { IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT } from '../diff/sysctls.js';
import type { Attachment, HostInterfaceAddress } from '../discovery/container.js';

/** Of a connection that came in Docker's own way. */
const DOCKERS_WAY: Mark = { value: REPLY_MARK, mask: REPLY_MARK };

/** Senders that are remembered, and for how many seconds after the last connection that came by them. */
const [SENDERS_MAX, SENDERS_TIMEOUT] = [16, 3600];

/** Docker's own way into a namespace: the host, and gateways that Docker gives it. */
export interface Ingress {
  /** Link-layer addresses: what comes from them came in that way. */
  readonly macs: readonly string[];
  /** Networks of the namespace, each with the address on it that such a packet comes from. */
  readonly hops: readonly { readonly network: Prefix; readonly from: Address }[];
  /** Networks of the namespace: who sends what is of none of them is a router. Empty where they are not all known. */
  readonly near: readonly NearNetwork[];
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
  return {
    macs: [...new Set(others.map(({ mac }) => mac))].sort(),
    hops: [...unique.values()],
    near: nearNetworks(attachments).filter(({ network: { address } }) => isRouted(address)),
  };
}

/**
 * The networks of all addresses, none within another; empty where that of one is not known. Who sends what is of none of them is
 * a router.
 */
export function nearNetworks(attachments: readonly Attachment[]): NearNetwork[] {
  const found = attachments.flatMap(({ subnets = [] }) => subnets);
  const isKnown = attachments
    .flatMap(({ addresses }) => addresses)
    .every(one => found.some(subnet => prefixContains(subnet, one)));
  if (found.length === 0 || !isKnown) return [];
  const all = new Map([...found, LINK_LOCAL].map(one => [formatPrefix(one), one]));
  // The kernel takes no set of networks that overlap.
  const widest = [...all].filter(
    ([, one]) => ![...all.values()].some(other => other !== one && prefixCovers(other, one)),
  );
  const gateways = attachments.flatMap(({ gateways = [] }) => gateways);
  return widest
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, network]) => {
      const gateway = gateways.find(one => prefixContains(network, one));
      return { network, ...(gateway && { gateway }) };
    });
}

/**
 * The rules after destination NAT in prerouting: a new connection is remembered, its packets are marked, and who sends what
 * is of another network than his own is remembered, too. Each match more is time before a container's first packet: so none says
 * that it did not come by lo, where a link-layer address is asked for, which nothing has there.
 */
export function saveMark({ macs, hops, near }: Ingress): NftRule[] {
  // A set of one would be put in place by itself.
  const known = macs.length === 1 ? macs[0]! : { set: macs };
  return [
    clear(REPLY_MARK),
    ...(macs.length === 0
      ? []
      : OPENINGS.map(opening =>
          rule(
            match(ct('state'), 'in', 'new'),
            match(payload('ether', 'saddr'), '==', known),
            NOT_OWN,
            opening,
            give(ct('mark'), DOCKERS_WAY),
          ),
        )),
    ...markArriving(DOCKERS_WAY),
    ...(macs.length === 0 || hops.length === 0 ? [] : [findNoWayBack(DOCKERS_WAY)]),
    ...([4, 6] as const).flatMap(family => {
      const own = near.filter(({ network: { address } }) => address.family === family);
      if (own.length === 0) return [];
      return [
        rule(
          match(ct('state'), 'in', 'new'),
          // A match for each: a set of them would cost more than all the rest of the rule to put in place.
          ...own.map(({ network }) =>
            match(payload(family === 4 ? 'ip' : 'ip6', 'saddr'), '!=', prefixExpression(network)),
          ),
          ...(macs.length === 0 ? [] : [match(payload('ether', 'saddr'), '!=', known)]),
          {
            set: {
              op: 'update',
              elem: { concat: [meta('iif'), payload('ether', 'saddr')] },
              set: `@${SENDERS_SET}`,
            },
          },
        ),
      ];
    }),
  ];
}

/** The set that such a sender is remembered in; none where none is. */
export function senders({ near }: Ingress): NftSet[] {
  return near.length === 0
    ? []
    : [
        {
          name: SENDERS_SET,
          type: ['iface_index', 'ether_addr'],
          flags: ['timeout'],
          timeout: SENDERS_TIMEOUT,
          size: SENDERS_MAX,
        },
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
  return [markReplies(DOCKERS_WAY), clear(REPLY_MARK)];
}

/** Without these the mark has no effect on replies of the container itself. */
export const REPLY_SYSCTLS: readonly DesiredSysctl[] = [IP_SRC_VALID_MARK, TCP_FWMARK_ACCEPT];

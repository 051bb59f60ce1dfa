// Which routing table a label's route goes to, so that it wins over Docker's routes without getting in Docker's way. Docker
// adds its default route with NLM_F_EXCL, and refuses to connect a network that overlaps any route of table main. So default
// routes and their halves go to a table of ours, which policy rules put before main. Pure. Not here: which routes there are
// (labels/planner/sandbox-plan.ts), their changes (diff-routes.ts).

import { formatPrefix, isDefaultOrHalf, type Prefix } from '../../base/ip.js';
import {
  DRIVER_NAME,
  FIRST_PRIORITY,
  FIRST_PRIORITY_BEFORE_TUNNEL,
  REPLY_MARK,
  RT_TABLE_DWGD,
  RTPROT_DWGD,
} from '../../base/ownership.js';
import { type Rule, sameRule } from '../../netlink/route/policy-rule.js';
import { RT_TABLE_MAIN } from '../../netlink/route/route.js';
import type { Attachment } from '../discovery/container.js';
import { NETWORKS_REFUSED } from '../discovery/docker-view.js';
import type { Change, DesiredState } from './state.js';

/**
 * Replies of connections that came in through the host use main. For all else the longest prefix of main and ours together
 * wins, and ours at equal length: first what main has beyond halves, then our halves, halves in main, our default. Without
 * routes they have no effect.
 */
const SHORT_RULES: readonly Pick<Rule, 'table' | 'suppressPrefixLength' | 'fwmark'>[] = [
  { table: RT_TABLE_MAIN, fwmark: { value: REPLY_MARK, mask: REPLY_MARK } },
  { table: RT_TABLE_MAIN, suppressPrefixLength: 1 },
  { table: RT_TABLE_DWGD, suppressPrefixLength: 0 },
  { table: RT_TABLE_MAIN, suppressPrefixLength: 0 },
  { table: RT_TABLE_DWGD },
];

/** What policy rules depend on. */
export type RoutingDesired = Pick<DesiredState, 'routes' | 'firstPriority'>;

/** Before a full tunnel of dwgd's networks where the container may have one, else where wg-quick(8) leaves room. */
export function priorityOf(attachments: readonly Attachment[]): Pick<DesiredState, 'firstPriority'> {
  const mayHaveTunnel = attachments.some(
    ({ driver, ignoresNextHop }) =>
      driver === DRIVER_NAME || ignoresNextHop === NETWORKS_REFUSED.ignoresNextHop,
  );
  return mayHaveTunnel ? { firstPriority: FIRST_PRIORITY_BEFORE_TUNNEL } : {};
}

/** The table (RT_TABLE_*) in a container for a route of a label. */
export function routingTable(network: Prefix): number {
  return isDefaultOrHalf(network) ? RT_TABLE_DWGD : RT_TABLE_MAIN;
}

/**
 * The changes to policy rules: additions after the fallbacks, deletions before any route is removed. Rules are added in the
 * order of their priorities and deleted in reverse, so that no packet meets one of ours without that of main before it.
 */
export function diffRules(desired: RoutingDesired, observed: readonly Rule[]): Change[] {
  const wanted = routingRules(desired);
  const missing = wanted.filter(rule => !observed.some(other => sameRule(rule, other)));
  const extra = observed.filter(rule => !wanted.some(other => sameRule(rule, other))).reverse();
  return [
    ...missing.map((rule): Change => ({ kind: 'addRule', rule })),
    ...extra.map((rule): Change => ({ kind: 'deleteRule', rule })),
  ];
}

/** The policy rules that the routes need, in the order of their priorities. */
export function routingRules({ routes, firstPriority = FIRST_PRIORITY }: RoutingDesired): Rule[] {
  const short = routes.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  return ([4, 6] as const).flatMap(family => {
    const own = short.filter(({ network }) => network.address.family === family);
    if (own.length === 0) return [];
    const isWhole = hasBothHalves(own.map(({ network }) => network));
    return SHORT_RULES.map(
      (rule, n): Rule => ({
        family,
        priority: firstPriority + n,
        ...rule,
        protocol: RTPROT_DWGD,
      }),
    ).filter(({ suppressPrefixLength }) => !(isWhole && suppressPrefixLength === 0));
  });
}

/**
 * Whether routes of one family have both halves of the world: then no packet gets past them to halves of main or our
 * default. So the last of the rules is enough, whose place it is that a tunnel of the container's own comes before ours
 * whichever was first.
 */
function hasBothHalves(networks: readonly Prefix[]): boolean {
  const halves = networks.filter(({ length }) => length === 1);
  return new Set(halves.map(formatPrefix)).size === 2;
}

// In which routing table a label's route is, so that it comes before Docker's own and Docker's hands stay free. Docker
// adds its default route as one that must not exist yet, and refuses to connect a network that overlaps any route of
// table main. So defaults and halves of the world are in a table of ours, which policy rules put before main.
// Not here: which routes there are (plan.ts), their changes (routes.ts).

import type { Prefix } from '../ip.js';
import { RT_TABLE_DWGD, RT_TABLE_MAIN, RTPROT_DWGD } from '../netlink/route.js';
import type { Rule } from '../netlink/rule.js';
import { DOCKER_WAY } from './replies.js';
import type { Change, DesiredRoute } from './words.js';

/** The longest prefix that has its place in the table of ours. */
const SHORT_PREFIX = 1;
/**
 * Of the first rule. The last is before those of a full tunnel of dwgd's networks (32763 to 32765), so that a label goes
 * before the network, and before the kernel's `main` (32766).
 */
const FIRST_PRIORITY = 32_758;

/**
 * Replies of connections that came in by Docker's own way go by main. For all else the longest prefix wins over main
 * and ours together, and of the same length ours: first what is more specific than a half in main, then our halves,
 * halves in main, our default. Always all of them: without routes they do nothing.
 */
const SHORT_RULES: readonly Pick<Rule, 'table' | 'suppressPrefixLength' | 'fwmark'>[] = [
  { table: RT_TABLE_MAIN, fwmark: { value: DOCKER_WAY, mask: DOCKER_WAY } },
  { table: RT_TABLE_MAIN, suppressPrefixLength: 1 },
  { table: RT_TABLE_DWGD, suppressPrefixLength: 0 },
  { table: RT_TABLE_MAIN, suppressPrefixLength: 0 },
  { table: RT_TABLE_DWGD },
];

/** The table (RT_TABLE_*) in a container for a route of a label. */
export function routingTable(network: Prefix): number {
  return network.length <= SHORT_PREFIX ? RT_TABLE_DWGD : RT_TABLE_MAIN;
}

/**
 * The changes to policy rules: additions after guards were added, deletions before any route is taken away. They come
 * in the order of their priorities and go in reverse, so that no packet meets one of ours without that of main before.
 */
export function diffRules(routes: readonly DesiredRoute[], observed: readonly Rule[]): Change[] {
  const wanted = routingRules(routes);
  const missing = wanted.filter(rule => !observed.some(other => sameRule(rule, other)));
  const surplus = observed.filter(rule => !wanted.some(other => sameRule(rule, other))).reverse();
  return [
    ...missing.map((rule): Change => ({ kind: 'addRule', rule })),
    ...surplus.map((rule): Change => ({ kind: 'deleteRule', rule })),
  ];
}

/** The policy rules that the routes need, in the order of their priorities. */
export function routingRules(routes: readonly DesiredRoute[]): Rule[] {
  const short = routes.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  return ([4, 6] as const)
    .filter(family => short.some(({ network }) => network.address.family === family))
    .flatMap(family =>
      SHORT_RULES.map((rule, n) => ({
        family,
        priority: FIRST_PRIORITY + n,
        ...rule,
        protocol: RTPROT_DWGD,
      })),
    );
}

function sameRule(a: Rule, b: Rule): boolean {
  return (
    a.family === b.family &&
    a.priority === b.priority &&
    a.table === b.table &&
    a.fwmark?.value === b.fwmark?.value &&
    a.fwmark?.mask === b.fwmark?.mask &&
    a.suppressPrefixLength === b.suppressPrefixLength
  );
}

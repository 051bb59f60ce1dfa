// Policy rules of a container's own by which packets go past the routes of its labels. Not here: saying so
// (labels/controller/reporter.ts).

import { RT_TABLE_DWGD } from '../../base/ownership.js';
import type { Rule } from '../../netlink/route/policy-rule.js';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../../netlink/route/route.js';
import { type RoutingDesired, routingRules } from './policy-routing.js';

/** Rules that are told one by one. */
const MOST_RULES = 3;

/**
 * Policy rules of the container's own that come before those of ours, and lead elsewhere; undefined where there is none.
 * @param rules reads those of anybody
 */
export function whyBypassed(desired: RoutingDesired, rules: () => readonly Rule[]): string | undefined {
  const ours = routingRules(desired);
  if (ours.length === 0) return undefined;
  const before = rules().filter(rule => {
    const first = ours.find(({ family }) => family === rule.family);
    return first && rule.priority < first.priority && leadsElsewhere(rule);
  });
  if (before.length === 0) return undefined;
  const told = before.slice(0, MOST_RULES).map(({ priority, table }) => `${priority} (table ${table})`);
  const more = before.length > MOST_RULES ? ` and ${before.length - MOST_RULES} more` : '';
  return `policy rules of the container's own come before the labels' routes: ${told.join(', ')}${more}; what they match does not go by the label's gateway: remove them, or give them priorities above ${ours.at(-1)!.priority}`;
}

/** What is in main beside its default route comes first for the labels' routes, too. */
function leadsElsewhere({ table, suppressPrefixLength }: Rule): boolean {
  if (table === RT_TABLE_LOCAL || table === RT_TABLE_DWGD) return false;
  return table !== RT_TABLE_MAIN || suppressPrefixLength === undefined;
}

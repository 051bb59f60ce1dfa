// Policy rules of a container's own that bypass the routes of its labels. Pure. Not here: reporting them
// (labels/controller/reporter.ts).

import { RT_TABLE_DWGD } from '../../base/ownership.js';
import type { Rule } from '../../netlink/route/policy-rule.js';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../../netlink/route/route.js';
import { type RoutingDesired, routingRules } from './policy-routing.js';

/** Rules that are named one by one. */
const MOST_RULES = 3;

/**
 * The sentence about policy rules of the container's own that come before ours and look up other tables; undefined where
 * there are none.
 * @param rules decodes all policy rules, whoever added them
 */
export function whyBypassed(desired: RoutingDesired, rules: () => readonly Rule[]): string | undefined {
  const ours = routingRules(desired);
  if (ours.length === 0) return undefined;
  const before = rules().filter(rule => {
    const first = ours.find(({ family }) => family === rule.family);
    return first && rule.priority < first.priority && leadsElsewhere(rule);
  });
  if (before.length === 0) return undefined;
  const named = before.slice(0, MOST_RULES).map(({ priority, table }) => `${priority} (table ${table})`);
  const more = before.length > MOST_RULES ? ` and ${before.length - MOST_RULES} more` : '';
  return `policy rules of the container's own come before the labels' routes: ${named.join(', ')}${more}; what they match does not go by the label's gateway: remove them, or give them priorities above ${ours.at(-1)!.priority}`;
}

/** A rule for main without its default route is harmless: labels' routes come after those of main, too. */
function leadsElsewhere({ table, suppressPrefixLength }: Rule): boolean {
  if (table === RT_TABLE_LOCAL || table === RT_TABLE_DWGD) return false;
  return table !== RT_TABLE_MAIN || suppressPrefixLength === undefined;
}

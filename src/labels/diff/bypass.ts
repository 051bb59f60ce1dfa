// Policy rules of a container's own that bypass the routes of its labels. Pure. Not here: reporting them
// (labels/controller/reporter.ts).

import { RT_TABLE_DWGD, RTPROT_DWGD, RTPROT_DWGD_TUNNEL } from '../../base/ownership.js';
import { type Rule, sameRule } from '../../netlink/route/policy-rule.js';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../../netlink/route/route.js';
import { type RoutingDesired, routingRules, routingTable } from './policy-routing.js';

/** Rules that are named one by one. */
const MOST_RULES = 3;
/** Of the kernel's own rule that looks up table main. */
const MAIN_PRIORITY = 32_766;

/**
 * Policy rules of the container's own that come before the rule by which a label's route is found, and lead elsewhere;
 * undefined where there is none.
 * @param observed reads those of anybody, in the kernel's order
 */
export function whyBypassed(desired: RoutingDesired, observed: () => readonly Rule[]): string | undefined {
  if (desired.routes.length === 0) return undefined;
  const wanted = routingRules(desired);
  const rules = observed();
  const found = ([4, 6] as const).flatMap(family => {
    const own = desired.routes.filter(({ network }) => network.address.family === family);
    const ours = wanted.filter(rule => rule.family === family);
    const all = withOurs(
      rules.filter(rule => rule.family === family),
      ours,
    );
    const [short, long] = [true, false].map(isShort =>
      own
        .filter(({ network }) => (routingTable(network) === RT_TABLE_DWGD) === isShort)
        .map(({ network }) => network.length),
    ) as [number[], number[]];
    return [
      ...(short.length > 0 ? before(all, decidingShort(ours, short), leadsPastOurs) : []),
      ...(long.length > 0 ? before(all, decidingLong(all, long), leadsPastMain) : []),
    ];
  });
  if (found.length === 0) return undefined;
  const bypasses = [...new Set(found.flatMap(({ rules }) => rules))];
  if (bypasses.length === 0) return undefined;
  const told = bypasses.slice(0, MOST_RULES).map(describe);
  const more = bypasses.length > MOST_RULES ? ` and ${bypasses.length - MOST_RULES} more` : '';
  const above = Math.max(...found.filter(({ rules }) => rules.length > 0).map(({ priority }) => priority));
  return `policy rules of the container's own come before the labels' routes: ${told.join(', ')}${more}; packets that they match bypass the label's gateway: remove them, or give them priorities above ${above}`;
}

/**
 * Policy rules of the container's own behind the one by which the labels' routes are found, such as a tunnel's as
 * wg-quick(8) makes them, where it was there first. Ours are in force; once that tunnel is made anew its rules come before them.
 * @param observed as whyBypassed() has it
 */
export function whyOvertaken(desired: RoutingDesired, observed: () => readonly Rule[]): string | undefined {
  const short = desired.routes.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  if (short.length === 0) return undefined;
  const wanted = routingRules(desired);
  const rules = observed();
  const passed = ([4, 6] as const).flatMap(family => {
    const ours = wanted.filter(rule => rule.family === family);
    const lengths = short
      .filter(({ network }) => network.address.family === family)
      .map(({ network }) => network.length);
    const deciding = decidingShort(ours, lengths);
    if (lengths.length === 0 || !deciding) return [];
    return rules.filter(
      rule =>
        rule.family === family &&
        rule.priority > deciding.priority &&
        rule.priority < MAIN_PRIORITY &&
        rule.protocol !== RTPROT_DWGD_TUNNEL &&
        leadsPastOurs(rule) &&
        leadsPastMain(rule),
    );
  });
  if (passed.length === 0) return undefined;
  const told = [...new Set(passed)].slice(0, MOST_RULES).map(describe);
  const isHalf = !short.some(({ network }) => network.length === 0);
  const whole = isHalf
    ? ', or set labels for both halves of the world or the whole (0.0.0.0/0, ::/0), which leave such a tunnel its packets'
    : '';
  return `policy rules of the container's own (${told.join(', ')}) come after the labels' routes, and before them once they are made anew: for one result in either order remove them${whole}`;
}

/** The rules as they are when ours are there: the kernel puts a new one after those of its priority. */
function withOurs(rules: readonly Rule[], ours: readonly Rule[]): readonly Rule[] {
  const all = [...rules];
  for (const rule of ours) {
    if (all.some(other => isOurs(other) && sameRule(rule, other))) continue;
    const at = all.findIndex(other => other.priority > rule.priority);
    all.splice(at < 0 ? all.length : at, 0, rule);
  }
  return all;
}

/** The rule by which the last of a family's defaults and halves is found. */
function decidingShort(ours: readonly Rule[], lengths: readonly number[]): Rule | undefined {
  const found = ours.filter(({ table }) => table === RT_TABLE_DWGD);
  // The first is for halves, where there are two.
  return lengths.includes(0) ? found.at(-1) : found[0];
}

/** The rule by which every packet finds routes in table main that are longer. */
function decidingLong(rules: readonly Rule[], lengths: readonly number[]): Rule | undefined {
  const shortest = lengths.reduce((least, length) => Math.min(least, length));
  return rules.find(
    ({ table, fwmark, isSelective, suppressPrefixLength = -1 }) =>
      table === RT_TABLE_MAIN && !fwmark && !isSelective && suppressPrefixLength < shortest,
  );
}

/** Rules that come before the deciding one and lead elsewhere; without it all do. */
function before(
  rules: readonly Rule[],
  deciding: Rule | undefined,
  leadsPast: (rule: Rule) => boolean,
): { readonly rules: readonly Rule[]; readonly priority: number }[] {
  const priority = deciding?.priority ?? MAIN_PRIORITY;
  const at = rules.findIndex(
    rule => rule === deciding || (deciding && isOurs(rule) && sameRule(rule, deciding)),
  );
  const earlier = rules.slice(0, at < 0 ? rules.length : at);
  const passing = earlier.filter(
    rule => leadsPast(rule) && !(rule.goto !== undefined && rule.goto <= priority),
  );
  return [{ rules: passing, priority }];
}

/** What is in main beside its default route comes first for the labels' routes, too, and so do replies. */
function leadsPastOurs(rule: Rule): boolean {
  const { table, suppressPrefixLength } = rule;
  if (isOurs(rule) || table === RT_TABLE_LOCAL || table === RT_TABLE_DWGD) return false;
  return table !== RT_TABLE_MAIN || suppressPrefixLength === undefined;
}

function leadsPastMain(rule: Rule): boolean {
  return !isOurs(rule) && rule.table !== RT_TABLE_LOCAL && rule.table !== RT_TABLE_MAIN;
}

function isOurs({ protocol }: Rule): boolean {
  return protocol === RTPROT_DWGD;
}

function describe({ priority, table, unreachable, goto }: Rule): string {
  if (unreachable) return `${priority} (unreachable)`;
  return `${priority} (${goto === undefined ? `table ${table}` : `goto ${goto}`})`;
}

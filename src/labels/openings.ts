// What a default route of a label leaves open beside it, each said with its remedy: IPv6, Docker's DNS, policy rules of the
// container's own. Pure. Not here: the routes (placement.ts), asking for any of it.

import { RT_TABLE_DWGD, RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../netlink/route.js';
import type { Rule } from '../netlink/rule.js';
import { formatDestination } from './destination.js';
import { mistakeOf, type Owned } from './merge.js';
import type { Asking } from './placement.js';
import { routingRules } from './routing.js';
import type { DesiredRoute, Mistake, RouteIntent } from './words.js';

/** Rules that are told one by one. */
const MOST_RULES = 3;

/** What is left open by the labels of a namespace. */
export function findOpenings({ members, intent }: Asking): Mistake[] {
  const four = defaultOf(intent.routes, 4);
  const six = defaultOf(intent.routes, 6);
  const first = four ?? six;
  const dns = members.members.find(({ hostDns }) => hostDns !== undefined)?.hostDns;
  return [
    ...(four && !six && members.attachments.some(({ hasGateway6 }) => hasGateway6)
      ? [mistakeOf(four, whyOpenIPv6(four.intent))]
      : []),
    ...(first && dns !== undefined ? [mistakeOf(first, whyHostDns(dns))] : []),
  ];
}

/** The label for all of a family, or for its first half where there is one for the second, too. */
function defaultOf(routes: readonly Owned<RouteIntent>[], family: 4 | 6): Owned<RouteIntent> | undefined {
  const own = routes.filter(({ intent: { network } }) => network.address.family === family);
  const whole = own.find(({ intent: { network } }) => network.length === 0);
  const halves = own.filter(({ intent: { network } }) => network.length === 1);
  return whole ?? (halves.length === 2 ? halves[0] : undefined);
}

function whyOpenIPv6({ destination }: RouteIntent): string {
  const gateway = destination?.kind === 'name' ? formatDestination(destination) : '<gateway>';
  return `IPv6 goes on by Docker's own default route: set the label twine.route.::/0=${gateway}, by which it goes the same way, and nowhere while the gateway has no IPv6`;
}

function whyHostDns(server: string): string {
  return `Docker asks ${server} on the host for this container's names, from the host and not by the label's route: give the container a \`dns:\` of its own, such as the VPN's`;
}

/**
 * Policy rules of the container's own that come before those of ours, and lead elsewhere; undefined where there is none.
 * @param routes that there shall be
 * @param rules reads those of anybody
 */
export function whyBypassed(
  routes: readonly DesiredRoute[],
  rules: () => readonly Rule[],
): string | undefined {
  const ours = routingRules(routes);
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

// The changes from our observed routes to the desired ones, in an order in which no packet takes anybody else's route
// meanwhile. Pure. Not here: which routes are desired (labels/planner/sandbox-plan.ts), their bytes
// (netlink/route/route.ts).

import { groupBy } from '../../base/group-by.js';
import { type Address, formatPrefix, type Prefix, sameAddress } from '../../base/ip.js';
import { FALLBACK_METRIC, GATEWAY_METRICS, RTPROT_DWGD } from '../../base/ownership.js';
import {
  isSelective,
  type Route,
  type RouteConfig,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTN_UNREACHABLE,
} from '../../netlink/route/route.js';
import { routingTable } from './policy-routing.js';
import type { Change, DesiredRoute } from './state.js';

/** The changes to routes, by when they are to be made. */
interface RouteChanges {
  /** Unreachable fallbacks of networks that have no route of ours: before all else. */
  readonly fallbacks: readonly Change[];
  readonly gateways: readonly Change[];
  /** Routes that have no effect, or are not wanted any more: after all else. */
  readonly removals: readonly Change[];
}

/** The routes of one network: the desired ones, and the observed ones in the kernel's order. */
interface NetworkRoutes {
  readonly network: Prefix;
  readonly gateway: Address | undefined;
  readonly hasFallback: boolean;
  readonly present: readonly Route[];
  /** RT_TABLE_*. */
  readonly table: number;
}

/** Of the host, which has no policy rules of ours: routes outside its main table would have no effect. */
export function diffHostRoutes(desired: readonly DesiredRoute[], observed: readonly Route[]): RouteChanges {
  return diffRoutes(desired, observed, () => RT_TABLE_MAIN);
}

/**
 * @param desired at most one gateway and one fallback for each network
 * @param observed routes of our protocol, in the kernel's order
 * @param tableOf the table (RT_TABLE_*) for the routes to a network
 */
export function diffRoutes(
  desired: readonly DesiredRoute[],
  observed: readonly Route[],
  tableOf: (network: Prefix) => number = routingTable,
): RouteChanges {
  const [inPlace, misplaced] = partition(
    observed,
    route => route.table === tableOf(route.destination) && !isSelective(route),
  );
  const all = routesByNetwork(desired, inPlace, tableOf).map(subject => {
    if (!subject.hasFallback && !subject.gateway) return withdraw(subject);
    return subject.network.address.family === 4 ? diffInOrder(subject) : diffByMetric(subject);
  });
  return {
    fallbacks: all.flatMap(({ fallbacks }) => fallbacks),
    gateways: all.flatMap(({ gateways }) => gateways),
    removals: [...all.flatMap(({ removals }) => removals), ...misplaced.map(remove)],
  };
}

function routesByNetwork(
  desired: readonly DesiredRoute[],
  observed: readonly Route[],
  tableOf: (network: Prefix) => number,
): NetworkRoutes[] {
  const wanted = groupBy(desired, ({ network }) => formatPrefix(network));
  const present = groupBy(observed, ({ destination }) => formatPrefix(destination));
  return [...new Set([...wanted.keys(), ...present.keys()])].map(key => {
    const routes = wanted.get(key) ?? [];
    const there = present.get(key) ?? [];
    const network = (routes[0]?.network ?? there[0]?.destination)!;
    return {
      network,
      table: tableOf(network),
      gateway: routes.find(({ gateway }) => gateway)?.gateway,
      hasFallback: routes.some(({ gateway }) => !gateway),
      present: there,
    };
  });
}

/** The fallback goes first: with the gateway's route still there, nothing becomes unreachable. */
function withdraw({ present }: NetworkRoutes): RouteChanges {
  const [fallbacks, others] = partition(present, isFallback);
  return { fallbacks: [], gateways: [], removals: [...fallbacks, ...others].map(remove) };
}

/** IPv4: the first of a network's routes counts, and a new one is prepended. */
function diffInOrder(subject: NetworkRoutes): RouteChanges {
  const { gateway, hasFallback, present } = subject;
  const fallbackAt = hasFallback ? present.findIndex(isFallback) : present.length;
  if (fallbackAt < 0) return renewFallback(subject);
  const above = present.slice(0, fallbackAt);
  const below = present.slice(fallbackAt + 1);
  if (!gateway) return { fallbacks: [], gateways: above.map(remove), removals: below.map(remove) };
  const rightAt = above.findIndex(leadsTo(gateway));
  if (rightAt >= 0) {
    const rest = [...above.slice(rightAt + 1), ...below];
    return { fallbacks: [], gateways: above.slice(0, rightAt).map(remove), removals: rest.map(remove) };
  }
  // The same route further down has to go first: the kernel refuses duplicates.
  const [same, stale] = partition([...above, ...below], leadsTo(gateway));
  return {
    fallbacks: [],
    gateways: [...same.map(remove), add(gatewayRoute(subject, gateway))],
    removals: stale.map(remove),
  };
}

/** IPv4, the fallback missing: it is prepended, and then the gateway's route. */
function renewFallback(subject: NetworkRoutes): RouteChanges {
  const { gateway, present } = subject;
  const fallback = add(fallbackRoute(subject));
  if (!gateway) return { fallbacks: [fallback], gateways: [], removals: present.map(remove) };
  const [same, stale] = partition(present, leadsTo(gateway));
  const route = add(gatewayRoute(subject, gateway));
  if (same.length === 0) return { fallbacks: [fallback], gateways: [route], removals: stale.map(remove) };
  // What works now keeps working until the moment of the exchange.
  return { fallbacks: [], gateways: [fallback, ...same.map(remove), route], removals: stale.map(remove) };
}

/** IPv6: the lowest metric counts. */
function diffByMetric(subject: NetworkRoutes): RouteChanges {
  const { gateway, hasFallback, present } = subject;
  const [allFallbacks, routes] = partition(present, isFallback);
  const [rightFallbacks, wrongFallbacks] = partition(
    allFallbacks,
    ({ metric }) => hasFallback && metric === FALLBACK_METRIC,
  );
  const fallbacks = hasFallback && rightFallbacks.length === 0 ? [add(fallbackRoute(subject))] : [];
  if (!gateway) return { fallbacks, gateways: routes.map(remove), removals: wrongFallbacks.map(remove) };
  const usable = ({ metric }: Route): boolean => GATEWAY_METRICS.some(own => own === metric);
  const right = routes.find(route => leadsTo(gateway)(route) && usable(route));
  if (right) {
    const [before, after] = partition(
      [...routes.filter(route => route !== right), ...wrongFallbacks],
      ({ metric }) => metric < right.metric,
    );
    return { fallbacks, gateways: before.map(remove), removals: after.map(remove) };
  }
  const free = GATEWAY_METRICS.find(metric => !present.some(route => route.metric === metric));
  const metric = free ?? GATEWAY_METRICS[1];
  const [inTheWay, stale] = partition([...routes, ...wrongFallbacks], route => route.metric === metric);
  return {
    fallbacks,
    gateways: [...inTheWay.map(remove), add(gatewayRoute(subject, gateway, metric))],
    removals: stale.map(remove),
  };
}

function gatewayRoute({ network, table }: NetworkRoutes, gateway: Address, metric?: number): RouteConfig {
  return {
    destination: network,
    gateway,
    type: RTN_UNICAST,
    protocol: RTPROT_DWGD,
    table,
    ...(metric !== undefined && { metric }),
  };
}

function fallbackRoute({ network, table }: NetworkRoutes): RouteConfig {
  return {
    destination: network,
    type: RTN_UNREACHABLE,
    protocol: RTPROT_DWGD,
    table,
    ...(network.address.family === 6 && { metric: FALLBACK_METRIC }),
  };
}

function isFallback({ type }: Route): boolean {
  return type === RTN_UNREACHABLE;
}

function leadsTo(gateway: Address): (route: Route) => boolean {
  return route =>
    route.type === RTN_UNICAST && route.gateway !== undefined && sameAddress(route.gateway, gateway);
}

function add(route: RouteConfig): Change {
  return { kind: 'addRoute', route };
}

function remove(route: Route): Change {
  return { kind: 'deleteRoute', route };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [yes: T[], no: T[]] {
  return [items.filter(test), items.filter(item => !test(item))];
}

// The changes in a namespace with those of routers that Docker does not know of, for answers to go back by them. Pure. Not
// here: all others (labels/diff/diff.ts), who is such a router (routers.ts).

import { type Family, isDefaultOrHalf, parsePrefix, sameAddress } from '../../base/ip.js';
import {
  FIRST_PRIORITY,
  ROUTER_MASK,
  ROUTER_PRIORITIES_BEFORE,
  ROUTERS,
  RTPROT_DWGD,
} from '../../base/ownership.js';
import { type Rule, sameRule } from '../../netlink/route/policy-rule.js';
import { type Route, type RouteConfig, RT_TABLE_MAIN, RTN_UNICAST } from '../../netlink/route/route.js';
import { diff } from '../diff/diff.js';
import { stampedTable, stampOf } from '../diff/stamp.js';
import type { Change, DesiredState, KnownNeighbour, SandboxObserved } from '../diff/state.js';
import { routerTable } from './router-table.js';
import { type FoundRouter, findRouters, isForRouter } from './routers.js';

const DEFAULT = { 4: parsePrefix('0.0.0.0/0')!, 6: parsePrefix('::/0')! };

/** Empty where nothing is to be done. */
export function diffAll(desired: DesiredState, observed: SandboxObserved): Change[] {
  return [...diffLabels(desired, observed), ...diffRouters(desired, observed)];
}

/** Those of labels alone; where answers go by no routers any more, what led them goes. */
export function diffLabels(desired: DesiredState, observed: SandboxObserved): Change[] {
  const routes = observed.routes.filter(route => !isRouterRoute(route));
  const rules = observed.rules.filter(rule => !isRouterRule(rule));
  const changes = diff(desired, { ...observed, routes, rules });
  return desired.routersOn || desired.isFrozen ? changes : [...changes, ...changesFor([], desired, observed)];
}

/** Those for answers by the routers that are found. */
export function diffRouters(desired: DesiredState, observed: SandboxObserved): Change[] {
  const { routers: found } = observed;
  if (!desired.routersOn || desired.isFrozen || !found) return [];
  return changesFor(findRouters(found, desired), desired, observed);
}

/** Whether answers went by routers which were not read, since the table was gone that remembers who they are. */
export function hasUnreadRouters({ routersOn }: DesiredState, { routers, rules }: SandboxObserved): boolean {
  return routersOn !== undefined && !routers && rules.some(isRouterRule);
}

/** Whether a policy rule is for answers by a router. */
export function isRouterRule({ fwmark }: Rule): boolean {
  return fwmark?.mask === ROUTER_MASK;
}

/** Whether a route is for answers by a router. */
function isRouterRoute({ table }: Pick<Route, 'table'>): boolean {
  return ROUTERS.some(router => router.table === table);
}

/** The table marks only where the rest is there: it comes last, and goes first. */
function changesFor(
  routers: readonly FoundRouter[],
  desired: DesiredState,
  observed: SandboxObserved,
): Change[] {
  const { routers: found, hasRouterTable } = observed;
  const routes = observed.routes.filter(isRouterRoute);
  const rules = observed.rules.filter(isRouterRule);
  const neighbours = (found?.neighbours ?? []).filter(isForRouter);
  const families = familiesOf(desired);
  const wanted = routers.flatMap(router => families.map(family => wantedFor(router, family, desired)));
  const [wantedRoutes, wantedRules] = [wanted.map(({ route }) => route), wanted.flatMap(one => one.rules)];
  const wantedNeighbours = wanted.map(({ neighbour }) => neighbour);
  const missing = <T>(all: readonly T[], those: readonly T[], same: (a: T, b: T) => boolean): T[] =>
    all.filter(one => !those.some(other => same(one, other)));
  const table = wanted.length > 0 ? routerTable(routers, desired.routersOn ?? []) : undefined;
  const digest = table && stampOf(table);
  // Rules do not go with a link, so a table is never without them.
  const isThere = found?.stamp !== undefined || hasRouterTable || rules.length > 0;
  return [
    ...(!table && isThere ? [{ kind: 'deleteRouters' } as const] : []),
    ...missing(rules, wantedRules, sameRule).map((rule): Change => ({ kind: 'deleteRule', rule })),
    ...routes
      .filter(route => !wantedRoutes.some(other => isSameRoute(route, other)))
      .map((route): Change => ({ kind: 'deleteRoute', route })),
    ...surplusNeighbours(routes, neighbours, wantedNeighbours, found !== undefined).map(
      (neighbour): Change => ({ kind: 'deleteNeighbour', neighbour }),
    ),
    ...missing(wantedRules, rules, sameRule).map((rule): Change => ({ kind: 'addRule', rule })),
    ...missing(wantedNeighbours, neighbours, isSameNeighbour).map(
      (neighbour): Change => ({ kind: 'addNeighbour', neighbour }),
    ),
    ...wantedRoutes
      .filter(route => !routes.some(other => isSameRoute(other, route)))
      .map((route): Change => ({ kind: 'addRoute', route })),
    ...(table && digest !== found?.stamp
      ? [{ kind: 'putRouters', table: stampedTable(table, [], digest) } as const]
      : []),
  ];
}

/** Of the routes past which answers are led. */
function familiesOf({ routes }: DesiredState): Family[] {
  return ([4, 6] as const).filter(family =>
    routes.some(({ network }) => network.address.family === family && isDefaultOrHalf(network)),
  );
}

/** What leads answers of a family by a router: what main has beside its default, and then the router. */
function wantedFor(
  { mark, table, hops, index, mac }: FoundRouter,
  family: Family,
  { firstPriority = FIRST_PRIORITY }: DesiredState,
): {
  readonly route: RouteConfig & Pick<Route, 'table'>;
  readonly rules: Rule[];
  readonly neighbour: KnownNeighbour;
} {
  const before = ROUTER_PRIORITIES_BEFORE;
  const own = { family, fwmark: { value: mark, mask: ROUTER_MASK }, protocol: RTPROT_DWGD };
  const gateway = hops[family];
  return {
    rules: [
      { ...own, priority: firstPriority - before.main, table: RT_TABLE_MAIN, suppressPrefixLength: 1 },
      { ...own, priority: firstPriority - before.router, table },
    ],
    neighbour: { address: gateway, index, mac },
    route: {
      destination: DEFAULT[family],
      ...{ gateway, index, table, isOnLink: true },
      ...{ type: RTN_UNICAST, protocol: RTPROT_DWGD },
    },
  };
}

/**
 * Those that are there and not wanted. Where none were read, that is known by the routes, which go with their links as
 * neighbours do.
 */
function surplusNeighbours(
  routes: readonly Route[],
  neighbours: readonly KnownNeighbour[],
  wanted: readonly KnownNeighbour[],
  isRead: boolean,
): KnownNeighbour[] {
  const known = isRead
    ? neighbours
    : routes.flatMap(({ gateway: address, index }) =>
        address && index !== undefined ? [{ address, index, mac: '' }] : [],
      );
  const isWanted = (one: KnownNeighbour): boolean =>
    wanted.some(other => one.index === other.index && sameAddress(one.address, other.address));
  return known.filter(one => isForRouter(one) && !isWanted(one));
}

function isSameNeighbour(a: KnownNeighbour, b: KnownNeighbour): boolean {
  return a.index === b.index && a.mac === b.mac && sameAddress(a.address, b.address);
}

function isSameRoute(a: RouteConfig, b: RouteConfig): boolean {
  const isBy = a.gateway !== undefined && b.gateway !== undefined && sameAddress(a.gateway, b.gateway);
  return isBy && a.table === b.table && a.index === b.index && a.destination.length === b.destination.length;
}

// What a full tunnel means in the namespace of its container: policy rules and a routing table of ours, so that it
// holds whatever default route Docker puts into table main, and a kill-switch rule behind, so that nothing leaves by
// another way while the tunnel is not there. Pure: what is known goes in, plain data comes out. Not here: who enters the
// namespace (full-tunnel-netns.ts), when (driver/lifecycle/full-tunnels.ts).

import {
  type Family,
  formatPrefix,
  isDefault,
  type Prefix,
  parsePrefix,
  sameAddress,
} from '../../base/ip.js';
import { FIRST_PRIORITY_OF_TUNNEL, RT_TABLE_DWGD_TUNNEL, RTPROT_DWGD_TUNNEL } from '../../base/ownership.js';
import type { LinkAddress } from '../../netlink/route/address.js';
import type { Link } from '../../netlink/route/link.js';
import { type Rule, sameRule } from '../../netlink/route/policy-rule.js';
import {
  isSelective,
  type Route,
  RT_TABLE_MAIN,
  RT_TABLE_UNSPEC,
  RTN_UNICAST,
} from '../../netlink/route/route.js';
import { type Endpoint, keyAddress, type NetworkOptions } from '../spec/model.js';

const FAMILIES: readonly Family[] = [4, 6];

/** For each family: its packets go by the tunnel, or nowhere beyond the container's own networks. */
export type HeldFamilies = ReadonlyMap<Family, 'tunnel' | 'closed'>;

/** A full tunnel of a container. */
export interface FullTunnel {
  readonly held: HeldFamilies;
  readonly endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>;
  /** The index of its link; absent while that is not inside, or down. */
  readonly link?: number;
}

/** The rules and routes of ours in one namespace. */
export interface TunnelState {
  readonly rules: readonly Rule[];
  readonly routes: readonly Route[];
}

export type TunnelChange =
  | { readonly kind: 'addRoute'; readonly route: Route }
  | { readonly kind: 'deleteRoute'; readonly route: Route }
  | { readonly kind: 'addRule'; readonly rule: Rule }
  | { readonly kind: 'deleteRule'; readonly rule: Rule };

const DEFAULTS: Readonly<Record<Family, Prefix>> = {
  4: parsePrefix('0.0.0.0/0')!,
  6: parsePrefix('::/0')!,
};
const HALVES: Readonly<Record<Family, readonly string[]>> = {
  4: ['0.0.0.0/1', '128.0.0.0/1'],
  6: ['::/1', '8000::/1'],
};

/**
 * First what main has beyond default routes: the container's own networks, and whatever else is more specific. Then our
 * table, then nowhere. After labels' rules, which are of the one container, and just before the kernel's `main` (32766).
 */
const RULES: readonly Omit<Rule, 'family' | 'protocol'>[] = [
  { priority: FIRST_PRIORITY_OF_TUNNEL, table: RT_TABLE_MAIN, suppressPrefixLength: 0 },
  { priority: FIRST_PRIORITY_OF_TUNNEL + 1, table: RT_TABLE_DWGD_TUNNEL },
  // The kill-switch rule. An unreachable route would do for IPv4, but in IPv6 it belongs to `lo`, and goes down with it.
  { priority: FIRST_PRIORITY_OF_TUNNEL + 2, table: RT_TABLE_UNSPEC, unreachable: true },
];

/** Whether routes cover a whole family: by the default route, or by both halves (/1). */
export function takesAll(routes: readonly Prefix[], family: Family): boolean {
  const texts = new Set(routes.map(formatPrefix));
  return texts.has(formatPrefix(DEFAULTS[family])) || HALVES[family].every(half => texts.has(half));
}

/**
 * Which families a network's routes capture. With a full tunnel for IPv4, IPv6 must not leave beside it, so it is closed
 * unless the tunnel takes it. A full tunnel for IPv6 alone leaves IPv4 as it is.
 */
export function heldFamilies({ routes }: Pick<NetworkOptions, 'routes'>): HeldFamilies {
  const held = new Map<Family, 'tunnel' | 'closed'>();
  for (const family of FAMILIES) if (takesAll(routes, family)) held.set(family, 'tunnel');
  if (held.has(4) && !held.has(6)) held.set(6, 'closed');
  return held;
}

/** The endpoint's link among those of a namespace, once it is up: by its address, since Docker chooses the name. */
export function findTunnelLink(
  endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>,
  links: readonly Link[],
  addresses: readonly LinkAddress[],
  kind: string,
): number | undefined {
  const own = keyAddress(endpoint);
  return links.find(
    link =>
      link.kind === kind &&
      link.up &&
      addresses.some(({ index, prefix }) => index === link.index && sameAddress(prefix.address, own)),
  )?.index;
}

/**
 * The desired rules and routes of a namespace with these full tunnels; none without any. Of two tunnels for one family,
 * the one already in place stays, and the other is the spare.
 * @param present the routes of ours that are there
 */
export function planFullTunnels(tunnels: readonly FullTunnel[], present: readonly Route[]): TunnelState {
  const families = FAMILIES.filter(family => tunnels.some(({ held }) => held.has(family)));
  return {
    rules: families.flatMap(family => RULES.map(rule => ({ family, ...rule, protocol: RTPROT_DWGD_TUNNEL }))),
    routes: families.flatMap(family => tunnelRoutes(family, tunnels, present)),
  };
}

function tunnelRoutes(
  family: Family,
  tunnels: readonly FullTunnel[],
  present: readonly Route[],
): readonly Route[] {
  const links = tunnels.flatMap(({ held, endpoint, link }) =>
    held.get(family) === 'tunnel' && (family === 4 ? endpoint.ipv4 : endpoint.ipv6) && link ? [link] : [],
  );
  const kept = present.filter(
    route =>
      isTunnelRoute(route) &&
      route.destination.address.family === family &&
      links.includes(route.index!) &&
      present.find(other => sameRoute({ ...route, metric: other.metric }, other)) === route,
  );
  const metrics = kept.map(({ metric }) => metric);
  const missing = links.filter(link => !kept.some(({ index }) => index === link));
  const first = Math.max(0, ...metrics) + 1;
  return [...kept, ...missing.map((index, n) => ({ ...ownRoute(family), index, metric: first + n }))];
}

function isTunnelRoute(route: Route): boolean {
  return (
    route.type === RTN_UNICAST &&
    route.index !== undefined &&
    !route.gateway &&
    !route.gateways &&
    !isSelective(route) &&
    route.table === RT_TABLE_DWGD_TUNNEL &&
    isDefault(route.destination)
  );
}

function ownRoute(family: Family): Omit<Route, 'metric'> {
  return {
    destination: DEFAULTS[family],
    type: RTN_UNICAST,
    protocol: RTPROT_DWGD_TUNNEL,
    table: RT_TABLE_DWGD_TUNNEL,
  };
}

/**
 * The changes from the present to the desired state, in an order in which no captured packet leaves by table main in
 * between: rules, then tunnels' routes, then removals in reverse.
 */
export function diffFullTunnels(desired: TunnelState, observed: TunnelState): TunnelChange[] {
  const routes = desired.routes.filter(route => !observed.routes.some(other => sameRoute(route, other)));
  const rules = desired.rules.filter(rule => !observed.rules.some(other => sameRule(rule, other)));
  const oldRoutes = observed.routes.filter(route => !desired.routes.some(other => sameRoute(route, other)));
  const oldRules = observed.rules.filter(rule => !desired.rules.some(other => sameRule(rule, other)));
  return [
    ...rules.map((rule): TunnelChange => ({ kind: 'addRule', rule })),
    ...routes.map((route): TunnelChange => ({ kind: 'addRoute', route })),
    ...oldRules.reverse().map((rule): TunnelChange => ({ kind: 'deleteRule', rule })),
    ...oldRoutes.reverse().map((route): TunnelChange => ({ kind: 'deleteRoute', route })),
  ];
}

function sameRoute(a: Route, b: Route): boolean {
  return (
    a.type === b.type &&
    a.table === b.table &&
    a.metric === b.metric &&
    a.index === b.index &&
    !a.gateway === !b.gateway &&
    isSelective(a) === isSelective(b) &&
    formatPrefix(a.destination) === formatPrefix(b.destination)
  );
}

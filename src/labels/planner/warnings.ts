// What is told though all labels are in force, each with its remedy: what leaks past a label's default route (IPv6, Docker's
// DNS) or past a gateway's tunnel, gateways that an internal network keeps from their clients, and clients whose answers it
// leads elsewhere than they came from. Pure. Not here: the routes (resolve.ts), policy rules of the container's own
// (labels/diff/bypass.ts).

import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  isDefaultOrHalf,
  type Prefix,
  parseAddress,
  prefixContains,
  prefixCovers,
  sameAddress,
} from '../../base/ip.js';
import { plain } from '../../base/plain-text.js';
import type { NextHop } from '../discovery/container.js';
import { formatDestination } from '../spec/destination.js';
import { diagnostic } from '../spec/diagnostics.js';
import type { Diagnostic, InterfacePattern, RouteIntent } from '../spec/intent.js';
import { covers, DOCKERS, formatPattern, intersect, isLoopbackPattern } from '../spec/interface-pattern.js';
import { NAT_IN_INTERFACES, NAT_INTERFACES } from '../spec/label-keys.js';
import { nearNetworks } from '../table/reply-routing.js';
import type { HostRouteRequest } from './host-routes.js';
import { type Attributed, diagnosticOf } from './merge.js';
import type { Requester } from './resolve.js';
import type { Router } from './routing-loops.js';
import { shown } from './unresolved.js';

const REMEDIES: Readonly<Record<Family, readonly [sysctl: string, remedy: string]>> = {
  4: [
    'net.bridge.bridge-nf-call-iptables',
    'make it one that is not internal, with the driver option com.docker.network.bridge.inhibit_ipv4=true: there nothing leaks either',
  ],
  6: ['net.bridge.bridge-nf-call-ip6tables', 'set it to 0, or use a network that is not internal'],
};

/** The leaks that the labels of a namespace leave. */
export function findLeaks({ members, intent }: Requester): Diagnostic[] {
  const four = defaultOf(intent.routes, 4);
  const six = defaultOf(intent.routes, 6);
  // Where Docker's own gateway is wanted, nothing is to be kept from it.
  const first = [four, six].find(route => route && route.intent.destination?.kind !== 'hostGateway');
  const dns = members.members.find(({ hostDns }) => hostDns !== undefined)?.hostDns;
  return [
    ...(four &&
    four === first &&
    !six &&
    members.attachments.some(({ gateways = [] }) => gateways.some(({ family }) => family === 6))
      ? [{ ...diagnosticOf(four, whyIPv6Leaks(four.intent)), risk: 'ipv6' as const }]
      : []),
    ...(first && dns !== undefined
      ? [{ ...diagnosticOf(first, whyDnsLeaks(dns)), risk: 'host-dns' as const }]
      : []),
    ...findLostDns({ members, intent }, [four, six]),
    ...findOpenWay({ members, intent }),
  ];
}

/** A resolver of the LAN that a default route leads away from: often the gateway does not reach it. */
function findLostDns(
  { members, intent }: Requester,
  defaults: readonly (Attributed<RouteIntent> | undefined)[],
): Diagnostic[] {
  const server = members.members.flatMap(({ privateDns }) => privateDns ?? [])[0];
  const address = server === undefined ? undefined : parseAddress(server);
  if (!address) return [];
  const label = defaults.find(route => route?.intent.network.address.family === address.family);
  if (!label || label.intent.destination?.kind === 'hostGateway') return [];
  const subnets = members.attachments.flatMap(({ subnets = [] }) => subnets);
  const longer = intent.routes.map(({ intent: { network } }) => network).filter(({ length }) => length > 1);
  const isElsewhere = [...subnets, ...longer].some(network => prefixContains(network, address));
  if (isElsewhere) return [];
  // Of networks that are internal Docker tells none.
  const hasGateway = members.attachments.some(({ gateways = [] }) =>
    gateways.some(({ family }) => family === address.family),
  );
  const why = whyDnsLost(formatAddress(address), hasGateway);
  return [{ ...diagnosticOf(label, why), risk: 'lan-dns' }];
}

/** An interface of Docker's that is named beside a tunnel: what comes in by it leaves by it while the tunnel is down. */
function findOpenWay({
  members: { members },
  intent: { natInterfaces, inInterfaces },
}: Requester): Diagnostic[] {
  const ofDocker = (pattern: InterfacePattern) => intersect(pattern, DOCKERS);
  const way = natInterfaces.flatMap(pattern => {
    const shared = ofDocker(pattern);
    return shared && !inInterfaces.some(other => covers(other, shared)) ? [{ pattern, shared }] : [];
  })[0];
  const tunnel = natInterfaces.find(pattern => !ofDocker(pattern) && !isLoopbackPattern(pattern));
  if (!way || !tunnel) return [];
  const { name } = members.find(({ labels }) => labels.has(NAT_INTERFACES)) ?? members[0]!;
  return [{ ...diagnostic(name, NAT_INTERFACES, whyWayIsOpen(way, tunnel)), risk: 'open-way' }];
}

function whyWayIsOpen(
  { pattern, shared }: Readonly<Record<'pattern' | 'shared', InterfacePattern>>,
  tunnel: InterfacePattern,
): string {
  const [given, by] = [formatPattern(pattern), formatPattern(shared)];
  return `while ${formatPattern(tunnel)} is down, what comes in by ${by} to be forwarded leaves by ${by}, too, past the tunnel: if ${given} is here for ports that are forwarded, take it out and set the label ${NAT_IN_INTERFACES}=${by}, by which nothing else is forwarded`;
}

/** The label for a whole family, or for its first half where there is one for the second as well. */
function defaultOf(
  routes: readonly Attributed<RouteIntent>[],
  family: 4 | 6,
): Attributed<RouteIntent> | undefined {
  const own = routes.filter(({ intent: { network } }) => network.address.family === family);
  const whole = own.find(({ intent: { network } }) => network.length === 0);
  const halves = own.filter(({ intent: { network } }) => network.length === 1);
  return whole ?? (halves.length === 2 ? halves[0] : undefined);
}

function whyIPv6Leaks({ destination }: RouteIntent): string {
  if (destination?.kind === 'unreachable')
    return "IPv6 still uses Docker's own default route: set the label twine.route.::/0=unreachable for it, too";
  const gateway =
    destination && destination.kind !== 'address' ? plain(formatDestination(destination), 80) : '<gateway>';
  return `IPv6 still uses Docker's own default route: set the label twine.route.::/0=${gateway}, which sends it the same way, or nowhere while the gateway has no IPv6; twine.route.::/0=unreachable sends it nowhere at all`;
}

function whyDnsLost(server: string, hasGateway: boolean): string {
  const label = hasGateway ? `set the label twine.route.${server}=host-gateway, or ` : '';
  return `this container's names are asked of ${server}, and these queries take the label's route: if that is a resolver of the LAN, which the gateway does not reach, ${label}give the container a \`dns:\` of its own`;
}

function whyDnsLeaks(server: string): string {
  return `Docker resolves this container's names through ${server} on the host, so these queries bypass the label's route: give the container a \`dns:\` of its own, such as the VPN's`;
}

/**
 * Routes by gateways on internal networks: one of each namespace and family. Docker's firewall drops what leads beyond such a
 * network, and where the kernel shows it what only passes a bridge, that is all that goes by a gateway.
 * @param filtered families of which the host's firewall filters what only passes a bridge
 */
export function findFiltered(routers: readonly Router[], filtered: readonly Family[]): Diagnostic[] {
  if (filtered.length === 0) return [];
  return routers.flatMap(({ members, routes: resolved }) =>
    filtered.flatMap(family => {
      const internal = members.attachments.filter(
        ({ isInternal, driver }) => isInternal && driver === 'bridge',
      );
      for (const { attributed, gateway } of internal.length > 0 ? resolved : []) {
        if (gateway?.family !== family) continue;
        const on = internal.find(({ subnets = [] }) => subnets.some(one => prefixContains(one, gateway)));
        if (!on) continue;
        const [sysctl, remedy] = REMEDIES[family];
        const why = `the gateway ${formatAddress(gateway)} is on the internal network ${shown(on.networkName)}, and while ${sysctl} is 1 on this host Docker's firewall drops what it is to take beyond that network: ${remedy}`;
        return [{ ...diagnosticOf(attributed, why), risk: 'internal' as const }];
      }
      return [];
    }),
  );
}

/** A network behind a router, and how a label names that. */
interface Behind {
  readonly network: Prefix;
  readonly router: Address;
  readonly name: string;
  /** Of the namespace that is the router; absent: a neighbour of the host. */
  readonly key?: string;
}

/**
 * Networks whose clients may come in by a router that is neither a label's gateway nor Docker's, and are answered by the label's
 * where it cannot be seen in the namespace who is a router: one of each namespace and family. Of such routers those are known that the host has a route by, and those that ask it for
 * one. No route is made of that: by it the container's own connections would leave, too.
 * @param requests every namespace whose labels may ask for routes of the host
 */
export function findLostAnswers(
  routers: readonly Router[],
  requests: readonly HostRouteRequest[],
  nextHops: readonly NextHop[],
): Diagnostic[] {
  const behind = [
    ...requests.flatMap(({ sandbox: { key, members, attachments }, intent: { hostRoutes } }) =>
      hostRoutes.flatMap(({ intent: { network } }) =>
        attachments
          .flatMap(({ addresses }) => addresses)
          .filter(({ family }) => family === network.address.family)
          .map((router): Behind => ({ network, router, name: plain(members[0]!.name, 80), key })),
      ),
    ),
    ...nextHops.map(
      ({ network, gateway }): Behind => ({ network, router: gateway, name: formatAddress(gateway) }),
    ),
  ].filter(({ network }) => !isDefaultOrHalf(network));
  if (behind.length === 0) return [];
  const unseen = routers.filter(({ members }) => nearNetworks(members.attachments).length === 0);
  return unseen.flatMap(({ members, routes: resolved }) =>
    ([4, 6] as const).flatMap(family => {
      const own = resolved.filter(({ attributed }) => attributed.intent.network.address.family === family);
      const short = own.find(
        ({ gateway, attributed }) => gateway && isDefaultOrHalf(attributed.intent.network),
      );
      if (!short) return [];
      const subnets = members.attachments.flatMap(({ subnets = [] }) => subnets);
      const answered = [
        ...own.flatMap(({ gateway }) => gateway ?? []),
        ...members.attachments.flatMap(({ gateways = [], addresses }) => [...gateways, ...addresses]),
      ];
      const led = own.map(({ attributed }) => attributed.intent.network).filter(({ length }) => length > 1);
      const lost = behind.find(
        ({ network, router, key }) =>
          network.address.family === family &&
          key !== members.key &&
          subnets.some(subnet => prefixContains(subnet, router)) &&
          !answered.some(address => sameAddress(address, router)) &&
          ![...led, ...subnets].some(other => prefixCovers(other, network)),
      );
      return lost ? [{ ...diagnosticOf(short.attributed, whyLost(lost)), risk: 'answers' as const }] : [];
    }),
  );
}

function whyLost({ network, router, name }: Behind): string {
  const clients = formatPrefix(network);
  return `clients in ${clients} that come in by the router ${formatAddress(router)} are answered by this label's gateway, and not by that router: if they are to be served, set the label twine.route.${clients}=${name}`;
}

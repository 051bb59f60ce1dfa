// Where the labels of each container lead, by the last plan, for people: routes and forwards with the containers at their
// ends. Pure. Not here: whether they are in force (controller/overview.ts).

import { type Address, formatAddress, formatPrefix } from '../base/ip.js';
import type { ForwardStatus, LabelLinks, RouteStatus } from '../control/answers.js';
import type { Led } from './controller/overview.js';
import type { DesiredRoute, SandboxDesired } from './diff/state.js';
import type { Attachment, ContainerView } from './discovery/container.js';
import type { ResolvedSandbox } from './planner/sandbox-plan.js';
import { diagnostic } from './spec/diagnostics.js';
import { formatPattern } from './spec/interface-pattern.js';
import { formatPorts } from './spec/ports.js';

/** Containers by their addresses: of different networks, several may have the same. */
type Holders = ReadonlyMap<string, readonly { readonly networkId: string; readonly name: string }[]>;

/** By the containers' ids; of those only whose labels lead somewhere. */
export function labelLinksOf({
  containers,
  resolved,
  hostRoutes,
}: Pick<Led, 'containers' | 'resolved' | 'hostRoutes'>): ReadonlyMap<string, LabelLinks> {
  const holders = holdersAmong(containers);
  const found = new Map<string, LabelLinks>();
  const add = (id: string, links: LabelLinks): void => {
    found.set(id, { ...found.get(id), ...links });
  };
  for (const sandbox of resolved) {
    const { members, intent, routes, forwards } = sandbox;
    const [first] = members.members.filter(({ labels }) => labels.size > 0);
    if (!first) continue;
    if (intent.natInterfaces.length > 0)
      add(first.id, { natInterfaces: intent.natInterfaces.map(formatPattern) });
    for (const { id } of routes.length + forwards.length > 0 ? members.members : []) {
      const own = routes.filter(({ attributed }) => attributed.container.id === id);
      if (own.length > 0) add(id, { routes: own.map(route => routeStatus(route, members, holders)) });
      const ports = forwards.filter(({ key }) => askedBy(sandbox, key) === id);
      const led = ports.flatMap(forward => forwardStatus(forward, members, holders));
      if (led.length > 0) add(id, { forwards: led });
    }
  }
  const ways = new Map<string, string[]>();
  for (const { network, gateway } of hostRoutes) {
    const text = gateway && formatAddress(gateway);
    if (text !== undefined) ways.set(text, [...(ways.get(text) ?? []), formatPrefix(network)]);
  }
  for (const { id, attachments } of ways.size > 0 ? containers : []) {
    const own = attachments.flatMap(({ addresses }) =>
      addresses.flatMap(address => ways.get(formatAddress(address)) ?? []),
    );
    if (own.length > 0) add(id, { hostRoutes: [...new Set(own)] });
  }
  return found;
}

function holdersAmong(containers: readonly ContainerView[]): Holders {
  const holders = new Map<string, { networkId: string; name: string }[]>();
  for (const { name, attachments, netns } of containers) {
    if (!netns) continue;
    const shown = shownName(name);
    for (const { networkId, addresses } of attachments) {
      for (const address of addresses) {
        const key = formatAddress(address);
        const known = holders.get(key);
        if (known) known.push({ networkId, name: shown });
        else holders.set(key, [{ networkId, name: shown }]);
      }
    }
  }
  return holders;
}

/** As all answers have it. */
function shownName(name: string): string {
  return diagnostic(name, '', '').container;
}

interface Attached {
  readonly attachments: readonly Attachment[];
}

/** The container with that address, on a network that both are on. */
function holderOf(address: Address, { attachments }: Attached, holders: Holders): string | undefined {
  const all = holders.get(formatAddress(address)) ?? [];
  const own = new Set(attachments.map(({ networkId }) => networkId));
  return all.find(({ networkId }) => own.has(networkId))?.name;
}

function routeStatus(
  { attributed, gateway }: ResolvedSandbox['routes'][number],
  members: Attached,
  holders: Holders,
): RouteStatus {
  const network = formatPrefix(attributed.intent.network);
  if (!gateway) return { network };
  const container = holderOf(gateway, members, holders);
  return { network, gateway: formatAddress(gateway), ...(container !== undefined && { container }) };
}

function forwardStatus(
  { pattern, protocol, ports, addresses, destinationPort }: ResolvedSandbox['forwards'][number],
  members: Attached,
  holders: Holders,
): ForwardStatus[] {
  const [first] = addresses;
  if (!first) return [];
  const container = holderOf(first, members, holders);
  const to = addresses.map(address => {
    const text = formatAddress(address);
    return `${text.includes(':') ? `[${text}]` : text}:${destinationPort}`;
  });
  const by = formatPattern(pattern);
  return [
    { interface: by, protocol, ports: formatPorts(ports), to, ...(container !== undefined && { container }) },
  ];
}

/** The id of the container whose label a forward comes from. */
function askedBy({ intent }: ResolvedSandbox, key: string): string | undefined {
  return intent.forwards.find(one => one.intent.key === key)?.container.id;
}

/** The labelled containers of a namespace, by their names. */
export function labelledIn(
  { netns: { key } }: Pick<SandboxDesired, 'netns'>,
  containers: readonly ContainerView[],
): string {
  return containers
    .flatMap(({ netns, labels, name }) => (netns?.key === key && labels.size > 0 ? [name] : []))
    .join(', ');
}

/** Routes of the host by one of the container's addresses. */
export function hostRoutesBy(
  { attachments }: ContainerView,
  routes: readonly DesiredRoute[],
): DesiredRoute[] {
  const own = new Set(attachments.flatMap(({ addresses }) => addresses.map(formatAddress)));
  return routes.filter(({ gateway }) => gateway && own.has(formatAddress(gateway)));
}

// Requests to rtnetlink as the ip(8) command that would do the same, for the log at -v. Nothing is ever run from these.

import { type Family, formatAddress, formatPrefix } from '../../base/ip.js';
import { option, words } from '../trace.js';
import { formatMac, type LinkChange, type LinkConfig } from './link.js';
import type { Neighbour } from './neighbour.js';
import type { Rule } from './policy-rule.js';
import { type RouteConfig, type RoutePlacement, RT_TABLE_MAIN, RTN_LOCAL, RTN_UNREACHABLE } from './route.js';

export function ipLinkAdd({ kind, peer, ...link }: LinkConfig): string {
  return words('ip link add', ...newLink(link), 'type', kind, ...(peer ? ['peer', ...newLink(peer)] : []));
}

function newLink({ name, mtu, group, netnsFd, mac }: Omit<LinkConfig, 'kind' | 'peer'>) {
  return [
    name,
    option('mtu', mtu),
    option('group', group),
    option('netns', netnsFd && `/proc/self/fd/${netnsFd}`),
    option('address', mac),
  ];
}

export function ipLinkSet(name: string, { up, mtu, netnsFd, master }: LinkChange): string {
  const state = up === undefined ? undefined : up ? 'up' : 'down';
  return words(
    'ip link set',
    name,
    state,
    option('mtu', mtu),
    option('netns', netnsFd && `/proc/self/fd/${netnsFd}`),
    option('master', master),
  );
}

export function ipLinkRename(name: string, newName: string): string {
  return words('ip link set', name, 'name', newName);
}

export function ipLinkDel(name: string): string {
  return words('ip link del', name);
}

export function ipRouteAdd(route: RouteConfig, placement: RoutePlacement = 'exclusive'): string {
  const verb = { exclusive: 'add', replace: 'replace', prepend: 'prepend' }[placement];
  return words(ip(route.destination.address.family), 'route', verb, routeWords(route));
}

export function ipRouteDel(route: RouteConfig): string {
  return words(ip(route.destination.address.family), 'route del', routeWords(route));
}

function routeWords({
  destination,
  gateway,
  index,
  type,
  metric,
  protocol,
  table,
  isOnLink,
}: RouteConfig): string {
  return words(
    type === RTN_UNREACHABLE ? 'unreachable' : type === RTN_LOCAL ? 'local' : undefined,
    formatPrefix(destination),
    option('via', gateway && formatAddress(gateway)),
    option('dev', (gateway && !isOnLink) || index === undefined ? undefined : `if${index}`),
    isOnLink && 'onlink',
    option('metric', metric || undefined),
    option('proto', protocol),
    option('table', table === RT_TABLE_MAIN ? undefined : table),
  );
}

export function ipNeighbourReplace({ address, index, lladdr }: Required<Omit<Neighbour, 'state'>>): string {
  const to = option('lladdr', formatMac(lladdr));
  return words('ip neighbour replace', formatAddress(address), to, `dev if${index} nud permanent`);
}

export function ipNeighbourDel({ address, index }: Pick<Neighbour, 'index' | 'address'>): string {
  return words('ip neighbour del', formatAddress(address), `dev if${index}`);
}

export function ipRule(verb: 'add' | 'del', rule: Rule): string {
  return words(
    ip(rule.family),
    'rule',
    verb,
    option('priority', rule.priority),
    option('fwmark', rule.fwmark && `${hex(rule.fwmark.value)}/${hex(rule.fwmark.mask)}`),
    rule.unreachable ? 'unreachable' : option('lookup', rule.table),
    option('suppress_prefixlength', rule.suppressPrefixLength),
    option('protocol', rule.protocol),
  );
}

function hex(mark: number): string {
  return `0x${mark.toString(16)}`;
}

function ip(family: Family): string {
  return family === 6 ? 'ip -6' : 'ip';
}

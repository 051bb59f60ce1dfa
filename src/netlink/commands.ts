// What a request would be on the command line, for the log at -v: ip(8), wg(8) and sysctl(8) as people know them. Nothing is
// ever run from these; secrets show as "(secret)".

import { formatAddress, formatPrefix } from '../ip.js';
import type { LinkChange, LinkConfig } from './link.js';
import { type RouteConfig, type RoutePlacement, RT_TABLE_MAIN, RTN_LOCAL, RTN_UNREACHABLE } from './route.js';
import type { Rule } from './rule.js';
import { formatSocketAddress, type WgDeviceConfig, type WgPeerConfig } from './wireguard.js';

/** Is told each change before it is made; absent, nothing is put into words. */
export type Trace = (command: string) => void;

export function ipLinkAdd({ name, kind, mtu, group, netnsFd }: LinkConfig): string {
  return words(
    'ip link add',
    name,
    option('mtu', mtu),
    option('group', group),
    option('netns', netnsFd && `/proc/self/fd/${netnsFd}`),
    'type',
    kind,
  );
}

export function ipLinkSet(name: string, { up, mtu, netnsFd }: LinkChange): string {
  const state = up === undefined ? undefined : up ? 'up' : 'down';
  return words(
    'ip link set',
    name,
    state,
    option('mtu', mtu),
    option('netns', netnsFd && `/proc/self/fd/${netnsFd}`),
  );
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

function routeWords({ destination, gateway, index, type, metric, protocol, table }: RouteConfig): string {
  return words(
    type === RTN_UNREACHABLE ? 'unreachable' : type === RTN_LOCAL ? 'local' : undefined,
    formatPrefix(destination),
    option('via', gateway && formatAddress(gateway)),
    option('dev', gateway || index === undefined ? undefined : `if${index}`),
    option('metric', metric || undefined),
    option('proto', protocol),
    option('table', table === RT_TABLE_MAIN ? undefined : table),
  );
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

/** @param name below /proc/sys/net, with slashes */
export function sysctlWrite(name: string, value: string): string {
  return `sysctl -w net/${name}=${value}`;
}

function ip(family: 4 | 6): string {
  return family === 6 ? 'ip -6' : 'ip';
}

export function wgSet(name: string, { privateKey, listenPort, fwmark, peers = [] }: WgDeviceConfig): string {
  return words(
    'wg set',
    name,
    option('private-key', privateKey),
    option('listen-port', listenPort),
    option('fwmark', fwmark),
    ...peers.map(wgSetPeer),
  );
}

function wgSetPeer(peer: WgPeerConfig): string {
  if (peer.remove) return words('peer', String(peer.publicKey), 'remove');
  return words(
    'peer',
    String(peer.publicKey),
    option('preshared-key', peer.presharedKey),
    option('endpoint', peer.endpoint && formatSocketAddress(peer.endpoint)),
    option('persistent-keepalive', peer.keepalive),
    option('allowed-ips', peer.allowedIPs?.map(formatPrefix).join(',')),
  );
}

function option(name: string, value: unknown): string | undefined {
  return value === undefined ? undefined : `${name} ${value}`;
}

function words(...parts: (string | undefined)[]): string {
  return parts.filter(part => part !== undefined).join(' ');
}

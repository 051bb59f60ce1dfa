// What a request would be on the command line, for the log at -v: ip(8) and wg(8) as people know them. Nothing is
// ever run from these; secrets show as "(secret)".

import { formatPrefix } from '../ip.js';
import type { LinkChange, LinkConfig } from './link.js';
import { formatSocketAddress, type WgDeviceConfig, type WgPeerConfig } from './wireguard.js';

/** Is told each change before it is made; absent, nothing is put into words. */
export type Trace = (command: string) => void;

export function ipLinkAdd({ name, kind, mtu, group }: LinkConfig): string {
  return words('ip link add', name, option('mtu', mtu), option('group', group), 'type', kind);
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

// Requests to WireGuard as the wg(8) command that would do the same, for the log at -v; secrets show as "(secret)".

import { formatPrefix } from '../../base/ip.js';
import { option, words } from '../trace.js';
import { formatSocketAddress, type WgDeviceConfig, type WgPeerConfig } from './device.js';

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

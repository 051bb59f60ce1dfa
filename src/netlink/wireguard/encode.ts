// WireGuard configurations to the payloads of the kernel's messages. Pure. Not here: reading (decode.ts).

import type { Prefix } from '../../base/ip.js';
import { attr, attrString, attrU8, attrU16, attrU32, NLA_MAX_VALUE, nest } from '../attributes.js';
import { addressFamily } from '../route/address.js';
import {
  type SocketAddress,
  WGALLOWEDIP_A_CIDR_MASK,
  WGALLOWEDIP_A_FAMILY,
  WGALLOWEDIP_A_IPADDR,
  WGDEVICE_A_FLAGS,
  WGDEVICE_A_FWMARK,
  WGDEVICE_A_IFNAME,
  WGDEVICE_A_LISTEN_PORT,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  WGDEVICE_F_REPLACE_PEERS,
  WGPEER_A_ALLOWEDIPS,
  WGPEER_A_ENDPOINT,
  WGPEER_A_FLAGS,
  WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
  WGPEER_A_PRESHARED_KEY,
  WGPEER_A_PUBLIC_KEY,
  WGPEER_F_REMOVE_ME,
  WGPEER_F_REPLACE_ALLOWEDIPS,
  WGPEER_F_UPDATE_ONLY,
  type WgDeviceConfig,
  type WgPeerConfig,
} from './device.js';

/** The bytes of peers that one SET carries at the most; the rest of a 64 KiB attribute is left as margin. */
const PEERS_PER_SET = NLA_MAX_VALUE - 1024;

/** The payload of a WG_CMD_GET_DEVICE dump. */
export function encodeGetDevice(name: string): Buffer {
  return attrString(WGDEVICE_A_IFNAME, name);
}

/**
 * The payloads of the WG_CMD_SET_DEVICE requests that bring a device to a configuration: one, or several where
 * the peers do not fit one attribute. A peer with more allowed IPs than fit is split as well.
 */
export function encodeSetDevice(name: string, config: WgDeviceConfig): Buffer[] {
  const chunks = packPeers(config.peers ?? []);
  const first = chunks.shift();
  const head = [
    attrString(WGDEVICE_A_IFNAME, name),
    ...(config.privateKey ? [attr(WGDEVICE_A_PRIVATE_KEY, config.privateKey.reveal())] : []),
    ...(config.listenPort === undefined ? [] : [attrU16(WGDEVICE_A_LISTEN_PORT, config.listenPort)]),
    ...(config.fwmark === undefined ? [] : [attrU32(WGDEVICE_A_FWMARK, config.fwmark)]),
    ...(config.replacePeers ? [attrU32(WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS)] : []),
    ...(first ? [nest(WGDEVICE_A_PEERS, ...first)] : []),
  ];
  const rest = chunks.map(peers =>
    Buffer.concat([attrString(WGDEVICE_A_IFNAME, name), nest(WGDEVICE_A_PEERS, ...peers)]),
  );
  return [Buffer.concat(head), ...rest];
}

/** Peers as attributes, in runs that fit one WGDEVICE_A_PEERS each. */
function packPeers(peers: readonly WgPeerConfig[]): Buffer[][] {
  const chunks: Buffer[][] = [];
  let room = 0;
  for (const encoded of peers.flatMap(encodePeer)) {
    if (encoded.length > room) {
      chunks.push([]);
      room = PEERS_PER_SET;
    }
    chunks.at(-1)!.push(encoded);
    room -= encoded.length;
  }
  return chunks;
}

/** One peer as one attribute, or as several of the same public key where its allowed IPs do not fit one. */
function encodePeer(peer: WgPeerConfig): Buffer[] {
  const key = attr(WGPEER_A_PUBLIC_KEY, peer.publicKey.bytes);
  if (peer.remove) return [nest(0, key, attrU32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME))];
  const flags =
    (peer.replaceAllowedIPs ? WGPEER_F_REPLACE_ALLOWEDIPS : 0) | (peer.updateOnly ? WGPEER_F_UPDATE_ONLY : 0);
  const head = [
    key,
    ...(flags ? [attrU32(WGPEER_A_FLAGS, flags)] : []),
    ...(peer.presharedKey ? [attr(WGPEER_A_PRESHARED_KEY, peer.presharedKey.reveal())] : []),
    ...(peer.endpoint ? [attr(WGPEER_A_ENDPOINT, encodeSockaddr(peer.endpoint))] : []),
    ...(peer.keepalive === undefined
      ? []
      : [attrU16(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer.keepalive)]),
  ];
  const chunks = packAllowedIPs(peer.allowedIPs ?? []);
  const first = chunks.shift();
  return [
    nest(0, ...head, ...(first ? [nest(WGPEER_A_ALLOWEDIPS, ...first)] : [])),
    ...chunks.map(ips => nest(0, key, nest(WGPEER_A_ALLOWEDIPS, ...ips))),
  ];
}

function packAllowedIPs(prefixes: readonly Prefix[]): Buffer[][] {
  const perPeer = PEERS_PER_SET - 512;
  const chunks: Buffer[][] = [];
  let room = 0;
  for (const prefix of prefixes) {
    const encoded = encodeAllowedIP(prefix);
    if (encoded.length > room) {
      chunks.push([]);
      room = perPeer;
    }
    chunks.at(-1)!.push(encoded);
    room -= encoded.length;
  }
  return chunks;
}

function encodeAllowedIP({ address, length }: Prefix): Buffer {
  return nest(
    0,
    attrU16(WGALLOWEDIP_A_FAMILY, addressFamily(address)),
    attr(WGALLOWEDIP_A_IPADDR, address.bytes),
    attrU8(WGALLOWEDIP_A_CIDR_MASK, length),
  );
}

/** struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes); the port in network byte order. */
function encodeSockaddr({ address, port }: SocketAddress): Buffer {
  const out = Buffer.alloc(address.family === 4 ? 16 : 28);
  out.writeUInt16LE(addressFamily(address), 0);
  out.writeUInt16BE(port, 2);
  address.bytes.copy(out, address.family === 4 ? 4 : 8);
  return out;
}

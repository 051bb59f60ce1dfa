// Links: struct ifinfomsg of <linux/rtnetlink.h> and the IFLA_* attributes of <linux/if_link.h>, as ip-link(8)
// speaks of them. Pure: requests to bytes, bytes to links. Not here: sockets, WireGuard's own configuration.

import { DecodeError } from '../../base/errors.js';
import { attr, attrMap, attrString, attrU32, nest, readString, readU32, untilZero } from '../attributes.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from '../message.js';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;

/** RTNLGRP_LINK: the multicast group of link events. */
export const RTNLGRP_LINK = 1;

const IFLA_ADDRESS = 1;
export const IFLA_IFNAME = 3;
export const IFLA_MTU = 4;
export const IFLA_LINKINFO = 18;
const IFLA_MASTER = 10;
const IFLA_GROUP = 27;
export const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
/** VETH_INFO_PEER of <linux/veth.h>. */
const VETH_INFO_PEER = 1;
/** `struct br_boolopt_multi` of <linux/if_bridge.h>: values of options, and which are meant. */
const IFLA_BR_MULTI_BOOLOPT = 46;
const BR_BOOLOPT_NO_LL_LEARN = 0x1;
/** ARPHRD_ETHER of <net/if_arp.h>. */
const ARPHRD_ETHER = 1;

/** IFF_UP of <net/if.h>. */
export const IFF_UP = 0x1;

/** IFF_POINTOPOINT and IFF_NOARP of <net/if.h>: the kernel sends by destination alone, and asks for no next hop. */
const [IFF_POINTOPOINT, IFF_NOARP] = [0x10, 0x80] as const;

/** IFNAMSIZ less the terminating zero: the longest name in bytes. */
export const IFNAME_MAX = 15;

const AF_UNSPEC = 0;
const IFINFOMSG_LEN = 16;

/** A link as the kernel shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `wireguard`, `veth`, …; absent for hardware and for `lo`. */
  readonly kind?: string;
  /** Of a link of Ethernet's kind: `02:42:0a:00:00:01`. */
  readonly mac?: string;
  readonly up: boolean;
  /** Whether the kernel ignores the gateways of routes there, and why. */
  readonly ignoresNextHop?: 'POINTOPOINT' | 'NOARP';
  /** In bytes. */
  readonly mtu: number;
  /** `ip link set … group`; 0 is the default group. */
  readonly group: number;
  /** The index of the link of which it is a port. */
  readonly master?: number;
}

/** A link to be made. */
export interface LinkConfig {
  readonly name: string;
  readonly kind: string;
  /** In bytes; absent: the kind's own default. */
  readonly mtu?: number;
  /** Absent: the default group. */
  readonly group?: number;
  /**
   * A file descriptor of the network namespace to make it in; absent: that of the socket. What a link keeps of the
   * namespace it was asked for in, such as WireGuard its UDP socket, stays with the asker's.
   */
  readonly netnsFd?: number;
  /** `02:42:0a:00:00:01`; absent: the kernel takes one. */
  readonly mac?: string;
  /** The other end, of kind `veth`. */
  readonly peer?: Omit<LinkConfig, 'kind' | 'peer'>;
}

/** A change to a link; absent fields stay as they are. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  /** A file descriptor of the network namespace to move it to. */
  readonly netnsFd?: number;
  /** The index of the bridge of which it becomes a port. */
  readonly master?: number;
}

/**
 * Whether a text may be a link's name, and so part of a path or a key: 1–15 bytes that the kernel takes
 * (dev_valid_name: no `/`, `:` or space, not `.` or `..`), and no control character, which it would take.
 */
export function isLinkName(text: string): boolean {
  const bytes = Buffer.byteLength(text);
  return bytes >= 1 && bytes <= IFNAME_MAX && text !== '.' && text !== '..' && !/[/:\s\p{Cc}]/u.test(text);
}

/**
 * `ip link add NAME [mtu MTU] [group GROUP] [netns FD] [address MAC] type KIND [peer …]`. A bridge does not learn from frames
 * for link-local groups (no_linklocal_learn), which its filter does not see.
 */
export function newLinkRequest(link: LinkConfig): Request {
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      newLink(link),
      // ip(8) writes this nest without NLA_F_NESTED and the kind without its zero; the kernel takes both.
      nest(IFLA_LINKINFO, attr(IFLA_INFO_KIND, Buffer.from(link.kind)), ...kindData(link)),
    ]),
  };
}

/** What any link has. */
function newLink({ name, mtu, group, netnsFd, mac }: Omit<LinkConfig, 'kind' | 'peer'>): Buffer {
  return Buffer.concat([
    ifinfomsg({}),
    attrString(IFLA_IFNAME, name),
    ...(mtu === undefined ? [] : [attrU32(IFLA_MTU, mtu)]),
    ...(group === undefined ? [] : [attrU32(IFLA_GROUP, group)]),
    ...(netnsFd === undefined ? [] : [attrU32(IFLA_NET_NS_FD, netnsFd)]),
    ...(mac === undefined ? [] : [attr(IFLA_ADDRESS, parseMac(mac))]),
  ]);
}

function kindData({ kind, peer }: LinkConfig): Buffer[] {
  if (peer) return [nest(IFLA_INFO_DATA, attr(VETH_INFO_PEER, newLink(peer)))];
  if (kind !== 'bridge') return [];
  const options = Buffer.alloc(8);
  options.writeUInt32LE(BR_BOOLOPT_NO_LL_LEARN, 0);
  options.writeUInt32LE(BR_BOOLOPT_NO_LL_LEARN, 4);
  return [nest(IFLA_INFO_DATA, attr(IFLA_BR_MULTI_BOOLOPT, options))];
}

/** `ip link set dev NAME [up|down] [mtu MTU] [netns FD] [master INDEX]`. */
export function setLinkRequest(name: string, change: LinkChange): Request {
  const state = change.up === undefined ? {} : { flags: change.up ? IFF_UP : 0, change: IFF_UP };
  return {
    type: RTM_SETLINK,
    flags: 0,
    payload: Buffer.concat([
      ifinfomsg(state),
      attrString(IFLA_IFNAME, name),
      ...(change.mtu === undefined ? [] : [attrU32(IFLA_MTU, change.mtu)]),
      ...(change.netnsFd === undefined ? [] : [attrU32(IFLA_NET_NS_FD, change.netnsFd)]),
      ...(change.master === undefined ? [] : [attrU32(IFLA_MASTER, change.master)]),
    ]),
  };
}

/** `ip link set … name`: of the link with that index, which has to be down before Linux 6.2. @param name the new one */
export function renameLinkRequest(index: number, name: string): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    payload: Buffer.concat([ifinfomsg({ index }), attrString(IFLA_IFNAME, name)]),
  };
}

/** `ip link del`: the one of a name or an index. */
export function deleteLinkRequest(which: string | number): Request {
  const payload =
    typeof which === 'number'
      ? ifinfomsg({ index: which })
      : Buffer.concat([ifinfomsg({}), attrString(IFLA_IFNAME, which)]);
  return { type: RTM_DELLINK, flags: 0, payload };
}

/** `ip link show`: all of them, or the one of a name or an index. */
export function getLinkRequest(which?: string | number): Request {
  if (which === undefined) return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload: ifinfomsg({}) };
  if (typeof which === 'number') return { type: RTM_GETLINK, flags: 0, payload: ifinfomsg({ index: which }) };
  const payload = Buffer.concat([ifinfomsg({}), attrString(IFLA_IFNAME, which)]);
  return { type: RTM_GETLINK, flags: 0, payload };
}

/** dev_valid_name(): whether the kernel can have a link of that name; 0xa0 is a space to its isspace(), too. */
function isKernelLinkName(name: Buffer): boolean {
  const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0xa0 || (byte >= 0x09 && byte <= 0x0d);
  return (
    name.length >= 1 &&
    name.length <= IFNAME_MAX &&
    !['.', '..'].includes(name.toString('latin1')) &&
    !name.some(byte => byte === 0x2f || byte === 0x3a || isSpace(byte))
  );
}

/**
 * Reads the payload of an RTM_NEWLINK or RTM_DELLINK. The name is one that the kernel can have; before it becomes part
 * of a path it has to be isLinkName(), too.
 * @throws DecodeError when it is short, or has no name or an impossible one
 */
export function decodeLink(payload: Buffer): Link {
  if (payload.length < IFINFOMSG_LEN) throw new DecodeError(`an ifinfomsg of ${payload.length} bytes`);
  const attrs = attrMap(payload.subarray(IFINFOMSG_LEN));
  const name = attrs.get(IFLA_IFNAME);
  if (!name) throw new DecodeError('a link without IFLA_IFNAME');
  if (!isKernelLinkName(untilZero(name)))
    throw new DecodeError('a link whose name the kernel does not allow');
  const mac = attrs.get(IFLA_ADDRESS);
  const mtu = attrs.get(IFLA_MTU);
  const group = attrs.get(IFLA_GROUP);
  const master = attrs.get(IFLA_MASTER);
  const info = attrs.get(IFLA_LINKINFO);
  const kind = info && attrMap(info).get(IFLA_INFO_KIND);
  const flags = payload.readUInt32LE(8);
  return {
    index: payload.readInt32LE(4),
    name: readString(name),
    ...(kind && { kind: readString(kind) }),
    ...(mac && payload.readUInt16LE(2) === ARPHRD_ETHER && { mac: formatMac(mac) }),
    up: (flags & IFF_UP) !== 0,
    ...((flags & IFF_POINTOPOINT) !== 0
      ? { ignoresNextHop: 'POINTOPOINT' as const }
      : (flags & IFF_NOARP) !== 0 && { ignoresNextHop: 'NOARP' as const }),
    mtu: mtu ? readU32(mtu) : 0,
    group: group ? readU32(group) : 0,
    ...(master && { master: readU32(master) }),
  };
}

/** `02:42:0a:00:00:01`. */
export function formatMac(bytes: Buffer): string {
  return bytes.toString('hex').replace(/..(?=.)/g, '$&:');
}

/** The bytes of `02:42:0a:00:00:01`. */
export function parseMac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

/** struct ifinfomsg: family, padding, type (16 bits), index, flags, and which flags to change. */
function ifinfomsg(fields: { index?: number; flags?: number; change?: number }): Buffer {
  const out = Buffer.alloc(IFINFOMSG_LEN);
  out.writeUInt8(AF_UNSPEC, 0);
  out.writeInt32LE(fields.index ?? 0, 4);
  out.writeUInt32LE(fields.flags ?? 0, 8);
  out.writeUInt32LE(fields.change ?? 0, 12);
  return out;
}

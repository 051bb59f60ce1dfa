// Routes: struct rtmsg and the RTA_* attributes of <linux/rtnetlink.h>, as ip-route(8) speaks of them.
// Not here: sockets, which route goes before which.

import { DecodeError } from '../../base/errors.js';
import { type Address, type Family, fromBytes, hostPrefix, type Prefix } from '../../base/ip.js';
import { align, attr, attrMap, attrU32, readU32 } from '../attributes.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, type Request } from '../message.js';
import { AF_INET, AF_INET6, addressFamily } from './address.js';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTAX_MTU = 2;

export const RT_TABLE_UNSPEC = 0;
export const RT_TABLE_MAIN = 254;
/** The kernel's own: addresses of the namespace itself. */
export const RT_TABLE_LOCAL = 255;
const RTN_UNSPEC = 0;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_UNREACHABLE = 7;
const RTPROT_UNSPEC = 0;
/** `proto kernel`: what comes with an address. */
export const RTPROT_KERNEL = 2;
/** `proto boot` of ip-route(8): what iproute2 itself gives a route. */
const RTPROT_BOOT = 3;

const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;
const RT_SCOPE_NOWHERE = 255;
const RTMSG_LEN = 12;
const RTNEXTHOP_LEN = 8;
const RTVIA_FAMILY_LEN = 2;
/** The gateway need not be within a network of the link's addresses. */
const RTNH_F_ONLINK = 4;

/** What happens to a route of the same prefix and metric: NLM_F_EXCL, NLM_F_REPLACE or prepended. */
export type RoutePlacement = 'exclusive' | 'replace' | 'prepend';

/** A route. Absent `gateway`: on-link. Absent `index`: the kernel finds the link by the gateway. */
export interface Route {
  readonly destination: Prefix;
  readonly gateway?: Address;
  /** Those of a route with several next hops, or the one that is of the other family. */
  readonly gateways?: readonly Address[];
  readonly index?: number;
  /** RTN_*; a route without it is RTN_UNICAST. */
  readonly type: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  /** RTA_PRIORITY; 0 is the kernel's own default (IPv6: 1024). */
  readonly metric: number;
  /** RT_TABLE_*. */
  readonly table: number;
  /** rtm_tos: of which packets it is for, by their TOS; absent: all. */
  readonly tos?: number;
  /** Of which packets it is for, by their source address; IPv6 alone has that. */
  readonly source?: Prefix;
  /** Whether the gateway is a neighbour on the link whatever routes say; not read. */
  readonly isOnLink?: true;
  /** The route's own MTU in bytes, where it has one. */
  readonly mtu?: number;
}

/** What a route needs; everything else has ip-route(8)'s default. */
export type RouteConfig = Pick<Route, 'destination'> &
  Partial<Omit<Route, 'destination' | 'gateways' | 'mtu'>>;

/** `ip route add|replace|prepend DESTINATION [via GATEWAY] [dev INDEX] [metric N] [proto N]`. */
export function newRouteRequest(route: RouteConfig, placement: RoutePlacement = 'exclusive'): Request {
  const flags = { exclusive: NLM_F_EXCL, replace: NLM_F_REPLACE, prepend: 0 }[placement];
  const { type = RTN_UNICAST, protocol = RTPROT_BOOT } = route;
  const payload = rtmsg(route, type, protocol, scopeOf(route, type));
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | flags, payload };
}

/** `ip route del …`: the first route that matches all given fields. */
export function deleteRouteRequest(route: RouteConfig): Request {
  const { type = RTN_UNSPEC, protocol = RTPROT_UNSPEC } = route;
  const scope = route.destination.address.family === 4 ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE;
  return { type: RTM_DELROUTE, flags: 0, payload: rtmsg(route, type, protocol, scope) };
}

/**
 * `ip route show table all [proto N]`: every route of both families.
 * @param protocol RTPROT_*; the kernel minds it on a socket with NETLINK_GET_STRICT_CHK only
 */
export function getRoutesRequest(protocol = RTPROT_UNSPEC): Request {
  const payload = Buffer.alloc(RTMSG_LEN);
  payload.writeUInt8(protocol, 5);
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload };
}

/**
 * `ip -4|-6 route show table main`.
 * @param family the kernel minds the table on a socket with NETLINK_GET_STRICT_CHK only
 */
export function getMainRoutesRequest(family: Family): Request {
  const payload = Buffer.alloc(RTMSG_LEN);
  payload.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  payload.writeUInt8(RT_TABLE_MAIN, 4);
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, payload };
}

/** `ip route get ADDRESS`: the route that a packet would take. */
export function getRouteToRequest(address: Address): Request {
  const { length } = hostPrefix(address);
  const header = Buffer.alloc(RTMSG_LEN);
  header.writeUInt8(addressFamily(address), 0);
  header.writeUInt8(length, 1);
  return { type: RTM_GETROUTE, flags: 0, payload: Buffer.concat([header, attr(RTA_DST, address.bytes)]) };
}

/**
 * Reads the kernel's answers.
 * @param protocol only routes that it (RTPROT_*) made
 * @throws DecodeError
 */
export function readRoutes(payloads: readonly Buffer[], protocol?: number): Route[] {
  const routes = payloads.flatMap(payload => decodeRoute(payload) ?? []);
  // Kernels that do not filter give all.
  return protocol === undefined ? routes : routes.filter(route => route.protocol === protocol);
}

/**
 * Reads the payload of an RTM_NEWROUTE. Undefined for families other than IPv4 and IPv6 (MPLS, multicast).
 * @throws DecodeError when it is short or an address has the wrong length
 */
export function decodeRoute(payload: Buffer): Route | undefined {
  if (payload.length < RTMSG_LEN) throw new DecodeError(`an rtmsg of ${payload.length} bytes`);
  const family = payload.readUInt8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const attrs = attrMap(payload.subarray(RTMSG_LEN));
  const destination = attrs.get(RTA_DST) ?? Buffer.alloc(family === AF_INET ? 4 : 16);
  const gateway = attrs.get(RTA_GATEWAY);
  const gateways = [...viaOf(attrs), ...decodeNextHops(attrs.get(RTA_MULTIPATH) ?? Buffer.alloc(0))];
  const oif = attrs.get(RTA_OIF);
  const priority = attrs.get(RTA_PRIORITY);
  const table = attrs.get(RTA_TABLE);
  const [sourceLength, tos] = [payload.readUInt8(2), payload.readUInt8(3)];
  const source = attrs.get(RTA_SRC);
  const mtu = attrMap(attrs.get(RTA_METRICS) ?? Buffer.alloc(0)).get(RTAX_MTU);
  return {
    destination: { address: decodeBytes(destination), length: payload.readUInt8(1) },
    ...(gateway && { gateway: decodeBytes(gateway) }),
    ...(gateways.length > 0 && { gateways }),
    ...(oif && { index: readU32(oif) }),
    type: payload.readUInt8(7),
    protocol: payload.readUInt8(5),
    metric: priority ? readU32(priority) : 0,
    table: table ? readU32(table) : payload.readUInt8(4),
    ...(tos !== 0 && { tos }),
    ...(source && { source: { address: decodeBytes(source), length: sourceLength } }),
    ...(mtu && { mtu: readU32(mtu) }),
  };
}

/** Whether the route is for some of the packets to its destination only. */
export function isSelective({ tos, source }: RouteConfig): boolean {
  return tos !== undefined || source !== undefined;
}

/** struct rtnexthop, each with attributes of its own. */
function decodeNextHops(bytes: Buffer): Address[] {
  const found: Address[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const left = bytes.length - offset;
    const length = left >= RTNEXTHOP_LEN ? bytes.readUInt16LE(offset) : 0;
    if (length < RTNEXTHOP_LEN || length > left) {
      throw new DecodeError(`a next hop of length ${length} with ${left} bytes left`);
    }
    const attrs = attrMap(bytes.subarray(offset + RTNEXTHOP_LEN, offset + length));
    const gateway = attrs.get(RTA_GATEWAY);
    found.push(...(gateway ? [decodeBytes(gateway)] : []), ...viaOf(attrs));
    offset += align(length);
  }
  return found;
}

/** struct rtvia: the family and the address. */
function viaOf(attrs: ReadonlyMap<number, Buffer>): Address[] {
  const via = attrs.get(RTA_VIA);
  return via ? [decodeBytes(via.subarray(RTVIA_FAMILY_LEN))] : [];
}

function decodeBytes(bytes: Buffer): Address {
  if (bytes.length !== 4 && bytes.length !== 16) throw new DecodeError(`an address of ${bytes.length} bytes`);
  return fromBytes(bytes);
}

/** How far the destination is, as ip-route(8) guesses it; IPv6 has no scopes. */
function scopeOf({ destination, gateway }: RouteConfig, type: number): number {
  if (destination.address.family === 6) return RT_SCOPE_UNIVERSE;
  if (type === RTN_LOCAL) return RT_SCOPE_HOST;
  return type === RTN_UNICAST && !gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

/** struct rtmsg: family, prefix lengths, tos, table, protocol, scope, type, flags; then the attributes. */
function rtmsg(route: RouteConfig, type: number, protocol: number, scope: number): Buffer {
  const { address, length } = route.destination;
  const { table = RT_TABLE_MAIN, source, tos = 0 } = route;
  const header = Buffer.alloc(RTMSG_LEN);
  header.writeUInt8(addressFamily(address), 0);
  header.writeUInt8(length, 1);
  header.writeUInt8(source?.length ?? 0, 2);
  header.writeUInt8(tos, 3);
  header.writeUInt8(table < 256 ? table : RT_TABLE_UNSPEC, 4);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(scope, 6);
  header.writeUInt8(type, 7);
  header.writeUInt32LE(route.isOnLink ? RTNH_F_ONLINK : 0, 8);
  return Buffer.concat([
    header,
    ...(length > 0 ? [attr(RTA_DST, address.bytes)] : []),
    ...(source ? [attr(RTA_SRC, source.address.bytes)] : []),
    ...(route.gateway ? [attr(RTA_GATEWAY, route.gateway.bytes)] : []),
    ...(route.index === undefined ? [] : [attrU32(RTA_OIF, route.index)]),
    ...(route.metric ? [attrU32(RTA_PRIORITY, route.metric)] : []),
    ...(table < 256 ? [] : [attrU32(RTA_TABLE, table)]),
  ]);
}

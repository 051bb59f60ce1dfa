// The kernel's answer to which way a packet takes: RTM_GETROUTE with what policy rules ask for. Pure. Not here: routes that are
// listed (route.ts), sockets.

import { type Address, fromBytes, hostPrefix } from '../../base/ip.js';
import { attr, attrMap, attrU8, attrU32 } from '../attributes.js';
import type { Request } from '../message.js';
import { addressFamily } from './address.js';
import { decodeRoute, type Route, RTM_GETROUTE } from './route.js';

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_IIF = 3;
const RTA_PREFSRC = 7;
const RTA_MARK = 16;
const RTA_IP_PROTO = 27;
const RTA_DPORT = 29;
const RTMSG_LEN = 12;
/** Say the table; say the route itself instead of what became of it. IPv6 has the second alone, and always says the table. */
const [RTM_F_LOOKUP_TABLE, RTM_F_FIB_MATCH] = [0x1000, 0x2000] as const;

/** A packet, as far as its way depends on it. */
export interface RouteQuery {
  readonly to: Address;
  readonly from?: Address;
  /** Of the link that it arrives by; absent: it is of the namespace's own. */
  readonly iif?: number;
  readonly mark: number;
  /** IPPROTO_*: TCP, UDP or ICMP. */
  readonly protocol: number;
  readonly port?: number;
}

/** `ip [-6] route get [fibmatch] TO [from FROM] [iif IIF] [mark MARK] ipproto PROTOCOL [dport PORT]`. */
export function routeLookupRequest(query: RouteQuery, isFibMatch: boolean): Request {
  const { to, from, iif, mark, protocol, port } = query;
  const header = Buffer.alloc(RTMSG_LEN);
  header.writeUInt8(addressFamily(to), 0);
  header.writeUInt8(hostPrefix(to).length, 1);
  header.writeUInt8(from ? hostPrefix(from).length : 0, 2);
  header.writeUInt32LE((to.family === 4 ? RTM_F_LOOKUP_TABLE : 0) | (isFibMatch ? RTM_F_FIB_MATCH : 0), 8);
  const destinationPort = Buffer.alloc(2);
  destinationPort.writeUInt16BE(port ?? 0);
  return {
    type: RTM_GETROUTE,
    flags: 0,
    payload: Buffer.concat([
      header,
      attr(RTA_DST, to.bytes),
      ...(from ? [attr(RTA_SRC, from.bytes)] : []),
      ...(iif === undefined ? [] : [attrU32(RTA_IIF, iif)]),
      ...(mark === 0 ? [] : [attrU32(RTA_MARK, mark)]),
      attrU8(RTA_IP_PROTO, protocol),
      ...(port === undefined ? [] : [attr(RTA_DPORT, destinationPort)]),
    ]),
  };
}

/** A way that was found. */
export interface FoundRoute extends Route {
  /** The source address that a packet of the namespace's own gets. */
  readonly preferred?: Address;
}

/** @throws DecodeError */
export function decodeFoundRoute(payload: Buffer): FoundRoute | undefined {
  const route = decodeRoute(payload);
  const bytes = route && attrMap(payload.subarray(RTMSG_LEN)).get(RTA_PREFSRC);
  const preferred = bytes && (bytes.length === 4 || bytes.length === 16) ? fromBytes(bytes) : undefined;
  return route && { ...route, ...(preferred && { preferred }) };
}

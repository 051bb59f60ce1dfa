// An event of some namespace: the header of its message, and the number by which its namespace is known to whoever hears it.
// Pure: bytes to events, requests to bytes. Not here: the sockets that hear them (namespace-events.ts), what an event means.

import { DecodeError } from '../base/errors.js';
import { attrMap, attrU32, sized } from './attributes.js';
import type { Request } from './message.js';

const NLMSG_HDRLEN = 16;
/** struct cmsghdr: its length in eight bytes, level, type. */
const CMSG_HDRLEN = 16;
const SOL_NETLINK = 270;
/** Set as an option of a socket, and the type of what it then comes with. */
export const NETLINK_LISTEN_ALL_NSID = 8;

const RTM_NEWNSID = 88;
const RTM_GETNSID = 90;
/** NETNSA_NSID_NOT_ASSIGNED. */
const NOT_ASSIGNED = -1;
const NETNSA_NSID = 1;
const NETNSA_FD = 3;
/** struct rtgenmsg, padded. */
const RTGENMSG = Buffer.alloc(4);

export interface NamespaceEvent {
  /** Of its namespace; absent for the hearer's own. */
  readonly nsid?: number;
  /** Of its message. */
  readonly type: number;
  /** The port of whoever caused it, as that one may have chosen it; 0 is the kernel. */
  readonly port: number;
  /** What was read of it behind its header: a view that the next reading overwrites. */
  readonly payload: Buffer;
}

/**
 * @param data the beginning of a datagram @param control its ancillary data
 * @throws DecodeError when either is shorter than it says
 */
export function decodeEvent(data: Buffer, control: Buffer): NamespaceEvent {
  if (data.length < NLMSG_HDRLEN) throw new DecodeError(`an event of ${data.length} bytes`);
  const nsid = readNsid(control);
  return {
    type: data.readUInt16LE(4),
    port: data.readUInt32LE(12),
    payload: data.subarray(NLMSG_HDRLEN),
    ...(nsid !== undefined && { nsid }),
  };
}

function readNsid(control: Buffer): number | undefined {
  for (let at = 0; at + CMSG_HDRLEN <= control.length; ) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < CMSG_HDRLEN || at + length > control.length)
      throw new DecodeError(`ancillary data of length ${length} with ${control.length - at} bytes left`);
    const isNsid =
      control.readInt32LE(at + 8) === SOL_NETLINK && control.readInt32LE(at + 12) === NETLINK_LISTEN_ALL_NSID;
    if (isNsid && length >= CMSG_HDRLEN + 4) return control.readInt32LE(at + CMSG_HDRLEN);
    // CMSG_ALIGN: to eight bytes.
    at += (length + 7) & ~7;
  }
  return undefined;
}

/** `ip netns set NETNS NSID`: gives a namespace a number in that of the socket. @param fd of the namespace */
export function newNsidRequest(nsid: number, fd: number): Request {
  const payload = Buffer.concat([RTGENMSG, attrU32(NETNSA_NSID, nsid), attrU32(NETNSA_FD, fd)]);
  return { type: RTM_NEWNSID, flags: 0, payload };
}

/** `ip netns list-id target-nsid`: asks for the number that a namespace has in that of the socket. @param fd of the namespace */
export function getNsidRequest(fd: number): Request {
  return { type: RTM_GETNSID, flags: 0, payload: Buffer.concat([RTGENMSG, attrU32(NETNSA_FD, fd)]) };
}

/** The number in an answer to it; undefined where it has none. @throws DecodeError */
export function decodeNsid(payload: Buffer): number | undefined {
  const value = attrMap(payload.subarray(RTGENMSG.length)).get(NETNSA_NSID);
  const nsid = value ? sized(value, 4).readInt32LE(0) : NOT_ASSIGNED;
  return nsid === NOT_ASSIGNED ? undefined : nsid;
}

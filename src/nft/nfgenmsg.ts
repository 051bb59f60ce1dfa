// struct nfgenmsg of <linux/netfilter/nfnetlink.h>, with which every message of nfnetlink begins, and the numbers of
// families there. Not here: what follows it.

import { DecodeError } from '../base/errors.js';

const NFGENMSG_LEN = 4;
/** `NFPROTO_*` of <linux/netfilter.h>. */
export const NFPROTO_UNSPEC = 0;
export const NFPROTO_INET = 1;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_BRIDGE = 7;
export const NFPROTO_IPV6 = 10;

/** Family, version, resource (zero in a request). */
export function nfgenmsg(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}

/** The type of a message: the subsystem (NFNL_SUBSYS_*) and its own number. */
export function nfnlType(subsystem: number, message: number): number {
  return (subsystem << 8) | message;
}

/** Where the attributes of a message begin. @throws DecodeError when it is shorter than its header */
export function nfAttributesAt(payload: Buffer): number {
  if (payload.length < NFGENMSG_LEN) throw new DecodeError(`an nfgenmsg of ${payload.length} bytes`);
  return NFGENMSG_LEN;
}

/** The attributes of a message. @throws DecodeError when it is shorter than its header */
export function nfAttributes(payload: Buffer): Buffer {
  return payload.subarray(nfAttributesAt(payload));
}

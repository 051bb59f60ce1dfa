// Settings of interfaces as rtnetlink tells them: struct netconfmsg and the NETCONFA_* attributes of <linux/netconf.h>, as
// `ip netconf` speaks of them. Pure. Not here: changing one, for which there is no message (labels/sysctls/sysctl-files.ts).

import { DecodeError } from '../../base/errors.js';
import type { Family } from '../../base/ip.js';
import { align, attr, attrMap, sized } from '../attributes.js';
import type { Request } from '../message.js';
import { AF_INET, AF_INET6 } from './address.js';

/** Of a setting that has changed as well. */
export const RTM_NEWNETCONF = 80;
const RTM_GETNETCONF = 82;
const NETCONFA_IFINDEX = 1;
export const NETCONFA_FORWARDING = 2;
/** Of `net.ipv4.conf.all`, and of IPv6 the same: -1 as an unsigned number. */
export const NETCONFA_IFINDEX_ALL = 0xffff_ffff;
const NETCONFMSG_LEN = align(1);

/** `ip -4|-6 netconf show dev all`. */
export function getNetconfRequest(family: Family): Request {
  const header = Buffer.alloc(NETCONFMSG_LEN);
  header.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0);
  const index = Buffer.alloc(4);
  index.writeUInt32LE(NETCONFA_IFINDEX_ALL);
  return { type: RTM_GETNETCONF, flags: 0, payload: Buffer.concat([header, attr(NETCONFA_IFINDEX, index)]) };
}

/**
 * Reads the payload of an RTM_NEWNETCONF: the value of `forwarding`; undefined where it does not say.
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function decodeForwarding(payload: Buffer): number | undefined {
  if (payload.length < NETCONFMSG_LEN) throw new DecodeError(`a netconfmsg of ${payload.length} bytes`);
  const value = attrMap(payload.subarray(NETCONFMSG_LEN)).get(NETCONFA_FORWARDING);
  return value && sized(value, 4).readInt32LE(0);
}

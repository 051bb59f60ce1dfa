// Addresses of links: struct ifaddrmsg and the IFA_* attributes of <linux/if_addr.h>, as ip-address(8) speaks
// of them. Not here: sockets, the parsing of addresses as text.

import { DecodeError } from '../../base/errors.js';
import { type Address, fromBytes, type Prefix } from '../../base/ip.js';
import { attr, attrMap } from '../attributes.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, type Request } from '../message.js';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFADDRMSG_LEN = 8;
/** IFA_F_NODAD of <linux/if_addr.h>: no duplicate address detection. */
const IFA_F_NODAD = 0x02;

export const AF_INET = 2;
export const AF_INET6 = 10;

/** AF_INET or AF_INET6. */
export function addressFamily(address: Address): number {
  return address.family === 4 ? AF_INET : AF_INET6;
}

/** An address that a link holds. */
export interface LinkAddress {
  readonly index: number;
  readonly prefix: Prefix;
}

/** `ip address add PREFIX dev INDEX`, IPv6 with nodad. */
export function newAddressRequest({ index, prefix }: LinkAddress): Request {
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, payload: ifaddrmsg(index, prefix) };
}

/** `ip address del PREFIX dev INDEX`. */
export function deleteAddressRequest({ index, prefix }: LinkAddress): Request {
  return { type: RTM_DELADDR, flags: 0, payload: ifaddrmsg(index, prefix) };
}

/** `ip address show`: every address of every link. */
export function getAddressesRequest(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload: Buffer.alloc(IFADDRMSG_LEN) };
}

/**
 * Reads the payload of an RTM_NEWADDR; on a point-to-point link it is the local end.
 * @throws DecodeError when it is short or has no address
 */
export function decodeAddress(payload: Buffer): LinkAddress {
  if (payload.length < IFADDRMSG_LEN) throw new DecodeError(`an ifaddrmsg of ${payload.length} bytes`);
  const attrs = attrMap(payload.subarray(IFADDRMSG_LEN));
  const bytes = attrs.get(IFA_LOCAL) ?? attrs.get(IFA_ADDRESS);
  if (bytes?.length !== 4 && bytes?.length !== 16) throw new DecodeError('an address without its bytes');
  return {
    index: payload.readUInt32LE(4),
    prefix: { address: fromBytes(bytes), length: payload.readUInt8(1) },
  };
}

/** struct ifaddrmsg (family, prefix length, flags, scope, index) with the address as local and peer. */
function ifaddrmsg(index: number, { address, length }: Prefix): Buffer {
  const header = Buffer.alloc(IFADDRMSG_LEN);
  header.writeUInt8(addressFamily(address), 0);
  header.writeUInt8(length, 1);
  header.writeUInt8(address.family === 6 ? IFA_F_NODAD : 0, 2);
  header.writeUInt32LE(index, 4);
  return Buffer.concat([header, attr(IFA_LOCAL, address.bytes), attr(IFA_ADDRESS, address.bytes)]);
}

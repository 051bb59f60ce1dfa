// Neighbours: struct ndmsg and the NDA_* attributes of <linux/neighbour.h>, as ip-neighbour(8) speaks of them. Pure. Not
// here: sockets, what follows from a state (labels/namespace/gateway-probe.ts).

import { DecodeError } from '../../base/errors.js';
import { type Address, fromBytes } from '../../base/ip.js';
import { attr, attrMap } from '../attributes.js';
import { NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, type Request } from '../message.js';
import { addressFamily } from './address.js';
import { formatMac } from './link.js';

export const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDMSG_LEN = 12;
/** Has the kernel find the neighbour as if there were a packet for it. */
const NTF_USE = 0x01;

export const NUD_INCOMPLETE = 0x01;
export const NUD_REACHABLE = 0x02;
export const NUD_PROBE = 0x10;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;
/** States in which the kernel sends to the link-layer address: of NUD_*, all but INCOMPLETE, FAILED, NOARP and NONE. */
const NUD_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
const MAC_LENGTH = 6;

/** What the kernel knows of an address on a link. */
export interface Neighbour {
  readonly index: number;
  readonly address: Address;
  /** NUD_*; 0 where it has not been asked for yet. */
  readonly state: number;
  /** Its link-layer address, where that is known. */
  readonly lladdr?: Buffer;
}

/** `ip neighbour get ADDRESS dev INDEX`; kernels before 5.0 do not have it. */
export function getNeighbourRequest({ index, address }: Pick<Neighbour, 'index' | 'address'>): Request {
  return { type: RTM_GETNEIGH, flags: 0, payload: ndmsg(index, address, 0, 0) };
}

/** `ip neighbour show`. */
export function getNeighboursRequest(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload: Buffer.alloc(NDMSG_LEN) };
}

/** `ip neighbour replace ADDRESS lladdr LLADDR dev INDEX nud permanent`. */
export function newNeighbourRequest({ index, address, lladdr }: Required<Omit<Neighbour, 'state'>>): Request {
  const payload = Buffer.concat([ndmsg(index, address, NUD_PERMANENT, 0), attr(NDA_LLADDR, lladdr)]);
  return { type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, payload };
}

/** `ip neighbour del ADDRESS dev INDEX`. */
export function deleteNeighbourRequest({ index, address }: Pick<Neighbour, 'index' | 'address'>): Request {
  return { type: RTM_DELNEIGH, flags: 0, payload: ndmsg(index, address, 0, 0) };
}

/**
 * Has the kernel ask whether a neighbour is there: `ip neighbour replace ADDRESS lladdr LLADDR dev INDEX nud probe` of one
 * whose link-layer address is known, which stays in use meanwhile; of another, as if there were a packet for it.
 */
export function probeNeighbourRequest({ index, address, lladdr }: Omit<Neighbour, 'state'>): Request {
  const type = RTM_NEWNEIGH;
  if (!lladdr) return { type, flags: NLM_F_CREATE, payload: ndmsg(index, address, 0, NTF_USE) };
  const payload = Buffer.concat([ndmsg(index, address, NUD_PROBE, 0), attr(NDA_LLADDR, lladdr)]);
  return { type, flags: NLM_F_REPLACE, payload };
}

/**
 * Reads the payload of an RTM_NEWNEIGH. Undefined for one without an address of IPv4 or IPv6.
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  if (payload.length < NDMSG_LEN) throw new DecodeError(`an ndmsg of ${payload.length} bytes`);
  const attrs = attrMap(payload.subarray(NDMSG_LEN));
  const [bytes, lladdr] = [attrs.get(NDA_DST), attrs.get(NDA_LLADDR)];
  if (bytes?.length !== 4 && bytes?.length !== 16) return undefined;
  return {
    index: payload.readInt32LE(4),
    address: fromBytes(bytes),
    state: payload.readUInt16LE(8),
    ...(lladdr && { lladdr: Buffer.from(lladdr) }),
  };
}

/** The link-layer address that the kernel sends to, `02:42:0a:00:00:01`; undefined while it is not known, or of another kind. */
export function macOf({ state, lladdr }: Neighbour): string | undefined {
  return (state & NUD_KNOWN) !== 0 && lladdr?.length === MAC_LENGTH ? formatMac(lladdr) : undefined;
}

/** struct ndmsg: family, padding, index, state, flags, type; then the address. */
function ndmsg(index: number, address: Address, state: number, flags: number): Buffer {
  const header = Buffer.alloc(NDMSG_LEN);
  header.writeUInt8(addressFamily(address), 0);
  header.writeInt32LE(index, 4);
  header.writeUInt16LE(state, 8);
  header.writeUInt8(flags, 10);
  return Buffer.concat([header, attr(NDA_DST, Buffer.from(address.bytes))]);
}

// Neighbours of links: struct ndmsg of <linux/neighbour.h>, as ip-neighbour(8) speaks of them. Pure. Not here: sockets.

import { DecodeError } from '../../base/errors.js';
import { type Address, fromBytes } from '../../base/ip.js';
import { attrMap } from '../attributes.js';
import { NLM_F_DUMP, type Request } from '../message.js';
import { formatMac } from './link.js';

const RTM_GETNEIGH = 30;
const NDMSG_LEN = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
/** States in which the kernel sends to the link-layer address: of NUD_*, all but INCOMPLETE, FAILED, NOARP and NONE. */
const NUD_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;
const MAC_LENGTH = 6;

/** A neighbour whose link-layer address is known: `02:42:0a:00:00:01`. */
export interface Neighbour {
  /** Of the link. */
  readonly index: number;
  readonly address: Address;
  readonly mac: string;
}

/** `ip neighbour show`. */
export function getNeighboursRequest(): Request {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, payload: Buffer.alloc(NDMSG_LEN) };
}

/**
 * Reads the payload of an RTM_NEWNEIGH. Undefined for one that is not known, or of no Ethernet-like link.
 * @throws DecodeError when it is short or its attributes are damaged
 */
export function decodeNeighbour(payload: Buffer): Neighbour | undefined {
  if (payload.length < NDMSG_LEN) throw new DecodeError(`an ndmsg of ${payload.length} bytes`);
  const attrs = attrMap(payload.subarray(NDMSG_LEN));
  const [bytes, mac] = [attrs.get(NDA_DST), attrs.get(NDA_LLADDR)];
  const isKnown = (payload.readUInt16LE(8) & NUD_KNOWN) !== 0;
  if (!isKnown || mac?.length !== MAC_LENGTH || (bytes?.length !== 4 && bytes?.length !== 16))
    return undefined;
  return { index: payload.readInt32LE(4), address: fromBytes(bytes), mac: formatMac(mac) };
}

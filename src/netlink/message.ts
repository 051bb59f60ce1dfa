// Netlink messages: struct nlmsghdr and struct nlmsgerr of <linux/netlink.h>. Not here: sockets, families.

import { DecodeError } from '../base/errors.js';
import { align } from './attributes.js';

export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;

const NLMSG_HDRLEN = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x001;
export const NLM_F_ACK = 0x004;
export const NLM_F_DUMP_INTR = 0x010;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_CREATE = 0x400;

/** A request before its header is written: the type, the flags beyond NLM_F_REQUEST, the payload. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** One message as read; `payload` is a view without padding. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly payload: Buffer;
}

/** The bytes of a request: header with the kernel's port (0 lets the kernel fill it in) and the payload. */
export function encodeRequest(request: Request, seq: number): Buffer {
  const length = NLMSG_HDRLEN + request.payload.length;
  const out = Buffer.alloc(align(length));
  out.writeUInt32LE(length, 0);
  out.writeUInt16LE(request.type, 4);
  out.writeUInt16LE(request.flags | NLM_F_REQUEST, 6);
  out.writeUInt32LE(seq, 8);
  request.payload.copy(out, NLMSG_HDRLEN);
  return out;
}

/**
 * The messages of one datagram.
 * @throws DecodeError when a length leads outside the datagram
 */
export function readMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  let offset = 0;
  while (offset < datagram.length) {
    const left = datagram.length - offset;
    const length = left >= NLMSG_HDRLEN ? datagram.readUInt32LE(offset) : 0;
    if (length < NLMSG_HDRLEN || length > left) {
      throw new DecodeError(`a netlink message of length ${length} with ${left} bytes left`);
    }
    messages.push({
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      seq: datagram.readUInt32LE(offset + 8),
      payload: datagram.subarray(offset + NLMSG_HDRLEN, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

/**
 * The positive errno of an NLMSG_ERROR (0 is an acknowledgement) or of an NLMSG_DONE (where an empty payload
 * means success).
 * @throws DecodeError when the payload is too short or the kernel's value positive
 */
export function readErrno(message: Message): number {
  const { payload } = message;
  if (message.type === NLMSG_DONE && payload.length === 0) return 0;
  if (payload.length < 4) throw new DecodeError(`an NLMSG_ERROR of ${payload.length} bytes`);
  const error = payload.readInt32LE(0);
  if (error > 0) throw new DecodeError(`an NLMSG_ERROR with the positive errno ${error}`);
  return error === 0 ? 0 : -error;
}

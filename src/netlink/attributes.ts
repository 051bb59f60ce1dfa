// Netlink attributes: struct nlattr of <linux/netlink.h>, a length, a type and a value padded to four bytes.
// Integers are in host byte order, which is little-endian on every machine the netlink package is built for;
// fields in network byte order say so where they are encoded. Not here: what any attribute means.

import { DecodeError } from '../base/errors.js';

export const NLA_F_NESTED = 0x8000;
const NLA_F_NET_BYTEORDER = 0x4000;
const NLA_TYPE_MASK = ~(NLA_F_NESTED | NLA_F_NET_BYTEORDER) & 0xffff;
const NLA_HDRLEN = 4;
/** The longest value: nla_len is 16 bits and counts the header. */
export const NLA_MAX_VALUE = 0xffff - NLA_HDRLEN;

/** NLA_ALIGN: the length rounded up to a multiple of four. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * One attribute, padded with zeros.
 * @throws RangeError when the value is longer than 65,531 bytes
 */
export function attr(type: number, value: Buffer): Buffer {
  if (value.length > NLA_MAX_VALUE) {
    throw new RangeError(`a netlink attribute of ${value.length} bytes (at most ${NLA_MAX_VALUE})`);
  }
  const out = Buffer.alloc(NLA_HDRLEN + align(value.length));
  out.writeUInt16LE(NLA_HDRLEN + value.length, 0);
  out.writeUInt16LE(type, 2);
  value.copy(out, NLA_HDRLEN);
  return out;
}

/** An attribute that holds attributes, with NLA_F_NESTED set, as strict families ask. */
export function nest(type: number, ...children: Buffer[]): Buffer {
  return attr(type | NLA_F_NESTED, Buffer.concat(children));
}

export function attrU8(type: number, value: number): Buffer {
  return attr(type, Buffer.from([value]));
}

export function attrU16(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return attr(type, bytes);
}

export function attrU32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return attr(type, bytes);
}

/** A string with its terminating zero (NLA_NUL_STRING). */
export function attrString(type: number, value: string): Buffer {
  return attr(type, Buffer.from(`${value}\0`));
}

/** One attribute as read: the type without its flag bits, and a view of the value without padding. */
export interface Attr {
  readonly type: number;
  readonly value: Buffer;
}

/**
 * The attributes of a buffer, in order; nests of the same type stay apart.
 * @throws DecodeError when a length leads outside the buffer or is shorter than a header
 */
export function readAttrs(buffer: Buffer): Attr[] {
  const attrs: Attr[] = [];
  eachAttr(buffer, 0, buffer.length, (type, start, end) => {
    attrs.push({ type, value: buffer.subarray(start, end) });
  });
  return attrs;
}

/**
 * The same for attributes within a buffer, where they are many: a view of each value costs more than its place.
 * @throws DecodeError as readAttrs does
 */
export function eachAttr(
  buffer: Buffer,
  from: number,
  to: number,
  visit: (type: number, start: number, end: number) => void,
): void {
  let offset = from;
  while (offset < to) {
    const left = to - offset;
    if (left < NLA_HDRLEN) throw new DecodeError(`${left} stray bytes after the last netlink attribute`);
    const length = buffer.readUInt16LE(offset);
    if (length < NLA_HDRLEN || length > left) {
      throw new DecodeError(`a netlink attribute of length ${length} with ${left} bytes left`);
    }
    visit(buffer.readUInt16LE(offset + 2) & NLA_TYPE_MASK, offset + NLA_HDRLEN, offset + length);
    offset += align(length);
  }
}

/** The attributes by type; the last of a type counts, as nla_parse() has it. */
export function attrMap(buffer: Buffer): Map<number, Buffer> {
  return new Map(readAttrs(buffer).map(({ type, value }) => [type, value]));
}

/** @throws DecodeError unless the value has exactly one byte */
export function readU8(value: Buffer): number {
  return sized(value, 1).readUInt8();
}

/** @throws DecodeError unless the value has exactly two bytes */
export function readU16(value: Buffer): number {
  return sized(value, 2).readUInt16LE();
}

/** @throws DecodeError unless the value has exactly four bytes */
export function readU32(value: Buffer): number {
  return sized(value, 4).readUInt32LE();
}

/** @throws DecodeError unless the value has exactly eight bytes */
export function readU64(value: Buffer): bigint {
  return sized(value, 8).readBigUInt64LE();
}

/** A string up to its first zero, or to the end where it has none. */
export function readString(value: Buffer): string {
  return untilZero(value).toString();
}

/** The bytes of a string up to its first zero, or to the end where it has none. */
export function untilZero(value: Buffer): Buffer {
  const end = value.indexOf(0);
  return end < 0 ? value : value.subarray(0, end);
}

/** The value itself. @throws DecodeError unless it has exactly that many bytes */
export function sized(value: Buffer, length: number): Buffer {
  if (value.length !== length) {
    throw new DecodeError(`a netlink value of ${value.length} bytes where ${length} belong`);
  }
  return value;
}

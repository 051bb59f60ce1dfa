// IP addresses and prefixes as values. Strict: what inet_pton(3) refuses is refused here,
// and so are zones (fe80::1%eth0). Not here: sockets, names, ports.

import ipaddr from 'ipaddr.js';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** An IPv4 or IPv6 address; `bytes` is 4 or 16 bytes in network byte order. */
export interface Address {
  readonly family: Family;
  readonly bytes: Buffer;
}

/** A network: an address and the length of its prefix in bits (0–32 or 0–128). Host bits may be set. */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** Of <netinet/in.h>: bytes of the longest address, the NUL at its end counted. */
const INET6_ADDRSTRLEN = 46;

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);
/** What an IPv6 address is written with. */
const IPV6_LETTERS = /^[0-9a-f:.]*:[0-9a-f:.]*$/i;

/** Reads `10.0.0.2` or `fd00::2`. Undefined for anything else: octal parts, short forms, zones, a prefix. */
export function parseAddress(text: string): Address | undefined {
  // Looking for a colon that is followed by nothing else takes the square of the length.
  if (text.length >= INET6_ADDRSTRLEN) return undefined;
  // ipaddr.js finds out by throwing an error, which costs more than all the rest of a call.
  if (IPV4.test(text)) return fromBytes(text.split('.').map(Number));
  // ipaddr.js takes `::10.0.0.1` for `::ffff:10.0.0.1`, which is another address.
  if (text.startsWith('::') && IPV4.test(text.slice(2))) {
    return fromBytes([...Array<number>(12).fill(0), ...text.slice(2).split('.').map(Number)]);
  }
  if (IPV6_LETTERS.test(text) && ipaddr.IPv6.isValid(text)) {
    return fromBytes(ipaddr.IPv6.parse(text).toByteArray());
  }
  return undefined;
}

/**
 * An address from its 4 or 16 bytes in network byte order; the bytes are copied.
 * @throws RangeError for any other length
 */
export function fromBytes(bytes: Uint8Array | number[]): Address {
  if (bytes.length !== 4 && bytes.length !== 16) throw new RangeError(`an address of ${bytes.length} bytes`);
  return { family: bytes.length === 4 ? 4 : 6, bytes: Buffer.from(bytes) };
}

/** The canonical text: dotted decimal, or RFC 5952. */
export function formatAddress({ family, bytes }: Address): string {
  if (family === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  return new ipaddr.IPv6([...bytes]).toRFC5952String();
}

/** Reads `10.0.0.0/24`; a bare address is a /32 or /128. Undefined for anything else. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (!address) return undefined;
  if (slash < 0) return hostPrefix(address);
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
  const length = Number(digits);
  return length <= address.bytes.length * 8 ? { address, length } : undefined;
}

/** `10.0.0.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** The /32 or /128 of an address. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: address.bytes.length * 8 };
}

/** The same network with its host bits cleared: 192.168.0.1/24 becomes 192.168.0.0/24. */
export function maskPrefix(prefix: Prefix): Prefix {
  const bytes = Buffer.from(prefix.address.bytes);
  for (let i = 0; i < bytes.length; i++) {
    const keep = Math.min(8, Math.max(0, prefix.length - i * 8));
    bytes[i]! &= (0xff << (8 - keep)) & 0xff;
  }
  return { address: { family: prefix.address.family, bytes }, length: prefix.length };
}

/** Whether the network holds the address; never across families. */
export function prefixContains({ address: { family, bytes }, length }: Prefix, address: Address): boolean {
  if (family !== address.family) return false;
  // Planning asks it thousands of times: nothing is allocated.
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address.bytes[i]) return false;
  const rest = length & 7;
  return rest === 0 || (bytes[whole]! ^ address.bytes[whole]!) >> (8 - rest) === 0;
}

/** Whether two addresses are the same, family included. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.bytes.equals(b.bytes);
}

/** Whether the address is within 127.0.0.0/8, or is ::1. */
export function isLoopback({ family, bytes }: Address): boolean {
  return family === 4 ? bytes[0] === 127 : bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15] === 1;
}

/** A key for maps: the same for the same address, and never the same across families. */
export function addressKey({ bytes }: Address): string {
  return bytes.toString('latin1');
}

/** Whether all of a network is within another, or is the same. */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner.address);
}

/** Whether two prefixes are the same network, host bits aside. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && prefixContains(a, b.address);
}

/** Whether the prefix is 0.0.0.0/0 or ::/0. */
export function isDefault(prefix: Prefix): boolean {
  return prefix.length === 0;
}

/** Whether the prefix is a default route's, or one of the two halves that do the same without replacing it. */
export function isDefaultOrHalf(prefix: Prefix): boolean {
  return prefix.length <= 1;
}

/** The address in 16 bytes, IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d). */
export function toMapped(address: Address): Buffer {
  if (address.family === 6) return Buffer.from(address.bytes);
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), address.bytes]);
}

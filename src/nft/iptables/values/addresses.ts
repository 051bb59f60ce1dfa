// Addresses, networks, ranges, interfaces and MAC addresses as iptables(8) takes them, and the expressions for them.
// Not here: names of hosts, which are refused; numbers (numbers.ts).

import { type Address, type Family, formatAddress, fromBytes, parseAddress } from '../../../base/ip.js';
import { IFNAME_MAX } from '../../../netlink/route/link.js';
import { type Expression, isPlainText, type MatchStatement, match, meta, payload } from '../../expression.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { readNumber } from './numbers.js';

/** No interface can have this name: what iptables-translate(8) writes for "no interface at all". */
const NO_INTERFACE = 'INVAL/D';

/** A network by any mask, its host bits cleared. */
interface AddressSet {
  readonly address: Address;
  readonly mask: Buffer;
}

/** An address of the family. IPv4 may have fewer parts, as a network: `10` is 10.0.0.0. @throws RuleError */
function readAddress(token: Token, family: Family, text = token.text): Address {
  const full = family === 4 && /^\d{1,3}(\.\d{1,3}){0,2}$/.test(text) ? completed(text) : text;
  const address = parseAddress(full);
  if (address?.family !== family) {
    refuse(token, `is no IPv${family} address (names of hosts are not looked up)`);
  }
  return address;
}

function completed(text: string): string {
  return [...text.split('.'), '0', '0', '0'].slice(0, 4).join('.');
}

/** `ADDRESS[/MASK]`, the mask as a length or as an address. @throws RuleError */
export function readNetwork(token: Token, family: Family): AddressSet {
  const slash = token.text.indexOf('/');
  const address = readAddress(token, family, slash < 0 ? token.text : token.text.slice(0, slash));
  const size = address.bytes.length;
  const mask = slash < 0 ? prefixMask(size, size * 8) : readMask(token, token.text.slice(slash + 1), size);
  return { address: fromBytes(address.bytes.map((byte, i) => byte & mask[i]!)), mask };
}

function readMask(token: Token, text: string, size: number): Buffer {
  if (/^\d+$/.test(text)) {
    const length = Number(text);
    if (length > size * 8) refuse(token, `has a prefix length beyond ${size * 8}`);
    return prefixMask(size, length);
  }
  const mask = parseAddress(text);
  if (mask?.bytes.length !== size) refuse(token, 'has a mask that is neither a length nor an address');
  return mask.bytes;
}

/** A mask of so many bytes whose first `length` bits are set. */
function prefixMask(size: number, length: number): Buffer {
  return Buffer.from(
    Array.from({ length: size }, (_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, length - i * 8)))),
  );
}

/** The length of the prefix, or undefined where the mask has a gap. */
function prefixLength(mask: Buffer): number | undefined {
  const bits = [...mask].map(byte => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

/** Statements for "LEFT is (not) in the network": none where it is every address and not negated. */
export function matchNetwork(
  left: Expression,
  { address, mask }: AddressSet,
  negated: boolean,
): MatchStatement[] {
  const op = negated ? '!=' : '==';
  const addr = formatAddress(address);
  const len = prefixLength(mask);
  if (len === undefined) {
    return [match({ '&': [left, formatAddress(fromBytes(mask))] }, op, addr)];
  }
  if (len === 0) return negated ? [never()] : [];
  return [match(left, op, len === mask.length * 8 ? addr : { prefix: { addr, len } })];
}

/** A statement that fits no packet. */
export function never(): MatchStatement {
  return match(meta('iifname'), '==', NO_INTERFACE);
}

/** The length of a prefix; all of it where there is none. @throws RuleError */
export function readLength(token: Token | undefined, family: Family): number {
  const all = family === 4 ? 32 : 128;
  return token ? readNumber(token, 0, all) : all;
}

/** An address with all but the first bits cleared. */
export function masked(field: Expression, family: Family, length: number): Expression {
  const size = family === 4 ? 4 : 16;
  if (length === size * 8) return field;
  return { '&': [field, formatAddress(fromBytes(prefixMask(size, length)))] };
}

/** The header field of an address. */
export function addressField(family: Family, field: 'saddr' | 'daddr'): Expression {
  return payload(family === 4 ? 'ip' : 'ip6', field);
}

/** `ADDRESS[-ADDRESS]`. @throws RuleError */
export function readAddressRange(token: Token, family: Family, text = token.text): [string, string?] {
  const [from = '', to, more] = text.split('-');
  if (more !== undefined) refuse(token, 'has more than one "-"');
  const first = readAddress(token, family, from);
  if (to === undefined) return [formatAddress(first)];
  const last = readAddress(token, family, to);
  if (Buffer.compare(first.bytes, last.bytes) > 0) {
    refuse(token, 'is a range whose end comes before its beginning');
  }
  return first.bytes.equals(last.bytes)
    ? [formatAddress(first)]
    : [formatAddress(first), formatAddress(last)];
}

/** An address or a range of them, for the right side of a comparison or for NAT. */
export function addressOrRange([first, last]: readonly [string, string?]): Expression {
  return last === undefined ? first : { range: [first, last] };
}

/** An interface by its name or, with `+` at the end, by its beginning. @throws RuleError */
export function matchInterface(key: 'iifname' | 'oifname', token: Token, negated: boolean): MatchStatement[] {
  const { text } = token;
  if (text === '') refuse(token, 'is no name of an interface');
  if (Buffer.byteLength(text) > IFNAME_MAX) {
    refuse(token, `is longer than ${IFNAME_MAX} bytes, which is the most that an interface's name has`);
  }
  if (text.includes('*')) refuse(token, 'has a "*": iptables writes "+" for "any ending"');
  if (/[\s/"\\\p{Cc}]/u.test(text)) refuse(token, 'cannot be the name of an interface');
  if (!isPlainText(text))
    refuse(token, 'cannot be expressed as the name of an interface: nftables reads it as something else');
  if (text === '+') return negated ? [never()] : [];
  const name = text.endsWith('+') ? `${text.slice(0, -1)}*` : text;
  return [match(meta(key), negated ? '!=' : '==', name)];
}

/** `XX:XX:XX:XX:XX:XX`. @throws RuleError */
export function readMac(token: Token): string {
  if (!/^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(token.text)) {
    refuse(token, 'is no MAC address such as 00:16:3e:00:00:01');
  }
  return token.text.toLowerCase();
}

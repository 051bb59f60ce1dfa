// Interface patterns of iptables(8): `eth0`, `wg+`, `+`. Anchored at the beginning of the name, and an exact name is
// the whole of it. Not here: nftables' words for them (table.ts).

import { UserError } from '../errors.js';
import { IFNAME_MAX, isLinkName } from '../netlink/link.js';
import { quote } from './text.js';
import type { InterfacePattern } from './words.js';

/** What `*`, `\`, `"` and a leading `@` mean to nftables is not what they mean in a name. */
const PLAIN = /^[\x21-\x7e]*$/;
const FOREIGN = /[*\\"]|^@/;

/** Every interface. */
export const ANY: InterfacePattern = { name: '', prefix: true };

/** @throws UserError */
export function parsePattern(text: string): InterfacePattern {
  if (text === '+') return ANY;
  const prefix = text.endsWith('+');
  const name = prefix ? text.slice(0, -1) : text;
  if (PLAIN.test(name) && !FOREIGN.test(name) && isLinkName(name) && !isBracketed(name)) {
    return { name, prefix };
  }
  throw new UserError(
    `${quote(text)} is not an interface pattern: ${
      hint(text) ??
      `give a name of 1 to ${IFNAME_MAX} bytes such as eth0, the beginning of one and + such as wg+, or + alone`
    }`,
  );
}

/** A right pattern that was perhaps meant. */
function hint(text: string): string | undefined {
  const meant = text.replace(/^\[(.*)\]$/, '$1').replace(/\*$/, '+');
  const name = meant.replace(/\+$/, '');
  if (meant === text || !PLAIN.test(name) || FOREIGN.test(name) || (name !== '' && !isLinkName(name)))
    return undefined;
  return meant === '' ? undefined : `did you mean ${quote(meant)}?`;
}

/** The kernel would take it; but in a label it is the brackets of a manual. */
function isBracketed(name: string): boolean {
  return name.startsWith('[') && name.endsWith(']');
}

/** The text that parsePattern() reads. */
export function formatPattern({ name, prefix }: InterfacePattern): string {
  return prefix ? `${name}+` : name;
}

/** Whether every interface that the second matches is one of the first. */
export function covers(a: InterfacePattern, b: InterfacePattern): boolean {
  return a.prefix ? b.name.startsWith(a.name) : !b.prefix && a.name === b.name;
}

/** The interfaces that both match; undefined where there are none. */
export function intersect(a: InterfacePattern, b: InterfacePattern): InterfacePattern | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

/** Whether it is `lo` itself; a prefix that `lo` begins with is not meant to be it. */
export function isLoopback({ name, prefix }: InterfacePattern): boolean {
  return name === 'lo' && !prefix;
}

/** The narrowest first: an exact name, then prefixes by their length; else by name. */
export function compareSpecificity(a: InterfacePattern, b: InterfacePattern): number {
  if (a.prefix !== b.prefix) return a.prefix ? 1 : -1;
  return b.name.length - a.name.length || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

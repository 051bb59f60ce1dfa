// Interface patterns of iptables(8): `eth0`, `wg+`, `+`. Anchored at the beginning of the name, and an exact name is
// the whole of it. Not here: nftables' words for them (interface-match.ts).

import { UserError } from '../../base/errors.js';
import { quote } from '../../base/plain-text.js';
import { IFNAME_MAX, isLinkName } from '../../netlink/route/link.js';
import { isPlainText } from '../../nft/expression.js';
import type { InterfacePattern } from './intent.js';

/** The kernel takes more, but nobody names an interface so; a beginning with + covers those, too. */
const NAME = /^[A-Za-z0-9_.+-]+$/;

/** Every interface. */
export const ANY: InterfacePattern = { name: '', prefix: true };

/** @throws UserError */
export function parsePattern(text: string): InterfacePattern {
  if (text === '+') return ANY;
  const prefix = text.endsWith('+');
  const name = prefix ? text.slice(0, -1) : text;
  if (isName(name) && (prefix || isPlainText(name))) return { name, prefix };
  throw new UserError(
    `${quote(text)} is not an interface pattern: ${
      hint(text) ??
      `give a name of 1 to ${IFNAME_MAX} bytes such as eth0, the beginning of one and + such as wg+, or + alone`
    }`,
  );
}

/** A right pattern that was perhaps meant: `wg*`, the brackets of a manual, `eth0@if7` as ip-link(8) prints it. */
function hint(text: string): string | undefined {
  const meant = text
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/@.*$/, '')
    .replace(/\*$/, '+');
  if (meant === text || !(meant === '+' || isName(meant.replace(/\+$/, '')))) return undefined;
  return `did you mean ${quote(meant)}?`;
}

function isName(text: string): boolean {
  return NAME.test(text) && isLinkName(text);
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

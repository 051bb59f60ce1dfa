// Interface patterns of iptables(8): an exact name such as `eth0`, a prefix such as `wg+`, or `+` for all. Pure. Not here:
// matches of nftables for them (labels/table/interface-match.ts).

import { UserError } from '../../base/errors.js';
import { quote } from '../../base/plain-text.js';
import { IFNAME_MAX, isLinkName } from '../../netlink/route/link.js';
import { isPlainText } from '../../nft/expression.js';
import type { InterfacePattern } from './intent.js';

/** The kernel allows more, but nobody uses that; a prefix with + covers such names, too. */
const NAME = /^[A-Za-z0-9_.+-]+$/;

/** Every interface. */
export const ANY: InterfacePattern = { name: '', prefix: true };

/** As Docker names the interfaces of its networks. */
export const DOCKERS: InterfacePattern = { name: 'eth', prefix: true };

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

/** The pattern that was perhaps meant by `wg*`, by the brackets of a manual, or by `eth0@if7` as ip-link(8) prints it. */
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

/** Whether the first pattern matches every interface that the second does. */
export function covers(a: InterfacePattern, b: InterfacePattern): boolean {
  return a.prefix ? b.name.startsWith(a.name) : !b.prefix && a.name === b.name;
}

/** The pattern of the interfaces that both match; undefined where there are none. */
export function intersect(a: InterfacePattern, b: InterfacePattern): InterfacePattern | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

/** Whether it is `lo` itself: a prefix of `lo` does not mean it. */
export function isLoopbackPattern({ name, prefix }: InterfacePattern): boolean {
  return name === 'lo' && !prefix;
}

/** The most specific first: exact names, then prefixes by length; else by name. */
export function compareSpecificity(a: InterfacePattern, b: InterfacePattern): number {
  if (a.prefix !== b.prefix) return a.prefix ? 1 : -1;
  return b.name.length - a.name.length || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
}

// nftables' words for patterns of interfaces: by name, so that what comes up later is covered. Not here: the patterns
// (interface-pattern.ts).

import { type MatchStatement, match, meta } from '../../nft/expression.js';
import type { InterfacePattern } from './intent.js';
import { covers } from './interface-pattern.js';

const LO: InterfacePattern = { name: 'lo', prefix: false };

type NameKey = 'iifname' | 'oifname';

/** A name, or a beginning as nftables writes it: `wg*`. Every interface needs no statement. */
export function matchName(
  key: NameKey,
  { name, prefix }: InterfacePattern,
  op: '==' | '!=' = '==',
): MatchStatement[] {
  return name === '' ? [] : [match(meta(key), op, prefix ? `${name}*` : name)];
}

/** The same without `lo`: on it go Docker's DNS and what the container says to itself. */
export function matchNameButLo(key: NameKey, pattern: InterfacePattern): MatchStatement[] {
  return [...matchName(key, pattern), ...(covers(pattern, LO) ? [match(meta(key), '!=', 'lo')] : [])];
}

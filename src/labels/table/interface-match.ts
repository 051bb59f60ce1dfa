// Interface patterns as matches of nftables: by name, so that later interfaces are covered. Pure. Not here: the patterns
// (labels/spec/interface-pattern.ts).

import { type MatchStatement, match, meta } from '../../nft/expression.js';
import type { InterfacePattern } from '../spec/intent.js';
import { covers } from '../spec/interface-pattern.js';

const LO: InterfacePattern = { name: 'lo', prefix: false };

type NameKey = 'iifname' | 'oifname';

/** An exact name, or a prefix as nftables writes it: `wg*`. A pattern for all interfaces needs no match. */
export function matchName(
  key: NameKey,
  { name, prefix }: InterfacePattern,
  op: '==' | '!=' = '==',
): MatchStatement[] {
  return name === '' ? [] : [match(meta(key), op, prefix ? `${name}*` : name)];
}

/** The same without `lo`, which carries Docker's DNS and the container's connections to itself. */
export function matchNameButLo(key: NameKey, pattern: InterfacePattern): MatchStatement[] {
  return [...matchName(key, pattern), ...(covers(pattern, LO) ? [match(meta(key), '!=', 'lo')] : [])];
}

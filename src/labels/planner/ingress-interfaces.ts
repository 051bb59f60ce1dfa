// By which interfaces the connections of a forward may come. Not here: nftables' words for them
// (labels/spec/interface-match.ts).

import { plain } from '../../base/plain-text.js';
import type { ForwardIntent, InterfacePattern } from '../spec/intent.js';
import { ANY, covers, formatPattern, intersect, isLoopback } from '../spec/interface-pattern.js';

/**
 * The interfaces by which a forward's connections may come: those of its own pattern that are also of
 * `twine.nat.interfaces`, where the container has that. `lo` is meant only where it is written out.
 */
export function ingressInterfaces(
  { pattern = ANY }: ForwardIntent,
  natInterfaces: readonly InterfacePattern[],
): InterfacePattern[] {
  if (natInterfaces.length === 0) return [pattern];
  const shared = natInterfaces
    .filter(nat => isLoopback(pattern) || !isLoopback(nat))
    .flatMap(nat => intersect(pattern, nat) ?? []);
  return shared.filter(
    (one, i) => !shared.some((other, j) => i !== j && covers(other, one) && (!covers(one, other) || j < i)),
  );
}

/** A sentence for a forward without any. */
export function whyNoIngress({ pattern }: ForwardIntent, natInterfaces: readonly InterfacePattern[]): string {
  const given = pattern ? formatPattern(pattern) : 'every interface but lo';
  return `the port is forwarded for no interface: none is both of ${given} and of twine.nat.interfaces=${plain(
    natInterfaces.map(formatPattern).join(','),
    80,
  )}: give one that is of both`;
}

// The ingress interfaces of a forward: those by which its connections may arrive. Pure. Not here: nftables' words for them
// (labels/table/interface-match.ts).

import { plain } from '../../base/plain-text.js';
import type { ForwardIntent, InterfacePattern } from '../spec/intent.js';
import { ANY, covers, formatPattern, intersect, isLoopbackPattern } from '../spec/interface-pattern.js';

/**
 * The interfaces by which a forward's connections may arrive: those that match its own pattern and, where the container
 * has it, `twine.nat.interfaces` too. `lo` is meant only where it is spelled out.
 */
export function ingressInterfaces(
  { pattern = ANY }: ForwardIntent,
  natInterfaces: readonly InterfacePattern[],
): InterfacePattern[] {
  if (natInterfaces.length === 0) return [pattern];
  const shared = natInterfaces
    .filter(nat => isLoopbackPattern(pattern) || !isLoopbackPattern(nat))
    .flatMap(nat => intersect(pattern, nat) ?? []);
  return shared.filter(
    (one, i) => !shared.some((other, j) => i !== j && covers(other, one) && (!covers(one, other) || j < i)),
  );
}

/** The sentence for a forward that has none. */
export function whyNoIngress({ pattern }: ForwardIntent, natInterfaces: readonly InterfacePattern[]): string {
  const given = pattern ? formatPattern(pattern) : 'every interface but lo';
  return `the port is forwarded for no interface: none matches both ${given} and twine.nat.interfaces=${plain(
    natInterfaces.map(formatPattern).join(','),
    80,
  )}: give one that matches both`;
}

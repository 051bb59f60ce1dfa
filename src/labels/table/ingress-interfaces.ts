// The ingress interfaces of a forward: those by which its connections may arrive. Pure. Not here: nftables' words for them
// (interface-match.ts).

import { plain } from '../../base/plain-text.js';
import type { ForwardIntent, InterfacePattern } from '../spec/intent.js';
import { ANY, covers, formatPattern, intersect, isLoopbackPattern } from '../spec/interface-pattern.js';
import { NAT_IN_INTERFACES, NAT_INTERFACES } from '../spec/label-keys.js';

/** The interfaces that a container's labels name. */
interface NamedInterfaces {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly inInterfaces: readonly InterfacePattern[];
}

/** Of patterns in a message, in characters. */
const SHOWN_MAX = 80;

/**
 * The interfaces by which a forward's connections may arrive: those that match its own pattern and, where the container
 * names any, `twine.nat.interfaces` or `twine.nat.in-interfaces`. `lo` is meant only where it is spelled out.
 */
export function ingressInterfaces(
  { pattern = ANY }: ForwardIntent,
  { natInterfaces, inInterfaces }: NamedInterfaces,
): InterfacePattern[] {
  const named = [...natInterfaces, ...inInterfaces];
  if (named.length === 0) return [pattern];
  const shared = named
    .filter(one => isLoopbackPattern(pattern) || !isLoopbackPattern(one))
    .flatMap(one => intersect(pattern, one) ?? []);
  return shared.filter(
    (one, i) => !shared.some((other, j) => i !== j && covers(other, one) && (!covers(one, other) || j < i)),
  );
}

/** The sentence for a forward that has none. */
export function whyNoIngress(
  { pattern }: ForwardIntent,
  { natInterfaces, inInterfaces }: NamedInterfaces,
): string {
  const given = pattern ? formatPattern(pattern) : 'every interface but lo';
  const labels = [
    [NAT_INTERFACES, natInterfaces],
    [NAT_IN_INTERFACES, inInterfaces],
  ] as const;
  const named = labels.flatMap(([key, patterns]) =>
    patterns.length > 0 ? [`${key}=${plain(patterns.map(formatPattern).join(','), SHOWN_MAX)}`] : [],
  );
  const remedy = pattern
    ? `set ${NAT_IN_INTERFACES}=${given}, by which only forwards come in`
    : 'give one that matches both';
  return `the port is forwarded for no interface: none matches both ${given} and ${named.join(' or ')}: ${remedy}`;
}

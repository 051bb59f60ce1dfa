// The rules of forwards: destination NAT for connections that arrive and for those of the container to itself, and
// masquerading for both. Not here: where their destinations are (labels/planner/resolve.ts), the chains (nft-table.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import { DOCKER_DNS } from '../../base/special-addresses.js';
import { ct, type Expression, match, meta, payload, type Statement } from '../../nft/expression.js';
import type { FlowEnd } from '../../nft/flows.js';
import { type NftRule, rule } from '../../nft/table.js';
import type { UdpForward } from '../diff/state.js';
import type { ForwardIntent, InterfacePattern } from '../spec/intent.js';
import { matchNameButLo } from '../spec/interface-match.js';
import { compareSpecificity, formatPattern, isLoopbackPattern } from '../spec/interface-pattern.js';

/** A forward with its destination resolved. */
export interface ResolvedForward {
  /** The label's key, which breaks ties. */
  readonly key: string;
  /** The pattern as it was given; every interface but `lo` is ANY. */
  readonly pattern: InterfacePattern;
  /** The interfaces by which connections may arrive; `lo` only by itself. */
  readonly ingress: readonly InterfacePattern[];
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** One of each family at most. */
  readonly addresses: readonly Address[];
  readonly destinationPort: number;
}

const LOOPBACK = { prefix: { addr: '127.0.0.0', len: 8 } };

/** With route_localnet the kernel would accept packets for 127.0.0.0/8 from outside: these rules drop them. */
export function dropForeignLoopback(forwards: readonly ResolvedForward[]): NftRule[] {
  if (!forwards.some(isLocal)) return [];
  const outside = match(meta('iifname'), '!=', 'lo');
  return ['daddr', 'saddr'].map(field =>
    rule(outside, match(payload('ip', field), '==', LOOPBACK), { drop: null }),
  );
}

/**
 * Connections that arrive for an address of their ingress interface, other than `lo`. The narrowest pattern comes first.
 */
export function preroutingDnat(forwards: readonly ResolvedForward[]): NftRule[] {
  const groups = new Map<string, { pattern: InterfacePattern; forwards: ResolvedForward[] }>();
  const outside = forwards.filter(forward => !isLocal(forward));
  for (const forward of outside.sort(bySpecificity)) {
    for (const pattern of forward.ingress) {
      const key = formatPattern(pattern);
      const group = groups.get(key) ?? { pattern, forwards: [] };
      groups.set(key, group);
      group.forwards.push(forward);
    }
  }
  const here = match({ fib: { result: 'type', flags: ['daddr', 'iif'] } }, '==', 'local');
  return [...groups.values()]
    .sort((a, b) => compareSpecificity(a.pattern, b.pattern))
    .flatMap(({ pattern, forwards }) =>
      ([4, 6] as const).flatMap(family =>
        dnat(family, forwards, [...matchNameButLo('iifname', pattern), here]),
      ),
    );
}

/**
 * Connections of the container to itself: to an address of its own, or for `lo` to a loopback address. The address does
 * not show which interface was meant, so the widest pattern counts.
 */
export function outputDnat(forwards: readonly ResolvedForward[]): NftRule[] {
  const widest = [...forwards].sort((a, b) => bySpecificity(b, a) || naturalCompare(a.key, b.key));
  const [local, others] = [widest.filter(isLocal), widest.filter(forward => !isLocal(forward))];
  const own = match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local');
  const byLo = match(meta('oifname'), '==', 'lo');
  const [ip, ip6] = [payload('ip', 'daddr'), payload('ip6', 'daddr')];
  return [
    ...dnat(4, local, [byLo, match(ip, '==', LOOPBACK), match(ip, '!=', formatAddress(DOCKER_DNS))]),
    ...dnat(6, local, [byLo, match(ip6, '==', '::1')]),
    ...dnat(4, others, [own, match(ip, '!=', LOOPBACK)]),
    ...dnat(6, others, [own, match(ip6, '!=', '::1')]),
  ];
}

/** One rule for all forwards of a family: a map by protocol and port, so that packets do not pay for their number. */
function dnat(family: 4 | 6, forwards: readonly ResolvedForward[], matches: readonly Statement[]): NftRule[] {
  const elements = new Map<string, readonly [Expression, Expression]>();
  for (const { protocol, port, addresses, destinationPort } of forwards) {
    const key = `${protocol} ${port}`;
    const address = addresses.find(address => address.family === family);
    if (!address || elements.has(key)) continue;
    elements.set(key, [{ concat: [protocol, port] }, { concat: [formatAddress(address), destinationPort] }]);
  }
  if (elements.size === 0) return [];
  const key = { concat: [meta('l4proto'), payload('th', 'dport')] };
  const keys = [...elements.keys()].sort(naturalCompare);
  const data = { set: keys.map(key => elements.get(key)!) };
  return [rule(...matches, { dnat: { family: family === 4 ? 'ip' : 'ip6', addr: { map: { key, data } } } })];
}

/** Masquerades forwarded connections: one rule for each destination, with the ports that are forwarded to it. */
export function masqueraded(forwards: readonly ResolvedForward[]): NftRule[] {
  const found = new Map<string, { forward: ResolvedForward; address: Address; ports: Set<number> }>();
  for (const forward of forwards) {
    for (const address of forward.addresses) {
      const key = `${forward.protocol} ${formatAddress(address)} ${forward.destinationPort}`;
      const entry = found.get(key) ?? { forward, address, ports: new Set() };
      found.set(key, entry);
      entry.ports.add(forward.port);
    }
  }
  return [...found.keys()].sort(naturalCompare).map(key => {
    const { forward, address, ports } = found.get(key)!;
    const { protocol, destinationPort } = forward;
    return rule(
      match(payload(address.family === 4 ? 'ip' : 'ip6', 'daddr'), '==', formatAddress(address)),
      match(payload(protocol, 'dport'), '==', destinationPort),
      match(ct('proto-dst', 'original'), '==', { set: [...ports].sort((a, b) => a - b) }),
      { masquerade: null },
    );
  });
}

function isLocal({ pattern }: ResolvedForward): boolean {
  return isLoopbackPattern(pattern);
}

function bySpecificity(a: ResolvedForward, b: ResolvedForward): number {
  return compareSpecificity(a.pattern, b.pattern);
}

/**
 * The UDP ports that labels forward, each with its destinations now.
 * @param wanted all forwards, @param resolved those with a destination
 */
export function udpForwards(
  wanted: readonly ForwardIntent[],
  resolved: readonly ResolvedForward[],
): readonly UdpForward[] {
  const ports = new Map<number, FlowEnd[]>();
  for (const { protocol, port } of wanted) if (protocol === 'udp') ports.set(port, []);
  for (const { protocol, port, addresses, destinationPort } of resolved) {
    if (protocol === 'udp') {
      ports.get(port)?.push(...addresses.map(address => ({ address, port: destinationPort })));
    }
  }
  return [...ports].map(([port, destinations]) => ({ port, destinations }));
}

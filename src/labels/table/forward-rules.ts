// The rules of forwards: destination NAT for connections that arrive and for those of the container to itself. Not here:
// where their destinations are (labels/planner/resolve.ts), masquerading (masquerades.ts), the chains (nft-table.ts).

import { type Address, formatAddress } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import { DOCKER_DNS } from '../../base/special-addresses.js';
import { type Expression, match, meta, payload, type Statement } from '../../nft/expression.js';
import type { FlowEnd } from '../../nft/flows.js';
import { type NftRule, rule } from '../../nft/table.js';
import type { UdpForward } from '../diff/state.js';
import type { ForwardIntent, ForwardProtocol, InterfacePattern, PortRange } from '../spec/intent.js';
import { compareSpecificity, formatPattern, isLoopbackPattern } from '../spec/interface-pattern.js';
import { countPorts, formatPorts } from '../spec/ports.js';
import type { KeptClients } from './client-chains.js';
import { matchNameButLo } from './interface-match.js';
import { type PortShifts, planShifts } from './port-shifts.js';

/** A forward with its destination resolved. */
export interface ResolvedForward {
  /** The label's key, which breaks ties. */
  readonly key: string;
  /** The pattern as it was given; every interface but `lo` is ANY. */
  readonly pattern: InterfacePattern;
  /** The interfaces by which connections may arrive; `lo` only by itself. */
  readonly ingress: readonly InterfacePattern[];
  readonly protocol: ForwardProtocol;
  readonly ports: PortRange;
  /** One of each family at most. */
  readonly addresses: readonly Address[];
  /** That of the first port; the others follow in order. */
  readonly destinationPort: number;
  /** By the family of the address; absent: all are masqueraded. */
  readonly kept?: Readonly<Partial<Record<4 | 6, KeptClients>>>;
}

export const NFT_FAMILY = { 4: 'ip', 6: 'ip6' } as const;
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
export function preroutingDnat(forwards: readonly ResolvedForward[], shifts: PortShifts): NftRule[] {
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
        dnat(family, forwards, [...matchNameButLo('iifname', pattern), here], shifts),
      ),
    );
}

/**
 * Connections of the container to itself: to an address of its own, or for `lo` to a loopback address. The address does
 * not show which interface was meant, so the widest pattern counts.
 */
export function outputDnat(forwards: readonly ResolvedForward[], shifts: PortShifts): NftRule[] {
  const widest = [...forwards].sort((a, b) => compareSpecificity(b.pattern, a.pattern) || byPorts(a, b));
  const [local, others] = [widest.filter(isLocal), widest.filter(forward => !isLocal(forward))];
  const own = match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local');
  const byLo = match(meta('oifname'), '==', 'lo');
  const [ip, ip6] = [payload('ip', 'daddr'), payload('ip6', 'daddr')];
  return [
    ...dnat(4, local, [byLo, match(ip, '==', LOOPBACK), match(ip, '!=', formatAddress(DOCKER_DNS))], shifts),
    ...dnat(6, local, [byLo, match(ip6, '==', '::1')], shifts),
    ...dnat(4, others, [own, match(ip, '!=', LOOPBACK)], shifts),
    ...dnat(6, others, [own, match(ip6, '!=', '::1')], shifts),
  ];
}

/**
 * The rules for all forwards of a family. Those of one port are one map by protocol and port, so that packets do not pay for
 * their number; a range is a rule.
 * @param forwards the first that has a port counts
 */
function dnat(
  family: 4 | 6,
  forwards: readonly ResolvedForward[],
  matches: readonly Statement[],
  shifts: PortShifts,
): NftRule[] {
  const elements = new Map<string, readonly [Expression, Expression]>();
  const ranges: ResolvedForward[] = [];
  const rules: NftRule[] = [];
  for (const forward of forwards) {
    const { protocol, ports, addresses, destinationPort } = forward;
    const address = addresses.find(address => address.family === family);
    if (!address) continue;
    const { first, last } = ports;
    if (first < last) {
      ranges.push(forward);
      const to = natRule(family, address, forward, matches, shifts);
      rules.push(...to);
      continue;
    }
    const key = `${protocol} ${first}`;
    const isCovered = ranges.some(
      range => range.protocol === protocol && range.ports.first <= first && first <= range.ports.last,
    );
    if (isCovered || elements.has(key)) continue;
    elements.set(key, [{ concat: [protocol, first] }, { concat: [formatAddress(address), destinationPort] }]);
  }
  if (elements.size === 0) return rules;
  const key = { concat: [meta('l4proto'), payload('th', 'dport')] };
  const keys = [...elements.keys()].sort(naturalCompare);
  const data = { set: keys.map(key => elements.get(key)!) };
  return [rule(...matches, { dnat: { family: NFT_FAMILY[family], addr: { map: { key, data } } } }), ...rules];
}

/** The rules of one range: to the same ports, or by a chain to as many others. */
function natRule(
  family: 4 | 6,
  address: Address,
  { protocol, ports, destinationPort }: ResolvedForward,
  matches: readonly Statement[],
  shifts: PortShifts,
): NftRule[] {
  const to = formatAddress(address);
  const isFor = ({ first, last }: PortRange): Statement =>
    match(payload(protocol, 'dport'), '==', portExpression({ first, last }));
  if (destinationPort === ports.first)
    return [rule(...matches, isFor(ports), { dnat: { family: NFT_FAMILY[family], addr: to } })];
  const ofFamily = match(meta('nfproto'), '==', `ipv${family}`);
  return planShifts(ports, destinationPort).map(({ ports, min, max }) =>
    rule(ofFamily, ...matches, isFor(ports), {
      jump: { target: shifts.chainFor({ family, addr: to, min, max }) },
    }),
  );
}

export function portExpression({ first, last }: PortRange): Expression {
  return first === last ? first : { range: [first, last] };
}

function isLocal({ pattern }: ResolvedForward): boolean {
  return isLoopbackPattern(pattern);
}

function bySpecificity(a: ResolvedForward, b: ResolvedForward): number {
  return compareSpecificity(a.pattern, b.pattern) || byPorts(a, b);
}

/** The fewest ports first. */
function byPorts(a: ResolvedForward, b: ResolvedForward): number {
  return countPorts(a.ports) - countPorts(b.ports) || naturalCompare(a.key, b.key);
}

/**
 * The UDP ports that labels forward, each with its destinations now.
 * @param wanted all forwards, @param resolved those with a destination
 */
export function udpForwards(
  wanted: readonly ForwardIntent[],
  resolved: readonly ResolvedForward[],
): readonly UdpForward[] {
  const found = new Map<string, { readonly ports: PortRange; readonly destinations: FlowEnd[] }>();
  for (const { protocol, ports } of wanted)
    if (protocol === 'udp') found.set(formatPorts(ports), { ports, destinations: [] });
  for (const { protocol, ports, addresses, destinationPort } of resolved) {
    if (protocol !== 'udp') continue;
    const ends = addresses.map(address => ({ address, port: destinationPort }));
    found.get(formatPorts(ports))?.destinations.push(...ends);
  }
  return [...found.values()];
}

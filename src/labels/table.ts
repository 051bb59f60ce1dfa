// The nftables table of one namespace: the rules of labels in iptables' six places, destination NAT of forwards,
// and masquerading. Interfaces by name, never by index: what comes up later is covered. Not here: whose labels they
// are (plan.ts), the stamp (stamp.ts), the rules themselves (nft/iptables.ts).

import { type Address, formatAddress } from '../ip.js';
import {
  ct,
  type Expression,
  type MatchStatement,
  match,
  meta,
  payload,
  type Statement,
} from '../nft/expression.js';
import { TWINE_CHAINS, type TwineChain } from '../nft/rule.js';
import type { NftChain, NftHook, NftRule, NftTable } from '../nft/ruleset.js';
import { compareSpecificity, covers, formatPattern, isLoopback } from './pattern.js';
import { leadBack, rememberDockerWay } from './replies.js';
import { TABLE } from './stamp.js';
import { naturalCompare } from './text.js';
import type { InterfacePattern, RuleIntent } from './words.js';

/** A forward with its destination found. */
export interface PlacedForward {
  /** The label's key: what decides where two say the same. */
  readonly key: string;
  /** The pattern as it was given; every interface but `lo` is ANY. */
  readonly pattern: InterfacePattern;
  /** The interfaces by which connections may arrive; `lo` stands alone. */
  readonly arrivals: readonly InterfacePattern[];
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** One of each family at most. */
  readonly addresses: readonly Address[];
  readonly destinationPort: number;
}

/** What a table is made of. */
export interface TableParts {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly PlacedForward[];
  /** In the order in which they apply. */
  readonly rules: readonly RuleIntent[];
  /** Whether labels ask for routes. */
  readonly hasRoutes: boolean;
  /** Where replies are led past the labels' routes: the link-layer addresses of dockerWay(). */
  readonly dockerWay?: readonly string[];
}

const LO: InterfacePattern = { name: 'lo', prefix: false };
const LOOPBACK = { prefix: { addr: '127.0.0.0', len: 8 } };
/** Docker's embedded DNS; its own rules lead it elsewhere. */
const DOCKER_DNS = '127.0.0.11';
/** Masquerades what our forwards lead elsewhere, and nothing else. */
const FORWARDED_CHAIN = 'forwarded';

/** NF_IP_PRI_RAW, _MANGLE, _NAT_DST, _FILTER, _NAT_SRC: where iptables' tables are; `arrived` is behind all NAT. */
const HOOKS = {
  raw: { type: 'filter', hook: 'prerouting', priority: -300 },
  prerouting: { type: 'nat', hook: 'prerouting', priority: -100 },
  arrived: { type: 'filter', hook: 'prerouting', priority: -90 },
  replies: { type: 'route', hook: 'output', priority: -150 },
  'nat-output': { type: 'nat', hook: 'output', priority: -100 },
  input: { type: 'filter', hook: 'input', priority: 0 },
  forward: { type: 'filter', hook: 'forward', priority: 0 },
  output: { type: 'filter', hook: 'output', priority: 0 },
  postrouting: { type: 'nat', hook: 'postrouting', priority: 100 },
} as const satisfies Record<string, NftHook>;

type BaseChain = keyof typeof HOOKS;

/** Which of a label's chains hangs where. */
const JUMPS: Partial<Record<BaseChain, TwineChain>> = {
  input: 'TWINE_INPUT',
  output: 'TWINE_OUTPUT',
  forward: 'TWINE_FORWARD',
  prerouting: 'TWINE_NAT_PREROUTING',
  'nat-output': 'TWINE_NAT_OUTPUT',
  postrouting: 'TWINE_NAT_POSTROUTING',
};

/** The table, without its stamp; undefined where there is nothing to be in it. */
export function buildTable({
  natInterfaces,
  forwards,
  rules,
  hasRoutes,
  dockerWay,
}: TableParts): NftTable | undefined {
  if (natInterfaces.length + forwards.length + rules.length === 0 && !hasRoutes) return undefined;
  const outside = natInterfaces.filter(pattern => !isLoopback(pattern));
  const own: Record<BaseChain, readonly NftRule[]> = {
    raw: [...(forwards.some(isLocal) ? guardLoopback() : []), ...(hasRoutes ? refuseRedirects() : [])],
    prerouting: arriving(forwards.filter(forward => !isLocal(forward))),
    arrived: dockerWay ? rememberDockerWay(dockerWay) : [],
    replies: dockerWay ? leadBack() : [],
    'nat-output': fromWithin(forwards),
    input: [],
    forward: [...outside.flatMap(acceptForwarded), ...refuseElsewhere(outside)],
    output: [],
    postrouting: [
      ...(forwards.length > 0 ? [rule(match(ct('status'), 'in', 'dnat'), jump(FORWARDED_CHAIN))] : []),
      ...outside.map(pattern => rule(...leavingBy(pattern), { masquerade: null })),
    ],
  };
  const targets = new Set(rules.flatMap(({ rule }) => rule.targets));
  const twine = TWINE_CHAINS.map(name => ({ name, rules: rulesOf(name, rules) })).filter(
    ({ name, rules }) => rules.length > 0 || targets.has(name),
  );
  const base = (Object.keys(HOOKS) as BaseChain[]).flatMap((name): NftChain[] => {
    const target = twine.find(chain => chain.name === JUMPS[name] && chain.rules.length > 0);
    const all = [...(target ? [rule(jump(target.name))] : []), ...own[name]];
    return all.length === 0 ? [] : [{ name, hook: HOOKS[name], rules: all }];
  });
  const forwarded = forwards.length > 0 ? [{ name: FORWARDED_CHAIN, rules: masqueraded(forwards) }] : [];
  return {
    ...TABLE,
    sets: [],
    chains: [...base, ...twine, ...forwarded],
  };
}

/** The rules of one chain, each with the name of its label where it has no comment of its own. */
function rulesOf(chain: TwineChain, rules: readonly RuleIntent[]): NftRule[] {
  return rules
    .filter(({ rule }) => rule.chain === chain)
    .flatMap(({ name, rule }) => rule.rules.map(one => ({ ...one, comment: one.comment ?? name })));
}

/** With route_localnet the kernel takes packets for 127.0.0.0/8 from outside; so they end here. */
function guardLoopback(): NftRule[] {
  const outside = match(meta('iifname'), '!=', 'lo');
  return ['daddr', 'saddr'].map(field =>
    rule(outside, match(payload('ip', field), '==', LOOPBACK), { drop: null }),
  );
}

/**
 * A gateway that has lost its own way tells whoever asks of a shorter one: the default route. The kernel would put
 * that before every route, unreachable ones too.
 */
function refuseRedirects(): NftRule[] {
  return [
    rule(match(payload('icmp', 'type'), '==', 'redirect'), { drop: null }),
    rule(match(payload('icmpv6', 'type'), '==', 'nd-redirect'), { drop: null }),
  ];
}

/** Connections that arrive for an address of the interface by which they come. The narrowest pattern goes first. */
function arriving(forwards: readonly PlacedForward[]): NftRule[] {
  const groups = new Map<string, { pattern: InterfacePattern; forwards: PlacedForward[] }>();
  for (const forward of [...forwards].sort(bySpecificity)) {
    for (const pattern of forward.arrivals) {
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
      ([4, 6] as const).flatMap(family => dnat(family, forwards, [...arrivingBy(pattern), here])),
    );
}

/**
 * Connections that the container makes to itself: to an address of its own, or for `lo` to a loopback address. The
 * address does not tell the interface, so the widest pattern counts.
 */
function fromWithin(forwards: readonly PlacedForward[]): NftRule[] {
  const widest = [...forwards].sort((a, b) => bySpecificity(b, a) || naturalCompare(a.key, b.key));
  const [local, others] = [widest.filter(isLocal), widest.filter(forward => !isLocal(forward))];
  const own = match({ fib: { result: 'type', flags: ['daddr'] } }, '==', 'local');
  const byLo = match(meta('oifname'), '==', 'lo');
  const [ip, ip6] = [payload('ip', 'daddr'), payload('ip6', 'daddr')];
  return [
    ...dnat(4, local, [byLo, match(ip, '==', LOOPBACK), match(ip, '!=', DOCKER_DNS)]),
    ...dnat(6, local, [byLo, match(ip6, '==', '::1')]),
    ...dnat(4, others, [own, match(ip, '!=', LOOPBACK)]),
    ...dnat(6, others, [own, match(ip6, '!=', '::1')]),
  ];
}

/** One rule for all forwards of a family: a map from protocol and port, so that their number costs a packet nothing. */
function dnat(family: 4 | 6, forwards: readonly PlacedForward[], matches: readonly Statement[]): NftRule[] {
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

/** One rule for each destination: where it is, and the ports that lead to it. */
function masqueraded(forwards: readonly PlacedForward[]): NftRule[] {
  const found = new Map<string, { forward: PlacedForward; address: Address; ports: Set<number> }>();
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

function acceptForwarded(pattern: InterfacePattern): NftRule[] {
  const state = match(ct('state'), 'in', ['established', 'related', 'new']);
  const by = (key: string) => rule(...named(key, pattern), state, { accept: null });
  return pattern.name === '' ? [by('iifname')] : [by('iifname'), by('oifname')];
}

/**
 * What neither came nor leaves by a matching interface ends here, unless it is a translated connection. Else a gateway
 * whose tunnel is not up would send what its users give it out by its own default route.
 */
function refuseElsewhere(patterns: readonly InterfacePattern[]): NftRule[] {
  if (patterns.length === 0 || patterns.some(({ name }) => name === '')) return [];
  const others = ['iifname', 'oifname'].flatMap(key =>
    patterns.flatMap(pattern => named(key, pattern, '!=')),
  );
  return [rule(...others, match({ '&': [ct('status'), 'dnat'] }, '==', 0), { drop: null })];
}

/** `iifname PATTERN`, without `lo`. */
function arrivingBy(pattern: InterfacePattern): MatchStatement[] {
  return butLo('iifname', pattern);
}

/** `oifname PATTERN`, without `lo`: on it go Docker's DNS and what the container says to itself. */
function leavingBy(pattern: InterfacePattern): MatchStatement[] {
  return butLo('oifname', pattern);
}

function butLo(key: string, pattern: InterfacePattern): MatchStatement[] {
  return [...named(key, pattern), ...(covers(pattern, LO) ? [match(meta(key), '!=', 'lo')] : [])];
}

/** A name, or a beginning as nftables writes it: `wg*`. */
function named(key: string, { name, prefix }: InterfacePattern, op: '==' | '!=' = '=='): MatchStatement[] {
  return name === '' ? [] : [match(meta(key), op, prefix ? `${name}*` : name)];
}

function isLocal({ pattern }: PlacedForward): boolean {
  return isLoopback(pattern);
}

function bySpecificity(a: PlacedForward, b: PlacedForward): number {
  return compareSpecificity(a.pattern, b.pattern);
}

function jump(target: string): Statement {
  return { jump: { target } };
}

function rule(...expr: Statement[]): NftRule {
  return { expr };
}

// The nftables table of one namespace: the rules of labels in their chains, those of forwards and of reply-path
// routing, and masquerading. Interfaces are matched by name, so that later ones are covered. Not here: what the table is
// for (labels/planner/sandbox-plan.ts), its stamp (labels/diff/stamp.ts), the rules (forward-rules.ts, reply-routing.ts).

import { TABLE } from '../../base/ownership.js';
import { ct, match, payload, type Statement } from '../../nft/expression.js';
import { withLists } from '../../nft/iptables/syntax/address-lists.js';
import { hookOf } from '../../nft/iptables/syntax/chains.js';
import { TWINE_CHAINS, type TwineChain } from '../../nft/iptables/syntax/rule.js';
import { type NftChain, type NftHook, type NftRule, type NftTable, rule } from '../../nft/table.js';
import { closed } from '../diff/strict.js';
import type { InterfacePattern, RuleIntent } from '../spec/intent.js';
import { covers, isLoopbackPattern } from '../spec/interface-pattern.js';
import { dropForeignLoopback, outputDnat, preroutingDnat, type ResolvedForward } from './forward-rules.js';
import { matchName, matchNameButLo } from './interface-match.js';
import { masquerades } from './masquerades.js';
import { PortShifts } from './port-shifts.js';
import { type Ingress, lendAddress, restoreMark, saveMark, senders } from './reply-routing.js';

/** What a table is made of. */
export interface TableParts {
  readonly natInterfaces: readonly InterfacePattern[];
  /** By these only translated connections are forwarded. */
  readonly inInterfaces?: readonly InterfacePattern[];
  readonly forwards: readonly ResolvedForward[];
  /** In the order in which they apply. */
  readonly rules: readonly RuleIntent[];
  /** Whether only translated connections are forwarded. */
  readonly isForwardingClosed?: boolean;
  /** Whether labels ask for routes. */
  readonly hasRoutes: boolean;
  /** Present where replies bypass the labels' routes. */
  readonly ingress?: Ingress;
  /** Whether nothing but loopback passes. */
  readonly isClosed?: boolean;
}

/** Masquerades the connections of our forwards, and no others. */
const FORWARDED_CHAIN = 'forwarded';

/** Of <linux/netfilter_ipv4.h>. */
const [NF_IP_PRI_RAW, NF_IP_PRI_MANGLE, NF_IP_PRI_NAT_SRC] = [-300, -150, 100] as const;
/** Just after NF_IP_PRI_NAT_DST: destination NAT is done. */
const AFTER_NAT_DST = -90;

/** The base chains in their order, each with its hook, or with the chain of labels that it jumps to and whose hook it has. */
const BASE_CHAINS = {
  raw: { type: 'filter', hook: 'prerouting', priority: NF_IP_PRI_RAW },
  'raw-prerouting': 'TWINE_RAW_PREROUTING',
  'raw-output': 'TWINE_RAW_OUTPUT',
  'mangle-prerouting': 'TWINE_MANGLE_PREROUTING',
  'mangle-input': 'TWINE_MANGLE_INPUT',
  'mangle-forward': 'TWINE_MANGLE_FORWARD',
  'mangle-output': 'TWINE_MANGLE_OUTPUT',
  'mangle-postrouting': 'TWINE_MANGLE_POSTROUTING',
  prerouting: 'TWINE_NAT_PREROUTING',
  arrived: { type: 'filter', hook: 'prerouting', priority: AFTER_NAT_DST },
  replies: { type: 'route', hook: 'output', priority: NF_IP_PRI_MANGLE },
  'nat-output': 'TWINE_NAT_OUTPUT',
  input: 'TWINE_INPUT',
  'nat-input': { type: 'nat', hook: 'input', priority: NF_IP_PRI_NAT_SRC },
  forward: 'TWINE_FORWARD',
  output: 'TWINE_OUTPUT',
  postrouting: 'TWINE_NAT_POSTROUTING',
} as const satisfies Record<string, NftHook | TwineChain>;

type BaseChain = keyof typeof BASE_CHAINS;

/** The table without its stamp; undefined where it would be empty. */
export function buildTable(parts: TableParts): NftTable | undefined {
  const table = openTable(parts);
  return parts.isClosed ? closed(table ?? { ...TABLE, sets: [], chains: [] }) : table;
}

function openTable({
  natInterfaces,
  inInterfaces = [],
  forwards,
  rules,
  isForwardingClosed = false,
  hasRoutes,
  ingress,
}: TableParts): NftTable | undefined {
  const named = natInterfaces.length + inInterfaces.length;
  const isEmpty = named + forwards.length + rules.length === 0;
  if (isEmpty && !hasRoutes && !isForwardingClosed) return undefined;
  const outside = natInterfaces.flatMap((pattern): ForwardingPattern[] =>
    isLoopbackPattern(pattern) || inInterfaces.some(other => covers(other, pattern))
      ? []
      : [{ pattern, but: inInterfaces.filter(other => covers(pattern, other) && !isLoopbackPattern(other)) }],
  );
  // By `lo` alone nothing is forwarded: that is another thing than no interfaces at all.
  const isClosed = isForwardingClosed || (named > 0 && outside.length === 0);
  const shifts = new PortShifts();
  // Those of raw and mangle have none: an "accept" of a label's there would skip them.
  const own: Partial<Record<BaseChain, readonly NftRule[]>> = {
    raw: [...dropForeignLoopback(forwards), ...(hasRoutes ? dropRedirects() : [])],
    prerouting: preroutingDnat(forwards, shifts),
    arrived: ingress ? saveMark(ingress) : [],
    replies: ingress ? restoreMark() : [],
    'nat-input': ingress ? lendAddress(ingress) : [],
    'nat-output': outputDnat(forwards, shifts),
    forward: [...outside.flatMap(acceptForwarded), ...dropOtherForwarding(outside, isClosed)],
    postrouting: [
      ...(forwards.length > 0 ? [rule(match(ct('status'), 'in', 'dnat'), jump(FORWARDED_CHAIN))] : []),
      ...outside.map(({ pattern, but }) =>
        rule(...matchNameButLo('oifname', pattern), ...matchOthers('oifname', but), { masquerade: null }),
      ),
    ],
  };
  const targets = new Set(rules.flatMap(({ rule }) => rule.targets));
  const twine = TWINE_CHAINS.map(name => ({ name, rules: rulesOf(name, rules) })).filter(
    ({ name, rules }) => rules.length > 0 || targets.has(name),
  );
  const base = (Object.keys(BASE_CHAINS) as BaseChain[]).flatMap((name): NftChain[] => {
    const base = BASE_CHAINS[name];
    const target = twine.find(chain => chain.name === base && chain.rules.length > 0);
    const all = [...(target ? [rule(jump(target.name))] : []), ...(own[name] ?? [])];
    return all.length === 0
      ? []
      : [{ name, hook: typeof base === 'string' ? hookOf(base) : base, rules: all }];
  });
  const masquerading = masquerades(forwards);
  const forwarded = forwards.length > 0 ? [{ name: FORWARDED_CHAIN, rules: masquerading.rules }] : [];
  const listed = withLists(twine);
  return {
    ...TABLE,
    sets: [...(ingress ? senders(ingress) : []), ...masquerading.sets, ...listed.sets],
    chains: [...base, ...listed.chains, ...shifts.chains, ...forwarded, ...masquerading.chains],
  };
}

/** The rules of one chain, each with its label's name as the comment unless it has one. */
function rulesOf(chain: TwineChain, rules: readonly RuleIntent[]): NftRule[] {
  return rules
    .filter(({ rule }) => rule.chain === chain)
    .flatMap(({ name, rule }) => rule.rules.map(one => ({ ...one, comment: one.comment ?? name })));
}

/**
 * A gateway without a route of its own would redirect its clients to the default gateway, and the kernel prefers such a
 * redirect to every route, unreachable ones included.
 */
function dropRedirects(): NftRule[] {
  return [
    rule(match(payload('icmp', 'type'), '==', 'redirect'), { drop: null }),
    rule(match(payload('icmpv6', 'type'), '==', 'nd-redirect'), { drop: null }),
  ];
}

/** Interfaces by which everything is forwarded: those of a pattern but those of others within it. */
interface ForwardingPattern {
  readonly pattern: InterfacePattern;
  readonly but: readonly InterfacePattern[];
}

function acceptForwarded({ pattern, but }: ForwardingPattern): NftRule[] {
  const state = match(ct('state'), 'in', ['established', 'related', 'new']);
  const by = (key: 'iifname' | 'oifname') =>
    rule(...matchName(key, pattern), ...matchOthers(key, but), state, { accept: null });
  return pattern.name === '' && but.length === 0 ? [by('iifname')] : [by('iifname'), by('oifname')];
}

/**
 * Drops forwarded packets that neither arrive nor leave by a matching interface, unless their connection was translated.
 * Otherwise a gateway whose tunnel is down would send its clients' packets out by its own default route.
 */
function dropOtherForwarding(patterns: readonly ForwardingPattern[], isClosed: boolean): NftRule[] {
  const translated = match({ '&': [ct('status'), 'dnat'] }, '==', 0);
  // What they leave out no single rule can name: all goes that was not accepted before.
  if (patterns.some(({ but }) => but.length > 0)) return [rule(translated, { drop: null })];
  if (!isClosed && (patterns.length === 0 || patterns.some(({ pattern }) => pattern.name === ''))) return [];
  const others = (['iifname', 'oifname'] as const).flatMap(key =>
    matchOthers(
      key,
      patterns.map(({ pattern }) => pattern),
    ),
  );
  return [rule(...others, translated, { drop: null })];
}

/** Every interface but those of these patterns. */
function matchOthers(key: 'iifname' | 'oifname', patterns: readonly InterfacePattern[]): Statement[] {
  return patterns.flatMap(pattern => matchName(key, pattern, '!='));
}

function jump(target: string): Statement {
  return { jump: { target } };
}

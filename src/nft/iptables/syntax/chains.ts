// Where rules live: the chains, iptables' table and the hook of each, what may stand in which, and what goes wrong when
// chains jump to each other. Not here: matches and targets themselves.

import { nearest } from '../../../base/suggest.js';
import type { NftHook } from '../../table.js';
import { RuleError, type TranslatedRule, TWINE_CHAINS, type TwineChain } from './rule.js';
import { refuse, type Token } from './tokens.js';

export type Hook = NftHook['hook'];
type IptablesTable = 'filter' | 'nat' | 'mangle' | 'raw';

/** The table that iptables would have the chain in, and the hook whose packets the chain sees. */
const PLACES: Readonly<Record<TwineChain, readonly [IptablesTable, Hook]>> = {
  TWINE_INPUT: ['filter', 'input'],
  TWINE_OUTPUT: ['filter', 'output'],
  TWINE_FORWARD: ['filter', 'forward'],
  TWINE_NAT_PREROUTING: ['nat', 'prerouting'],
  TWINE_NAT_OUTPUT: ['nat', 'output'],
  TWINE_NAT_POSTROUTING: ['nat', 'postrouting'],
  TWINE_MANGLE_PREROUTING: ['mangle', 'prerouting'],
  TWINE_MANGLE_INPUT: ['mangle', 'input'],
  TWINE_MANGLE_FORWARD: ['mangle', 'forward'],
  TWINE_MANGLE_OUTPUT: ['mangle', 'output'],
  TWINE_MANGLE_POSTROUTING: ['mangle', 'postrouting'],
  TWINE_RAW_PREROUTING: ['raw', 'prerouting'],
  TWINE_RAW_OUTPUT: ['raw', 'output'],
};

function placesBy<Part extends 0 | 1>(part: Part) {
  return Object.fromEntries(TWINE_CHAINS.map(chain => [chain, PLACES[chain][part]])) as Readonly<
    Record<TwineChain, (readonly [IptablesTable, Hook])[Part]>
  >;
}

/** The table that iptables would have the chain in. */
export const TABLE_OF = placesBy(0);

/** The hook whose packets the chain sees. */
export const HOOK_OF = placesBy(1);

/** `NF_IP_PRI_*` of <linux/netfilter_ipv4.h>; that of nat is for what arrives. */
const PRIORITIES: Readonly<Record<IptablesTable, number>> = { raw: -300, mangle: -150, nat: -100, filter: 0 };
/** `NF_IP_PRI_NAT_SRC`. */
const NAT_SRC = 100;

/** The hook, type and priority of the base chain that jumps to it. */
export function hookOf(chain: TwineChain): NftHook {
  const [table, hook] = PLACES[chain];
  if (table === 'nat') {
    return { type: 'nat', hook, priority: hook === 'postrouting' ? NAT_SRC : PRIORITIES.nat };
  }
  // What changes a packet of the container's own there may change its way.
  const type = table === 'mangle' && hook === 'output' ? 'route' : 'filter';
  return { type, hook, priority: PRIORITIES[table] };
}

/** Where a match or a target may stand; without a part, anywhere. */
export interface ChainConstraint {
  readonly tables?: readonly IptablesTable[];
  readonly hooks?: readonly Hook[];
}

/** The chains that a constraint leaves. */
export function chainsOf({ tables, hooks }: ChainConstraint): TwineChain[] {
  return TWINE_CHAINS.filter(
    chain =>
      (tables === undefined || tables.includes(TABLE_OF[chain])) &&
      (hooks === undefined || hooks.includes(HOOK_OF[chain])),
  );
}

/** @throws RuleError when the chain is none of those that the constraint leaves */
export function checkConstraint(token: Token, chain: TwineChain, constraint: ChainConstraint): void {
  const chains = chainsOf(constraint);
  if (!chains.includes(chain)) refuse(token, `cannot stand in ${chain}: only in ${chains.join(', ')}`);
}

/** The chain that a word names. @throws RuleError */
export function readChain(token: Token | undefined): TwineChain {
  if (!token)
    throw new RuleError(`the rule is empty: it begins with one of ${TWINE_CHAINS.join(', ')}`, '', 0);
  const chain = TWINE_CHAINS.find(name => name === token.text);
  if (!chain) refuse(token, `is none of the chains: ${chainMeant(token.text)}`);
  return chain;
}

/** What was meant by a chain of iptables' own, or by a whole command line. */
function chainMeant(text: string): string {
  if (/^(-.*|.*ip6?tables(-\w+)*)$/.test(text))
    return 'leave out iptables, -t, and -A or -I, and begin with the chain, such as TWINE_FORWARD or TWINE_NAT_POSTROUTING';
  const name = text
    .toUpperCase()
    .replaceAll('-', '_')
    .replace(/^TWINE_?/, '')
    .replace(/^FILTER_/, '');
  const meant =
    TWINE_CHAINS.find(chain => [`TWINE_${name}`, `TWINE_NAT_${name}`].includes(chain)) ??
    nearest(text, TWINE_CHAINS);
  return meant === undefined
    ? `a rule begins with one of ${TWINE_CHAINS.join(', ')}`
    : `did you mean "${meant}"?`;
}

/** The chain that is jumped to from another of the same table. @throws RuleError */
export function readJump(token: Token, from: TwineChain): TwineChain | undefined {
  const chain = TWINE_CHAINS.find(name => name === token.text);
  if (!chain) return undefined;
  if (chain === from) refuse(token, 'would jump to itself');
  if (TABLE_OF[chain] !== TABLE_OF[from]) {
    refuse(token, `is a chain of the table ${TABLE_OF[chain]}, and ${from} is one of ${TABLE_OF[from]}`);
  }
  return chain;
}

/**
 * The conflict of a valid rule with the rules before it: a loop of jumps, or a jump by which a rule would run at a hook
 * where the kernel does not allow it. The kernel would refuse the whole table.
 * @param before the accepted rules of the same namespace, free of conflicts
 * @returns one sentence, or undefined
 */
export function findConflict(rule: TranslatedRule, before: readonly TranslatedRule[]): string | undefined {
  const all = [...before, rule].filter(({ targets, hooks }) => targets.length > 0 || hooks !== undefined);
  const loop = rule.targets.find(target => reachable(target, all).has(rule.chain));
  if (loop !== undefined)
    return `a jump from ${rule.chain} to ${loop} would lead in a circle: jump elsewhere`;
  for (const from of TWINE_CHAINS) {
    const reached = reachable(from, all);
    const misplaced = all.find(
      ({ chain, hooks }) => reached.has(chain) && hooks && !hooks.includes(HOOK_OF[from]),
    );
    if (misplaced === rule)
      return `packets of ${from} come to ${rule.chain} by a jump, and this rule cannot be for them`;
    if (misplaced) {
      return `a jump brings packets of ${from} to ${misplaced.chain}, where a rule stands that cannot be for them`;
    }
  }
  return undefined;
}

/** The chain itself, and all that are reachable from it by jumps. */
function reachable(from: TwineChain, rules: readonly TranslatedRule[]): Set<TwineChain> {
  const seen = new Set<TwineChain>([from]);
  for (const chain of seen) {
    for (const rule of rules) if (rule.chain === chain) for (const target of rule.targets) seen.add(target);
  }
  return seen;
}

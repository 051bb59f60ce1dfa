// Where rules live: the six chains, iptables' table and the hook of each, what may stand in which, and what goes
// wrong when chains jump to each other. Not here: matches and targets themselves.

import type { NftHook } from '../../table.js';
import { RuleError, type TranslatedRule, TWINE_CHAINS, type TwineChain } from './rule.js';
import { refuse, type Token } from './tokens.js';

export type Hook = NftHook['hook'];
type IptablesTable = 'filter' | 'nat';

/** The table that iptables would have the chain in. */
export const TABLE_OF: Readonly<Record<TwineChain, IptablesTable>> = {
  TWINE_INPUT: 'filter',
  TWINE_OUTPUT: 'filter',
  TWINE_FORWARD: 'filter',
  TWINE_NAT_PREROUTING: 'nat',
  TWINE_NAT_OUTPUT: 'nat',
  TWINE_NAT_POSTROUTING: 'nat',
};

/** The hook whose packets the chain sees. */
export const HOOK_OF: Readonly<Record<TwineChain, Hook>> = {
  TWINE_INPUT: 'input',
  TWINE_OUTPUT: 'output',
  TWINE_FORWARD: 'forward',
  TWINE_NAT_PREROUTING: 'prerouting',
  TWINE_NAT_OUTPUT: 'output',
  TWINE_NAT_POSTROUTING: 'postrouting',
};

/** The hook, type and priority of the base chain that jumps to it. */
export function hookOf(chain: TwineChain): NftHook {
  const hook = HOOK_OF[chain];
  if (TABLE_OF[chain] === 'filter') return { type: 'filter', hook, priority: 0 };
  return { type: 'nat', hook, priority: hook === 'postrouting' ? 100 : -100 };
}

/** Where a match or a target may stand; without a part, anywhere. */
export interface ChainConstraint {
  readonly table?: IptablesTable;
  readonly hooks?: readonly Hook[];
}

/** The chains that a constraint leaves. */
export function chainsOf({ table, hooks }: ChainConstraint): TwineChain[] {
  return TWINE_CHAINS.filter(
    chain =>
      (table === undefined || TABLE_OF[chain] === table) &&
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
  if (!chain) refuse(token, `is none of the chains: a rule begins with one of ${TWINE_CHAINS.join(', ')}`);
  return chain;
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

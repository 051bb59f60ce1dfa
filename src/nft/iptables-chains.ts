// Where rules live: the six chains, iptables' table and the hook of each, what may stand in which, and what goes
// wrong when chains jump to each other. Not here: matches and targets themselves.

import { refuse, type Token } from './iptables-tokens.js';
import { RuleError, type TranslatedRule, TWINE_CHAINS, type TwineChain } from './rule.js';
import type { NftHook } from './ruleset.js';

export type Hook = NftHook['hook'];
export type IptablesTable = 'filter' | 'nat';

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

/** Where a match or a target may stand; without a part, anywhere. */
export interface Place {
  readonly table?: IptablesTable;
  readonly hooks?: readonly Hook[];
}

/** The chains of a place. */
export function chainsOf({ table, hooks }: Place): TwineChain[] {
  return TWINE_CHAINS.filter(
    chain =>
      (table === undefined || TABLE_OF[chain] === table) &&
      (hooks === undefined || hooks.includes(HOOK_OF[chain])),
  );
}

/** @throws RuleError when the chain is not of the place */
export function checkPlace(token: Token, chain: TwineChain, place: Place): void {
  const chains = chainsOf(place);
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
 * Rules that are right by themselves, and wrong beside the others: jumps in a circle, and rules that a jump would
 * make run in a hook that the kernel does not have them in. Such a rule, given to the kernel, spoils its whole table.
 * @param rules all rules of one namespace
 * @returns for each wrong rule, by its place in `rules`, one sentence
 */
export function findConflicts(rules: readonly TranslatedRule[]): Map<number, string> {
  const conflicts = new Map<number, string>();
  for (const [index, rule] of rules.entries()) {
    for (const target of rule.targets) {
      if (reaches(rules, target, rule.chain)) {
        conflicts.set(index, `the jump from ${rule.chain} to ${target} leads back to ${rule.chain}`);
      }
    }
  }
  const sound = rules.filter((_, index) => !conflicts.has(index));
  for (const [index, rule] of rules.entries()) {
    const { hooks } = rule;
    if (!hooks || conflicts.has(index)) continue;
    const from = TWINE_CHAINS.find(
      chain => !hooks.includes(HOOK_OF[chain]) && reaches(sound, chain, rule.chain),
    );
    if (from) {
      conflicts.set(index, `it cannot run in packets of ${from}, from where a rule jumps to ${rule.chain}`);
    }
  }
  return conflicts;
}

/** Whether jumps lead from one chain to the other; a chain reaches itself. */
function reaches(rules: readonly TranslatedRule[], from: TwineChain, to: TwineChain): boolean {
  const seen = new Set<TwineChain>([from]);
  for (const chain of seen) {
    for (const rule of rules) if (rule.chain === chain) for (const target of rule.targets) seen.add(target);
  }
  return seen.has(to);
}

// Probes: the rules of one label in a table of their own, to learn whether the kernel accepts them. No packet reaches them
// there. Pure. Not here: installing it (put-table.ts), which rules there are (labels/table/nft-table.ts).

import { PROBE_TABLE } from '../../base/ownership.js';
import type { NftRule, NftTable } from '../../nft/table.js';
import type { LabelledRules } from '../diff/state.js';

/**
 * A table with the rules of one label only. Every hook that jumps to its chain returns before the jump: the kernel validates
 * what follows, and packets never get there.
 */
export function probeTable(
  table: NftTable,
  labels: readonly LabelledRules[],
  label: LabelledRules,
): NftTable {
  const rules = rulesByLabel(table, labels).get(label) ?? [];
  const jump: NftRule = { expr: [{ jump: { target: label.chain } }] };
  const hooked = table.chains.filter(({ hook, rules }) => hook && rules.some(jumpsTo(label.chain)));
  const regular = table.chains.filter(({ hook }) => !hook);
  return {
    ...PROBE_TABLE,
    sets: table.sets,
    chains: [
      ...hooked.map(chain => ({ ...chain, rules: [{ expr: [{ return: null }] }, jump] })),
      ...regular.map(({ name }) => ({ name, rules: name === label.chain ? rules : [] })),
    ],
  };
}

/** The table without the rules of some of its labels. */
export function withoutRules(
  table: NftTable,
  labels: readonly LabelledRules[],
  refused: readonly LabelledRules[],
): NftTable {
  const all = rulesByLabel(table, labels);
  const dropped = new Set(refused.flatMap(label => all.get(label) ?? []));
  const chains = table.chains.map(chain => ({
    ...chain,
    rules: chain.rules.filter(rule => !dropped.has(rule)),
  }));
  return { ...table, chains };
}

/** The rules of each label, in the order of its chain. */
export function rulesByLabel(
  { chains }: NftTable,
  labels: readonly LabelledRules[],
): Map<LabelledRules, readonly NftRule[]> {
  const taken = new Map<string, number>();
  const found = new Map<LabelledRules, readonly NftRule[]>();
  for (const label of labels) {
    const start = taken.get(label.chain) ?? 0;
    const rules = chains.find(({ name }) => name === label.chain)?.rules ?? [];
    found.set(label, rules.slice(start, start + label.count));
    taken.set(label.chain, start + label.count);
  }
  return found;
}

function jumpsTo(target: string): (rule: NftRule) => boolean {
  return ({ expr }) => expr.some(statement => 'jump' in statement && statement.jump.target === target);
}

// In which order the base chains of a hook are run. The kernel lists chains table by table, and does not tell which of two tables
// is first at a place that they share. Pure. Not here: what the chains do (traversal.ts).

import type { Packet } from './first-packet.js';
import { type HookName, type ListedChain, placeKey, type Ruleset } from './instruction.js';

/** NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC: where all chains of type nat are run, whatever their own priorities. */
const NAT_PRIORITIES: Readonly<Record<HookName, number>> = {
  ...{ prerouting: -100, output: -100, input: 100, postrouting: 100, forward: 0 },
};

/** Tables at shared places whose orders are all tried: 6. */
const MAX_TABLES = 3;

/** What others' chains may depend on. */
const CHANGERS: ReadonlySet<string> = new Set([
  ...['set meta', 'set ct', 'set payload', 'notrack', 'nat', 'masquerade', 'redirect', 'target', 'other'],
]);

/** The order that is taken, and what else it may be. */
interface HookOrders {
  readonly taken: readonly ListedChain[];
  /** `too many`: there are more than are tried. */
  readonly others: readonly (readonly ListedChain[])[] | 'too many';
}

/** The priority at which a base chain is run. */
export function placeOf(hook: HookName, { type, priority }: NonNullable<ListedChain['base']>): number {
  return type === 'nat' ? NAT_PRIORITIES[hook] : priority;
}

/** Others than the one that is taken are told only where some table that shares a place changes packets. */
export function ordersAt(hook: HookName, { family }: Packet, ruleset: Ruleset): HookOrders {
  const own = family === 4 ? 'ip' : 'ip6';
  // Of two of a table with one priority, the newer one is first.
  const chains = ruleset.chains
    .filter(chain => chain.base?.hook === hook && (chain.family === 'inet' || chain.family === own))
    .reverse();
  const inOrder = (tables: readonly string[]): ListedChain[] => {
    const ranks = new Map(tables.map((table, rank) => [table, rank]));
    const rankOf = (chain: ListedChain): number => ranks.get(tableOf(chain)) ?? -1;
    return [...chains].sort((a, b) => compare(hook, a, b) || rankOf(a) - rankOf(b));
  };
  const taken = inOrder([...new Set(chains.map(tableOf))]);
  const tied = tablesAtOnePlace(hook, taken);
  if (tied.size === 0 || !changesPackets(tied, ruleset)) return { taken, others: [] };
  if (tied.size > MAX_TABLES) return { taken, others: 'too many' };
  const [, ...rest] = permutations([...tied]);
  return { taken, others: rest.map(inOrder) };
}

function compare(hook: HookName, { base: a }: ListedChain, { base: b }: ListedChain): number {
  return placeOf(hook, a!) - placeOf(hook, b!) || a!.priority - b!.priority;
}

function tableOf({ family, table }: Pick<ListedChain, 'family' | 'table'>): string {
  return placeKey(family, table, '');
}

/** The tables that share a place with another. @param chains in order, so that those of one place are neighbours */
function tablesAtOnePlace(hook: HookName, chains: readonly ListedChain[]): ReadonlySet<string> {
  const tied = new Set<string>();
  for (const [n, chain] of chains.entries()) {
    const before = chains[n - 1];
    if (!before || compare(hook, before, chain) !== 0) continue;
    const [one, other] = [tableOf(before), tableOf(chain)];
    if (one !== other) tied.add(one).add(other);
  }
  return tied;
}

function changesPackets(tables: ReadonlySet<string>, { rules }: Ruleset): boolean {
  return [...rules.values()].some(
    own =>
      own[0] &&
      tables.has(tableOf(own[0])) &&
      own.some(({ instructions }) => instructions.some(({ op }) => CHANGERS.has(op))),
  );
}

/** The first is the list itself. */
function permutations(list: readonly string[]): string[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((first, at) =>
    permutations(list.filter((_, n) => n !== at)).map(rest => [first, ...rest]),
  );
}

// In which order the base chains of a hook are run. The kernel lists chains table by table, and does not tell which of two tables
// is first at a place that they share. Pure. Not here: what the chains do (traversal.ts).

import { type HookName, type ListedChain, placeKey, type Ruleset } from './instruction.js';
import type { Packet } from './packet.js';

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
export interface HookOrders {
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
  const inOrder = (tables: readonly string[]): ListedChain[] =>
    [...chains].sort(
      (a, b) => compare(hook, a, b) || tables.indexOf(tableOf(a)) - tables.indexOf(tableOf(b)),
    );
  const tables = [...new Set(chains.map(tableOf))];
  const taken = inOrder(tables);
  const tied = tables.filter(table =>
    chains.some(
      chain =>
        tableOf(chain) === table &&
        chains.some(other => tableOf(other) !== table && compare(hook, chain, other) === 0),
    ),
  );
  if (tied.length === 0 || !changesPackets(tied, ruleset)) return { taken, others: [] };
  if (tied.length > MAX_TABLES) return { taken, others: 'too many' };
  const [, ...rest] = permutations(tied);
  return { taken, others: rest.map(inOrder) };
}

function compare(hook: HookName, { base: a }: ListedChain, { base: b }: ListedChain): number {
  return placeOf(hook, a!) - placeOf(hook, b!) || a!.priority - b!.priority;
}

function tableOf({ family, table }: Pick<ListedChain, 'family' | 'table'>): string {
  return placeKey(family, table, '');
}

function changesPackets(tables: readonly string[], { rules }: Ruleset): boolean {
  return [...rules.values()].some(
    own =>
      own[0] &&
      tables.includes(tableOf(own[0])) &&
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

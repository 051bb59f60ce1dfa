// Installs as much of a table as the kernel accepts: without the rules of labels that it refuses, and without what needs a
// missing module. Not here: which tables (labels/table/nft-table.ts), other changes (session.ts).

import { plain } from '../../base/plain-text.js';
import { NftError } from '../../nft/client.js';
import { modulesOf, needsModule } from '../../nft/modules.js';
import {
  createTable,
  deleteTable,
  type NftChain,
  type NftRule,
  type NftTable,
  type NftTransaction,
  replaceTable,
} from '../../nft/table.js';
import type { LabelledRules, PutTable } from '../diff/state.js';
import { CLOSED, closed } from '../diff/strict.js';
import { ALL_LABELS } from '../spec/diagnostics.js';
import { probeTable, rulesByLabel, withoutRules } from './rule-probe.js';

/** A label that was left out of a table. */
export interface Refusal {
  /** Undefined: it concerns all containers of the namespace. */
  readonly container?: string;
  readonly key: string;
  readonly message: string;
  /** Whether packets may pass now that the label would have stopped. */
  readonly isOpen?: true;
}

/** Characters of the kernel's reason that are quoted. */
const REASON_MAX = 120;
const FIB = 'nft_fib_inet';
const SOCKET = 'nft_socket';
/** The kernel's answer to an expression for which it has no module. */
const MODULE_MISSING = /No such file or directory/;

/**
 * Installs a table, each attempt in one transaction. A strict table of which a part is left out is closed.
 * @param run commits a transaction, or throws NftError
 * @returns the table that is installed now, and what was left out of it
 * @throws NftError when the kernel accepts no part of it
 */
export function putTable(
  { kind, table, labelled = [], isStrict: strict }: PutTable,
  run: (transaction: NftTransaction) => void,
): { readonly table: NftTable; readonly refused: readonly Refusal[] } {
  const isStrict = strict === true;
  const put = kind === 'createTable' ? createTable : replaceTable;
  const whole = attempt(() => run(put(table)));
  if (!whole) return { table, refused: [] };
  for (const [spare, refused] of sparesOf(table))
    if (!attempt(() => run(put(spare)))) return { table: spare, refused: isStrict ? [] : refused };
  const refusals = labelled.flatMap(label => {
    const err = probe(probeTable(table, labelled, label), run);
    return err ? [{ label, reason: err.reason }] : [];
  });
  const labels = refusals.map(({ label }) => label);
  const rest = withoutRules(table, labelled, labels);
  const bare = withoutFib(rest);
  const rules = rulesByLabel(table, labelled);
  const refused = refusals.map(({ label, reason }) =>
    refusalOf(label, reason, rules.get(label) ?? [], isStrict),
  );
  const parts: Part[] = [
    ...(labels.length > 0 ? [[rest, refused] satisfies Part] : []),
    ...sparesOf(rest).map(([spare, missing]): Part => [spare, [...refused, ...missing]]),
    ...(bare ? [[bare, [...refused, withoutModule(isStrict)]] satisfies Part] : []),
  ];
  for (const [part, refused] of parts) {
    const taken = isStrict ? closed(part) : part;
    if (!attempt(() => run(put(taken)))) return { table: taken, refused };
  }
  throw MODULE_MISSING.test(whole.reason) ? withAdvice(whole, modulesIn(table)) : whole;
}

/**
 * The same for the table for answers by routers, which has no rules of labels.
 * @returns what was left out of it
 * @throws NftError when the kernel accepts no part of it
 */
export function putRouterTable(
  table: NftTable,
  run: (transaction: NftTransaction) => void,
): readonly Refusal[] {
  const whole = attempt(() => run(replaceTable(table)));
  if (!whole) return [];
  for (const [spare, refused] of sparesOf(table))
    if (!attempt(() => run(replaceTable(spare)))) return refused;
  throw whole;
}

function attempt(fn: () => void): NftError | undefined {
  try {
    fn();
    return undefined;
  } catch (err) {
    if (err instanceof NftError) return err;
    throw err;
  }
}

function probe(table: NftTable, run: (transaction: NftTransaction) => void): NftError | undefined {
  const refused = attempt(() => run(replaceTable(table)));
  if (!refused) run(deleteTable(table));
  return refused;
}

/** A table with less in it, and what that is. */
type Part = [part: NftTable, missing: readonly Refusal[]];

/** The table without what only answers by UDP need: source NAT at input, the look-up of sockets, both. */
function sparesOf(table: NftTable): Part[] {
  const nat = withoutInputNat(table);
  const socket = without(table, SOCKET);
  const both = nat && without(nat, SOCKET);
  return [
    ...(nat ? [[nat, [WITHOUT_INPUT_NAT]] satisfies Part] : []),
    ...(socket ? [[socket, [WITHOUT_SOCKET]] satisfies Part] : []),
    ...(both ? [[both, [WITHOUT_INPUT_NAT, WITHOUT_SOCKET]] satisfies Part] : []),
  ];
}

/** The table without what needs fib: forwards, and reply-path routing; and without what only answers by UDP need. */
function withoutFib(table: NftTable): NftTable | undefined {
  const least = sparesOf(table).at(-1)?.[0];
  return without(least ?? table, FIB);
}

/** The table without the rules that need a module; undefined where it has none. */
function without(table: NftTable, module: string): NftTable | undefined {
  const chains = table.chains.map(chain => ({
    ...chain,
    rules: chain.rules.filter(rule => !needsModule(rule, module)),
  }));
  const count = (all: readonly NftChain[]): number => all.reduce((sum, { rules }) => sum + rules.length, 0);
  return count(chains) === count(table.chains) ? undefined : { ...table, chains };
}

/** The table without source NAT at input, which only UDP replies need while a gateway is gone; undefined where it has none. */
function withoutInputNat(table: NftTable): NftTable | undefined {
  const chains = table.chains.filter(({ hook }) => hook?.type !== 'nat' || hook.hook !== 'input');
  return chains.length === table.chains.length ? undefined : { ...table, chains };
}

const WITHOUT_INPUT_NAT: Refusal = {
  key: ALL_LABELS,
  message:
    'the kernel takes no source NAT at input, so published UDP ports are not answered while the gateway of a label is gone: load it (modprobe nft_chain_nat nft_nat) and restart dwgd',
};

const WITHOUT_SOCKET: Refusal = {
  key: ALL_LABELS,
  message: `the kernel lacks the module ${SOCKET}, so clients of other networks get no answers by UDP from the container itself: load it (modprobe ${SOCKET}) and restart dwgd`,
};

function refusalOf(
  { container, key }: LabelledRules,
  reason: string,
  rules: readonly NftRule[],
  isStrict: boolean,
): Refusal {
  const modules = MODULE_MISSING.test(reason) ? modulesOf(rules) : [];
  const load = modules.length > 0 ? `, or load what is missing (modprobe ${modules.join(' ')})` : '';
  const remedy = `rewrite it without what this kernel lacks${load}`;
  const isOpen = !isStrict && rules.some(stops);
  const consequence = isStrict
    ? `and until then ${CLOSED}`
    : isOpen
      ? 'and what it would have stopped passes (twine.strict=true would close the container)'
      : '';
  const message = `the kernel refuses the rule (${plain(reason, REASON_MAX)}), so it is left out${consequence === '' ? '' : ` ${consequence}`}: ${remedy}`;
  return { container, key, message, ...(isOpen && { isOpen }) };
}

/** Whether the rule may stop packets, by itself or by what it jumps to. */
function stops({ expr }: NftRule): boolean {
  return expr.some(statement => ['drop', 'reject', 'jump', 'goto'].some(verdict => verdict in statement));
}

function withoutModule(isStrict: boolean): Refusal {
  return {
    key: ALL_LABELS,
    message: `the kernel lacks the module ${FIB}, so no port is forwarded, and replies of published ports use the labels' routes${isStrict ? `, and until then ${CLOSED}` : ''}: load it (modprobe ${FIB}) and restart dwgd`,
  };
}

function modulesIn({ chains }: NftTable): string[] {
  return modulesOf(chains.flatMap(({ rules }) => rules));
}

function withAdvice({ subject, reason, transaction }: NftError, modules: readonly string[]): NftError {
  return new NftError(
    subject,
    `${reason}: load what this kernel lacks (modprobe ${modules.join(' ')})`,
    transaction,
  );
}

// One nftables table as data, and the JSON commands that put it in place or take it away, each one transaction.
// Not here: what is in the table, the way to the kernel (client.ts), expressions (expression.ts).

import type { Expression, Statement } from './expression.js';

export type NftFamily = 'inet' | 'ip' | 'ip6' | 'bridge';

/** Where a base chain hangs. `priority` as a number: -300 raw, -150 mangle, -100 dstnat, 0 filter, 100 srcnat. */
export interface NftHook {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  readonly priority: number;
  /** What becomes of a packet that no rule has decided on; absent: it is accepted. */
  readonly policy?: 'drop';
}

/** A chain with its rules in order. Without a hook it is reached by jumps only. */
export interface NftChain {
  readonly name: string;
  readonly hook?: NftHook;
  readonly rules: readonly NftRule[];
}

export interface NftRule {
  readonly expr: readonly Statement[];
  /** At most NFT_USERDATA_RULE_COMMENT bytes. */
  readonly comment?: string;
  /**
   * Present in the first rule of a chain that is inserted after the transaction, as soon as this is there: a statement that
   * libnftables does not know, or `counter`, in a rule that says by its comment that all such rules are in place.
   */
  readonly late?: LateStatement;
}

/** Destination NAT to `addr`, and to the port MIN + PORT modulo the number of ports from MIN to MAX. */
export interface PortShift {
  readonly family: 4 | 6;
  readonly addr: string;
  readonly min: number;
  readonly max: number;
}

/** What a packet has, one value after the other as the set has them: the name of the link it came by, or bytes of a header. */
export interface SetLookup {
  readonly set: string;
  readonly fields: readonly (
    | 'iifname'
    | { readonly header: 'link' | 'transport'; readonly offset: number; readonly length: number }
  )[];
}

/** Of a lookup: where the set has the packet's, the chain is at its end. */
type LateStatement = 'counter' | { readonly dnat: PortShift } | { readonly returnIf: SetLookup };

/** A rule that is inserted as the first of its chain. */
export interface LateRule {
  readonly chain: string;
  readonly statement: LateStatement;
  readonly comment?: string;
}

/** As nft(8) has it. */
export function describeLookup({ set, fields }: SetLookup): string {
  const words = fields.map(field => {
    if (field === 'iifname') return field;
    const { header, offset, length } = field;
    return `@${header === 'link' ? 'll' : 'th'},${offset * 8},${length * 8}`;
  });
  return `${words.join(' . ')} @${set} return`;
}

/** A rule without a comment. */
export function rule(...expr: Statement[]): NftRule {
  return { expr };
}

/** A set, or with `map` a map; members by `elem` of libnftables-json(5). */
export interface NftSet {
  readonly name: string;
  readonly type: string | readonly string[];
  /** The type of what a map leads to. */
  readonly map?: string | readonly string[];
  readonly flags?: readonly string[];
  readonly elem?: readonly (Expression | readonly [Expression, Expression])[];
  /** Seconds after which an element that is not refreshed goes. */
  readonly timeout?: number;
  /** Elements at most. */
  readonly size?: number;
}

export interface NftTable {
  readonly family: NftFamily;
  readonly name: string;
  readonly sets: readonly NftSet[];
  /** A chain that is jumped to may stand after the one that jumps. */
  readonly chains: readonly NftChain[];
}

/** `NFTNL_UDATA_COMMENT_MAXLEN`: bytes of a rule's comment without the end. */
export const COMMENT_MAX_BYTES = 127;

/** A list of commands of libnftables-json(5), carried out as a whole or not at all. */
export interface NftTransaction {
  readonly nftables: readonly object[];
  /** What is to be inserted after that, in one more transaction. */
  readonly late?: { readonly table: Pick<NftTable, 'family' | 'name'>; readonly rules: readonly LateRule[] };
}

/** Makes a table; EEXIST where there is one of that name. Much cheaper for the kernel than to replace nothing. */
export function createTable(table: NftTable): NftTransaction {
  const { family, name } = table;
  return withLate(table, [{ create: { table: { family, name } } }, ...contents(table)]);
}

/** Puts the table in place of any of the same name: `add table`, `delete table`, then the new one. */
export function replaceTable(table: NftTable): NftTransaction {
  const { family, name } = table;
  return withLate(table, [...removal(table), { add: { table: { family, name } } }, ...contents(table)]);
}

function withLate({ family, name, chains }: NftTable, nftables: readonly object[]): NftTransaction {
  const rules = chains.flatMap(({ name: chain, rules: [first] }): LateRule[] => {
    if (!first?.late) return [];
    const { late: statement, comment } = first;
    return [{ chain, statement, ...(comment !== undefined && { comment }) }];
  });
  return { nftables, ...(rules.length > 0 && { late: { table: { family, name }, rules } }) };
}

/** Deletes the table; it is no error if there is none. */
export function deleteTable(table: Pick<NftTable, 'family' | 'name'>): NftTransaction {
  return { nftables: removal(table) };
}

function removal({ family, name }: Pick<NftTable, 'family' | 'name'>): object[] {
  const table = { family, name };
  // Deleting a table that does not exist fails, so it is added first.
  return [{ add: { table } }, { delete: { table } }];
}

/** How much of a command is shown, in UTF-16 units. */
const SHOWN_LENGTH = 2000;

/** What the transaction would be on the command line of nft(8), for the log; a long one is cut. */
export function nftCommand({ nftables }: NftTransaction): string {
  return `nft -j '${shown({ nftables }).replaceAll("'", "'\\''")}'`;
}

/** The commands of a transaction, numbered, each cut if it is long: for one that was refused. */
export function nftScript({ nftables }: NftTransaction): string[] {
  return nftables.map((command, n) => `${n + 1}: ${shown(command)}`);
}

function shown(command: object): string {
  const text = JSON.stringify(command);
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/** The commands that fill an empty table: every chain before the first rule that may jump to it. */
function contents({ family, name: table, sets, chains }: NftTable): object[] {
  const at = { family, table };
  return [
    ...sets.map(({ map, ...set }) => ({
      add: map === undefined ? { set: { ...at, ...set } } : { map: { ...at, ...set, map } },
    })),
    ...chains.map(({ name, hook }) => ({
      add: {
        chain: {
          ...at,
          name,
          ...(hook && {
            type: hook.type,
            hook: hook.hook,
            prio: hook.priority,
            policy: hook.policy ?? 'accept',
          }),
        },
      },
    })),
    ...chains.flatMap(({ name: chain, rules }) =>
      rules.filter(({ late }) => !late).map(rule => ({ add: { rule: { ...at, chain, ...rule } } })),
    ),
  ];
}

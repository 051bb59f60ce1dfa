// What is in a table: enough to see that somebody changed it, as bytes that nobody has to understand. What changes by
// itself is not in it: counters, what is left of quotas, elements of sets. (Those of the sets that rules bring along the
// kernel never lets anybody change; another set has another handle.) Attributes NFTA_* of
// <linux/netfilter/nf_tables.h>. Not here: asking for it (messages.ts).

import { DecodeError } from '../base/errors.js';
import { groupBy } from '../base/group-by.js';
import { attrMap, eachAttr, readString, sized } from '../netlink/attributes.js';
import { nfAttributes, nfAttributesAt } from './nfgenmsg.js';

const NFTA_TABLE_FLAGS = 2;
const NFTA_TABLE_USE = 3;
const NFTA_TABLE_HANDLE = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_HANDLE = 2;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_POLICY = 5;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_QUOTA_BYTES = 1;
const NFTA_SET_NAME = 2;
const NFTA_SET_HANDLE = 16;
/** Expressions with data that the kernel updates for each packet, and the attributes that stay. */
const VOLATILE: ReadonlyMap<string, readonly number[]> = new Map([
  ['counter', []],
  ['last', []],
  ['quota', [NFTA_QUOTA_BYTES]],
]);

/** A chain with its rules in their order. */
interface ChainSnapshot {
  readonly name: string;
  /** In hex. */
  readonly handle: string;
  /** NF_ACCEPT or NF_DROP; absent where no hook is. */
  readonly policy?: number;
  /** Each with its handle and its expressions, in hex: one that was replaced keeps the handle. */
  readonly rules: readonly string[];
}

export interface TableSnapshot {
  /** As StampedTable has it. */
  readonly generation: number;
  /** In hex: one that was made anew has another. */
  readonly handle: string;
  /** NFT_TABLE_F_*. */
  readonly flags: number;
  /** How many chains, sets and objects are in it. */
  readonly use: number;
  readonly chains: readonly ChainSnapshot[];
  /** Names and handles. */
  readonly sets: readonly string[];
}

/** The kernel's answers about one table, in whole: payloads of its own message, of chains, of its sets and rules. */
interface SnapshotAnswers {
  readonly table: Buffer;
  /** Those of other tables are passed over. */
  readonly chains: readonly Buffer[];
  readonly sets: readonly Buffer[];
  readonly rules: readonly Buffer[];
}

/** @throws DecodeError when an answer is short, or lacks what the kernel always says */
export function decodeSnapshot(name: string, answers: SnapshotAnswers): TableSnapshot {
  const { table, chains, sets, rules } = answers;
  const inChain = groupBy(rules.map(readRule), ({ chain }) => chain);
  const attrs = attributes(table);
  return {
    generation: decodeGeneration(table),
    handle: handle(attrs, NFTA_TABLE_HANDLE),
    flags: number(attrs, NFTA_TABLE_FLAGS),
    use: number(attrs, NFTA_TABLE_USE),
    chains: chains
      .map(attributes)
      .filter(attrs => text(attrs, NFTA_CHAIN_TABLE) === name)
      .map(attrs => {
        const name = text(attrs, NFTA_CHAIN_NAME);
        return {
          name,
          handle: handle(attrs, NFTA_CHAIN_HANDLE),
          ...(attrs.has(NFTA_CHAIN_POLICY) && { policy: number(attrs, NFTA_CHAIN_POLICY) }),
          rules: (inChain.get(name) ?? []).map(({ fingerprint }) => fingerprint),
        };
      }),
    sets: sets
      .map(attributes)
      .map(attrs => `${text(attrs, NFTA_SET_NAME)} ${handle(attrs, NFTA_SET_HANDLE)}`),
  };
}

/** A rule's chain and its fingerprint: handle and content. There are many rules, so their contents are not copied. */
function readRule(payload: Buffer): { readonly chain: string; readonly fingerprint: string } {
  const attrs = new Map<number, readonly [start: number, end: number]>();
  eachAttr(payload, nfAttributesAt(payload), payload.length, (type, start, end) =>
    attrs.set(type, [start, end]),
  );
  const value = (type: number): Buffer | undefined => {
    const range = attrs.get(type);
    return range && payload.subarray(...range);
  };
  const chain = readString(known(value(NFTA_RULE_CHAIN), NFTA_RULE_CHAIN));
  const handle = hexHandle(known(value(NFTA_RULE_HANDLE), NFTA_RULE_HANDLE));
  const expressions = value(NFTA_RULE_EXPRESSIONS);
  return { chain, fingerprint: expressions ? `${handle} ${stableBytes(expressions)}` : handle };
}

/** Expressions in hex, with volatile data zeroed. */
function stableBytes(expressions: Buffer): string {
  const volatile: (readonly [start: number, end: number])[] = [];
  eachAttr(expressions, 0, expressions.length, (_, start, end) => {
    let kept: readonly number[] | undefined;
    eachAttr(expressions, start, end, (type, start, end) => {
      if (type === NFTA_EXPR_NAME) kept = VOLATILE.get(expressions.toString('latin1', start, end - 1));
      // The name comes first.
      if (type !== NFTA_EXPR_DATA || !kept) return;
      const stays = kept;
      eachAttr(expressions, start, end, (type, start, end) => {
        if (!stays.includes(type)) volatile.push([start, end]);
      });
    });
  });
  if (volatile.length === 0) return expressions.toString('hex');
  const stable = Buffer.from(expressions);
  for (const [start, end] of volatile) stable.fill(0, start, end);
  return stable.toString('hex');
}

/**
 * The lower 16 bits of the generation of a namespace's ruleset, which each transaction makes another: `res_id` of an
 * nfgenmsg, in every answer of nf_tables.
 * @throws DecodeError when it is short
 */
export function decodeGeneration(payload: Buffer): number {
  nfAttributesAt(payload);
  return payload.readUInt16BE(2);
}

function attributes(payload: Buffer): Map<number, Buffer> {
  return attrMap(nfAttributes(payload));
}

function text(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return readString(present(attrs, type));
}

function handle(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return hexHandle(present(attrs, type));
}

function hexHandle(value: Buffer): string {
  return sized(value, 8).toString('hex').replace(/^0+/, '');
}

/** In the network's order. */
function number(attrs: ReadonlyMap<number, Buffer>, type: number): number {
  return sized(present(attrs, type), 4).readUInt32BE();
}

function present(attrs: ReadonlyMap<number, Buffer>, type: number): Buffer {
  return known(attrs.get(type), type);
}

function known(value: Buffer | undefined, type: number): Buffer {
  if (!value) throw new DecodeError(`an answer of nf_tables without attribute ${type}`);
  return value;
}

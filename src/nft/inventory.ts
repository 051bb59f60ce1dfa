// What is in a table, told by the handles of its chains and rules: enough to see that somebody changed it. The kernel
// never changes a rule in place, another one has another handle; what changes by itself (counters, quotas, elements of
// meters) is not in it. Attributes NFTA_* of <linux/netfilter/nf_tables.h>. Not here: asking for it (nfnetlink.ts).

import { DecodeError } from '../errors.js';
import { attrMap, readString, sized } from '../netlink/attr.js';

const NFTA_TABLE_FLAGS = 2;
const NFTA_TABLE_USE = 3;
const NFTA_TABLE_HANDLE = 4;
const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_HANDLE = 2;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_POLICY = 5;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
const NFGENMSG_LEN = 4;

/** A chain, and the handles of its rules in their order. */
export interface ChainInventory {
  readonly name: string;
  /** In hex. */
  readonly handle: string;
  /** NF_ACCEPT or NF_DROP; absent where no hook is. */
  readonly policy?: number;
  readonly rules: readonly string[];
}

export interface NftInventory {
  /** As NftLook has it. */
  readonly generation: number;
  /** In hex: one that was made anew has another. */
  readonly handle: string;
  /** NFT_TABLE_F_*. */
  readonly flags: number;
  /** How many chains, sets and objects are in it. */
  readonly use: number;
  readonly chains: readonly ChainInventory[];
}

/** The kernel's answers about one table, in whole: payloads of its own message, of chains, and of its rules. */
export interface InventoryAnswers {
  readonly table: Buffer;
  /** Those of other tables are passed over. */
  readonly chains: readonly Buffer[];
  readonly rules: readonly Buffer[];
}

/** @throws DecodeError when an answer is short, or lacks what the kernel always says */
export function readInventory(name: string, { table, chains, rules }: InventoryAnswers): NftInventory {
  const inChain = new Map<string, string[]>();
  for (const payload of rules) {
    const attrs = attributes(payload);
    const chain = text(attrs, NFTA_RULE_CHAIN);
    const handles = inChain.get(chain) ?? [];
    inChain.set(chain, handles);
    handles.push(handle(attrs, NFTA_RULE_HANDLE));
  }
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
          rules: inChain.get(name) ?? [],
        };
      }),
  };
}

/**
 * The lower 16 bits of the generation of a namespace's ruleset, which each transaction makes another: `res_id` of an
 * nfgenmsg, in every answer of nf_tables.
 * @throws DecodeError when it is short
 */
export function decodeGeneration(payload: Buffer): number {
  return headed(payload).readUInt16BE(2);
}

function attributes(payload: Buffer): Map<number, Buffer> {
  return attrMap(headed(payload).subarray(NFGENMSG_LEN));
}

function headed(payload: Buffer): Buffer {
  if (payload.length < NFGENMSG_LEN) throw new DecodeError(`an nfgenmsg of ${payload.length} bytes`);
  return payload;
}

function text(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return readString(present(attrs, type));
}

function handle(attrs: ReadonlyMap<number, Buffer>, type: number): string {
  return sized(present(attrs, type), 8).toString('hex').replace(/^0+/, '');
}

/** In the network's order. */
function number(attrs: ReadonlyMap<number, Buffer>, type: number): number {
  return sized(present(attrs, type), 4).readUInt32BE();
}

function present(attrs: ReadonlyMap<number, Buffer>, type: number): Buffer {
  const value = attrs.get(type);
  if (!value) throw new DecodeError(`an answer of nf_tables without attribute ${type}`);
  return value;
}

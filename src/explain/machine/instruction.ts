// What a rule of nf_tables consists of: instructions on registers, as the kernel runs them. Types only. Not here: their bytes
// (decode.ts, expressions.ts), what they do (machine.ts).

import type { NftFamily } from '../../nft/table.js';

export type HookName = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'queue' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };

type CmpOperator = 'eq' | 'neq' | 'lt' | 'lte' | 'gt' | 'gte';

/** Registers are places in a file of 64 bytes; a destination that is absent is the verdict. */
export type Instruction =
  | { readonly op: 'immediate'; readonly dreg: number; readonly value: Buffer }
  | { readonly op: 'verdict'; readonly verdict: Verdict }
  | { readonly op: 'cmp'; readonly sreg: number; readonly is: CmpOperator; readonly value: Buffer }
  | {
      readonly op: 'range';
      readonly sreg: number;
      readonly inverted: boolean;
      readonly from: Buffer;
      readonly to: Buffer;
    }
  | {
      readonly op: 'lookup';
      readonly set: string;
      readonly sreg: number;
      /** Absent: nothing is read, `verdict`: it decides. */
      readonly dreg?: number | 'verdict';
      readonly inverted: boolean;
    }
  | {
      readonly op: 'bitwise';
      readonly sreg: number;
      readonly dreg: number;
      readonly mask: Buffer;
      readonly xor: Buffer;
    }
  | {
      readonly op: 'byteorder';
      readonly sreg: number;
      readonly dreg: number;
      readonly length: number;
      readonly size: number;
    }
  | {
      readonly op: 'payload';
      readonly dreg: number;
      readonly base: number;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly op: 'set payload';
      readonly sreg: number;
      readonly base: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly op: 'meta' | 'set meta' | 'set ct'; readonly reg: number; readonly key: number }
  | { readonly op: 'ct'; readonly reg: number; readonly key: number; readonly direction?: number }
  | { readonly op: 'fib'; readonly dreg: number; readonly result: number; readonly flags: number }
  | {
      readonly op: 'nat';
      readonly isSource: boolean;
      readonly family: number;
      readonly address?: readonly [min: number, max: number];
      readonly port?: readonly [min: number, max: number];
      readonly flags: number;
    }
  | { readonly op: 'masquerade' }
  | { readonly op: 'reject' | 'notrack' | 'neutral' }
  | { readonly op: 'redirect'; readonly port?: number }
  /** Of xtables. */
  | { readonly op: 'match'; readonly name: string; readonly info: Buffer }
  | { readonly op: 'target'; readonly name: string; readonly info: Buffer }
  /** Something that is not followed: what it asks for and what it loads is not known. */
  | { readonly op: 'other'; readonly name: string };

/** A rule as it is listed. */
export interface ListedRule {
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
  /** In its chain, from 1. */
  readonly number: number;
  readonly comment?: string;
  readonly instructions: readonly Instruction[];
}

/** A chain as it is listed. */
export interface ListedChain {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  /** Absent: it is reached by jumps only. */
  readonly base?: {
    readonly hook: HookName;
    readonly priority: number;
    readonly type: 'filter' | 'nat' | 'route';
    readonly isDropping: boolean;
  };
  /** It hangs at another hook than those of routed packets. */
  readonly isElsewhere?: true;
}

/** An element of a set. */
export interface SetElement {
  readonly key: Buffer;
  readonly keyEnd?: Buffer;
  /** The end of an interval: from there on nothing is in the set. */
  readonly isEnd?: true;
  /** It stands for all that no other element does. */
  readonly isCatchAll?: true;
  readonly data?: Buffer;
  readonly verdict?: Verdict;
  /** It has expressions of its own, which are not followed. */
  readonly isConditional?: true;
}

/** A set or map without its elements. */
export interface ListedSet {
  readonly family: NftFamily;
  readonly table: string;
  readonly name: string;
  readonly isInterval: boolean;
  /** Of concatenated ranges: the lengths of the parts. */
  readonly parts?: readonly number[];
}

/** Of one namespace, what is in nf_tables. */
export interface Ruleset {
  readonly chains: readonly ListedChain[];
  /** By family, table and chain. */
  readonly rules: ReadonlyMap<string, readonly ListedRule[]>;
  readonly sets: ReadonlyMap<string, ListedSet>;
}

export function placeKey(family: NftFamily, table: string, name: string): string {
  return `${family} ${table} ${name}`;
}

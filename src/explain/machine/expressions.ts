// Expressions of a rule, decoded: NFTA_* of <linux/netfilter/nf_tables.h>. Pure. Not here: rules, chains and sets (decode.ts),
// what an expression does (machine.ts).

import { attrMap, readAttrs, untilZero } from '../../netlink/attributes.js';
import type { Instruction, Verdict } from './instruction.js';

type Attributes = ReadonlyMap<number, Buffer>;

const NONE = Buffer.alloc(0);
/** Registers in bytes, and where those of four bytes begin. */
const [REGISTERS, NFT_REG32_00] = [64, 8] as const;
const [NF_DROP, NF_ACCEPT, NF_QUEUE] = [0, 1, 3] as const;
const [NFT_JUMP, NFT_GOTO, NFT_RETURN] = [-3, -4, -5] as const;
const COMPARISONS = ['eq', 'neq', 'lt', 'lte', 'gt', 'gte'] as const;
/** Expressions that neither select packets nor decide about them. */
const NEUTRAL: ReadonlySet<string> = new Set(['counter', 'log', 'last']);
const NFT_OBJECT_COUNTER = 1;

/** What is not understood becomes `other`. @throws DecodeError where attributes are damaged */
export function decodeExpressions(bytes: Buffer): Instruction[] {
  return readAttrs(bytes).map(({ value }) => {
    const attrs = attrMap(value);
    const name = rawName(attrs.get(1) ?? NONE);
    const data = attrMap(attrs.get(2) ?? NONE);
    return DECODERS[name]?.(data) ?? (NEUTRAL.has(name) ? { op: 'neutral' } : { op: 'other', name });
  });
}

const DECODERS: Readonly<Record<string, (data: Attributes) => Instruction | undefined>> = {
  immediate: data => {
    const nested = attrMap(data.get(2) ?? NONE);
    const verdict = decodeVerdict(nested);
    if (nested.has(2)) return verdict && { op: 'verdict', verdict };
    const [dreg, value] = [register(data.get(1)), nested.get(1)];
    return dreg === undefined || !value ? undefined : { op: 'immediate', dreg, value };
  },
  cmp: data => {
    const [sreg, is, value] = [
      register(data.get(1)),
      COMPARISONS[word(data.get(2)) ?? -1],
      dataValue(data, 3),
    ];
    return sreg === undefined || !is || !value ? undefined : { op: 'cmp', sreg, is, value };
  },
  range: data => {
    const [sreg, from, to] = [register(data.get(1)), dataValue(data, 3), dataValue(data, 4)];
    return sreg === undefined || !from || !to
      ? undefined
      : { op: 'range', sreg, inverted: word(data.get(2)) === 1, from, to };
  },
  lookup: data => {
    const [sreg, set, target] = [register(data.get(2)), data.get(1), word(data.get(3))];
    if (sreg === undefined || !set) return undefined;
    const dreg = target === undefined ? undefined : target === 0 ? 'verdict' : register(data.get(3));
    return {
      ...{ op: 'lookup', set: rawName(set), sreg, inverted: ((word(data.get(5)) ?? 0) & 1) !== 0 },
      ...(dreg !== undefined && { dreg }),
    };
  },
  bitwise: data => {
    const [sreg, dreg] = [register(data.get(1)), register(data.get(2))];
    const [mask, xor] = [dataValue(data, 4), dataValue(data, 5)];
    const isMask = (word(data.get(6)) ?? 0) === 0;
    return !isMask || sreg === undefined || dreg === undefined || !mask || xor?.length !== mask.length
      ? undefined
      : { op: 'bitwise', sreg, dreg, mask, xor };
  },
  byteorder: data => {
    const [sreg, dreg, length, size] = [
      register(data.get(1)),
      register(data.get(2)),
      word(data.get(4)),
      word(data.get(5)),
    ];
    if (sreg === undefined || dreg === undefined || !length || length > REGISTERS) return undefined;
    return size === 2 || size === 4 || size === 8 ? { op: 'byteorder', sreg, dreg, length, size } : undefined;
  },
  payload: data => {
    const [base, offset, length] = [word(data.get(2)), word(data.get(3)), word(data.get(4))];
    const [dreg, sreg] = [register(data.get(1)), register(data.get(5))];
    if (base === undefined || offset === undefined || !length || length > REGISTERS) return undefined;
    if (sreg !== undefined) return { op: 'set payload', sreg, base, offset, length };
    return dreg === undefined ? undefined : { op: 'payload', dreg, base, offset, length };
  },
  meta: data => {
    const [key, dreg, sreg] = [word(data.get(2)), register(data.get(1)), register(data.get(3))];
    if (key === undefined) return undefined;
    if (sreg !== undefined) return { op: 'set meta', reg: sreg, key };
    return dreg === undefined ? undefined : { op: 'meta', reg: dreg, key };
  },
  ct: data => {
    const [key, dreg, sreg] = [word(data.get(2)), register(data.get(1)), register(data.get(4))];
    const direction = data.get(3)?.[0];
    if (key === undefined) return undefined;
    if (sreg !== undefined) return { op: 'set ct', reg: sreg, key };
    return dreg === undefined
      ? undefined
      : { op: 'ct', reg: dreg, key, ...(direction !== undefined && { direction }) };
  },
  fib: data => {
    const [dreg, result, flags] = [register(data.get(1)), word(data.get(2)), word(data.get(3))];
    return dreg === undefined || result === undefined || flags === undefined
      ? undefined
      : { op: 'fib', dreg, result, flags };
  },
  nat: data => {
    const [address, port] = [registers(data, 3), registers(data, 5)];
    return {
      ...{
        op: 'nat',
        isSource: word(data.get(1)) === 0,
        family: word(data.get(2)) ?? 0,
        flags: word(data.get(7)) ?? 0,
      },
      ...(address && { address }),
      ...(port && { port }),
    };
  },
  redir: data => {
    const port = register(data.get(1));
    return { op: 'redirect', ...(port !== undefined && { port }) };
  },
  masq: () => ({ op: 'masquerade' }),
  reject: () => ({ op: 'reject' }),
  notrack: () => ({ op: 'notrack' }),
  objref: data => (word(data.get(1)) === NFT_OBJECT_COUNTER ? { op: 'neutral' } : undefined),
  queue: () => ({ op: 'verdict', verdict: { kind: 'queue' } }),
  match: data => ({ op: 'match', name: rawName(data.get(1) ?? NONE), info: data.get(3) ?? NONE }),
  target: data => ({ op: 'target', name: rawName(data.get(1) ?? NONE), info: data.get(3) ?? NONE }),
};

/** @param data of NFTA_DATA_*. Undefined where there is none that is known */
export function decodeVerdict(data: Attributes): Verdict | undefined {
  const nested = data.get(2);
  if (!nested) return undefined;
  const attrs = attrMap(nested);
  const code = (word(attrs.get(1)) ?? 0) | 0;
  const chain = rawName(attrs.get(2) ?? NONE);
  if (code === NFT_JUMP || code === NFT_GOTO) return { kind: code === NFT_JUMP ? 'jump' : 'goto', chain };
  if (code === NFT_RETURN) return { kind: 'return' };
  if (code === NF_ACCEPT || code === NF_DROP) return { kind: code === NF_ACCEPT ? 'accept' : 'drop' };
  return (code & 0xff) === NF_QUEUE ? { kind: 'queue' } : undefined;
}

/** A name, byte by byte: two of them may be alike as text. */
export function rawName(value: Buffer): string {
  return untilZero(value).toString('latin1');
}

/** NFTA_DATA_VALUE of a nest. */
export function dataValue(attrs: Attributes, type: number): Buffer | undefined {
  const nested = attrs.get(type);
  return nested && attrMap(nested).get(1);
}

/** In the network's order. */
export function word(value: Buffer | undefined): number | undefined {
  return value?.length === 4 ? value.readUInt32BE() : undefined;
}

/** A register's place in bytes; undefined for that of the verdict. */
function register(value: Buffer | undefined): number | undefined {
  const number = word(value);
  if (number === undefined || number === 0) return undefined;
  const place = number < NFT_REG32_00 ? (number - 1) * 16 : (number - NFT_REG32_00) * 4;
  return place < REGISTERS ? place : undefined;
}

function registers(data: Attributes, type: number): readonly [number, number] | undefined {
  const min = register(data.get(type));
  return min === undefined ? undefined : [min, register(data.get(type + 1)) ?? min];
}

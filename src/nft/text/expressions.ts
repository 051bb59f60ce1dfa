// Expressions as nft(8) prints them: fields, sets, ranges, maps, masks. Pure. Not here: how a value is printed
// (values.ts), statements (statements.ts).

import type { Expression } from '../expression.js';
import { concatKey } from './concat-order.js';
import { numberOf, TCP_OPTIONS } from './symbols.js';
import { formatSeconds, type Scalar, typeOf, type ValueType } from './values.js';

/** Keys of `meta` that are printed without that word. */
const BARE_META = new Set(['iifname', 'oifname', 'iif', 'oif', 'iifgroup', 'oifgroup']);
const META_NAMES: Readonly<Record<string, string>> = { secpath: 'ipsec' };
const FIB_FLAGS = ['saddr', 'daddr', 'mark', 'iif', 'oif'];
const ALL_ONES = 0xffff_ffff;

/** A field, or what is computed from one. */
export function printField(expression: Expression): string {
  if (typeof expression !== 'object') return String(expression);
  if ('meta' in expression) {
    const { key } = expression.meta;
    return BARE_META.has(key) ? key : `meta ${META_NAMES[key] ?? key}`;
  }
  if ('ct' in expression) {
    const { key, dir } = expression.ct;
    return ['ct', ...(dir && key !== 'protocol' ? [dir] : []), key].join(' ');
  }
  if ('payload' in expression) {
    const { payload } = expression;
    if ('base' in payload) return `@${payload.base},${payload.offset},${payload.len}`;
    return `${payload.protocol} ${payload.field}`;
  }
  if ('exthdr' in expression) {
    const { name, field } = expression.exthdr;
    return field === undefined ? `exthdr ${name}` : `${name} ${field}`;
  }
  if ('tcp option' in expression) return printTcpOption(expression['tcp option']);
  if ('sctp chunk' in expression) {
    const { name, field } = expression['sctp chunk'];
    return ['sctp chunk', name, ...(field === undefined ? [] : [field])].join(' ');
  }
  if ('fib' in expression) {
    const { result, flags } = expression.fib;
    return `fib ${FIB_FLAGS.filter(flag => flags.includes(flag)).join(' . ')} ${result}`;
  }
  if ('rt' in expression) return `rt ${expression.rt.key}`;
  if ('socket' in expression) return `socket ${expression.socket.key}`;
  if ('numgen' in expression) {
    const { mode, mod, offset = 0 } = expression.numgen;
    return `numgen ${mode} mod ${mod}${offset > 0 ? ` offset ${offset}` : ''}`;
  }
  if ('elem' in expression)
    return `${printField(expression.elem.val)} timeout ${formatSeconds(expression.elem.timeout)}`;
  if (isConcat(expression)) return expression.concat.map(printField).join(' . ');
  return printComputed(expression);
}

export function printTcpOption(
  option:
    | { readonly name: string; readonly field?: string }
    | { readonly base: number; readonly offset: number; readonly len: number },
): string {
  if ('base' in option) return `tcp option ${TCP_OPTIONS.get(option.base) ?? option.base}`;
  return ['tcp option', option.name, ...(option.field === undefined ? [] : [option.field])].join(' ');
}

/** A mask, or what else the kernel makes of a field: (field & mask) ^ bits, with `|` for what the mask has taken away. */
function printComputed(expression: Expression): string {
  if (typeof expression !== 'object') return String(expression);
  const { field, mask, bits } = computedOf(expression);
  const { print } = typeOf(field);
  const isMark = typeof mask === 'number' && typeof bits === 'number';
  if (!isMark || (mask !== ALL_ONES && bits === 0)) return `${printField(field)} & ${print(mask)}`;
  const set = (bits & ~mask) >>> 0;
  const flipped = (bits & mask) >>> 0;
  const kept = (mask | set) >>> 0;
  return [
    printField(field),
    ...(kept === ALL_ONES ? [] : [`& ${print(kept)}`]),
    ...(flipped === 0 ? [] : [`^ ${print(flipped)}`]),
    ...(set === 0 ? [] : [`| ${print(set)}`]),
  ].join(' ');
}

/** `(field & mask) ^ bits`. */
function computedOf(expression: Expression): {
  readonly field: Expression;
  readonly mask: Scalar;
  readonly bits: Scalar;
} {
  const plain = { field: expression, mask: ALL_ONES, bits: 0 };
  if (typeof expression !== 'object') return plain;
  if ('&' in expression && expression['&']) {
    const [field, mask] = expression['&'];
    return { field: field!, mask: mask as Scalar, bits: 0 };
  }
  if ('|' in expression && expression['|']) {
    const [field, bits] = expression['|'];
    return { field: field!, mask: (~Number(bits) & ALL_ONES) >>> 0, bits: bits as Scalar };
  }
  if ('^' in expression && expression['^']) {
    const [inner, bits] = expression['^'];
    return { ...computedOf(inner!), bits: bits as Scalar };
  }
  return plain;
}

/** The right side of a match, or the value of a statement, in the type of its left side. */
export function printValue(value: Expression, type: ValueType): string {
  if (typeof value !== 'object') return printScalar(value, type);
  if ('prefix' in value) return `${value.prefix.addr}/${value.prefix.len}`;
  if ('range' in value) return printRange(value.range, type);
  if ('set' in value) return printSet(value.set, type);
  if (isList(value)) return value.map(one => printValue(one, type)).join(',');
  if ('map' in value) {
    const { key, data } = value.map;
    return `${printField(key)} map ${printValue(data, typeOf(key))}`;
  }
  if (isConcat(value)) return value.concat.map(part => printValue(part, { print: String })).join(' . ');
  return printField(value);
}

function isList(value: Expression): value is readonly Expression[] {
  return Array.isArray(value);
}

function isConcat(value: Expression): value is { readonly concat: readonly Expression[] } {
  return typeof value === 'object' && !isList(value) && 'concat' in value;
}

function printScalar(value: Scalar, type: ValueType): string {
  return typeof value === 'string' && value.startsWith('@') ? value : type.print(value);
}

function printRange(
  [first, last]: readonly [Scalar, Scalar],
  { print, printEnd = print }: ValueType,
): string {
  return `${printEnd(first)}-${printEnd(last)}`;
}

type Member = Expression | readonly [Expression, Expression];

function printSet(given: readonly Member[], type: ValueType): string {
  const [only] = given;
  // libnftables makes a comparison of it.
  if (only !== undefined && given.length === 1 && !isPair(only)) return printValue(only, type);
  return `{ ${printMembers(given, type).join(', ')} }`;
}

/** The members of a set in the order in which they are listed. */
export function printMembers(given: readonly Member[], type: ValueType): string[] {
  const members = joinIntervals(given);
  const printed = members.map(member =>
    isPair(member)
      ? `${printValue(member[0], type)} : ${printValue(member[1], { print: String })}`
      : printValue(member, type),
  );
  const order = members.map((member, n) => [sortKey(isPair(member) ? member[0] : member, type), n] as const);
  order.sort(([a], [b]) => compareKeys(a, b));
  return order.map(([, n]) => printed[n]!);
}

/** In a set with a range, numbers and ranges that touch are one range. */
function joinIntervals(members: readonly Member[]): readonly Member[] {
  if (!members.some(isNumericRange)) return members;
  const found: { first: number; last: number }[] = [];
  const ends = members.map(member =>
    isNumericRange(member) ? member.range : ([member, member] as readonly [number, number]),
  );
  for (const [first, last] of [...ends].sort(([a], [b]) => a - b)) {
    const before = found.at(-1);
    if (before && first <= before.last + 1) before.last = Math.max(before.last, last);
    else found.push({ first, last });
  }
  return found.map(({ first, last }) => (first === last ? first : { range: [first, last] }));
}

function isNumericRange(member: Member): member is { readonly range: readonly [number, number] } {
  return (
    typeof member === 'object' &&
    'range' in member &&
    (member.range as readonly unknown[]).every(end => typeof end === 'number')
  );
}

function isPair(member: Member): member is readonly [Expression, Expression] {
  return Array.isArray(member) && member.length === 2;
}

/** What the members of a set are sorted by: the kernel's numbers. */
function sortKey(member: Expression, type: ValueType): readonly (number | string)[] {
  if (typeof member === 'number' || typeof member === 'boolean') return [Number(member)];
  if (typeof member === 'string') {
    const known = type.order && numberOf(type.order, member);
    return [known ?? member];
  }
  if ('range' in member) return sortKey(member.range[0], type);
  if (isConcat(member)) return [concatKey(member.concat)];
  return [];
}

function compareKeys(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [n, one] of a.entries()) {
    const other = b[n];
    if (other === undefined || one === other) continue;
    if (typeof one === 'number' && typeof other === 'number') return one - other;
    return String(one) < String(other) ? -1 : 1;
  }
  return 0;
}

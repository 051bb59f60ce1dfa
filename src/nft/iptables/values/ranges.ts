// Comparisons of a header field with a number or a range that may be the whole of the field or beyond it, and what is
// true of several conditions at once. Not here: the reading of numbers (numbers.ts).

import { type Expression, match, type Statement } from '../../expression.js';
import type { ParsedOption } from '../syntax/extension.js';
import { never } from './addresses.js';
import { type Range, readNumber, UINT8_MAX, UINT32_MAX, valueOrRange } from './numbers.js';

/**
 * "LEFT is (not) in the range". The whole of the field needs no statement, and what lies beyond it fits no packet:
 * nft(8) refuses both.
 * @param max the highest value that the field can have
 */
export function matchRange(
  left: Expression,
  { negated }: Pick<ParsedOption, 'negated'>,
  [first, last]: Range,
  max: number,
): Statement[] {
  if (first > max) return negated ? [] : [never()];
  if (first === 0 && last >= max) return negated ? [never()] : [];
  return [match(left, negated ? '!=' : '==', valueOrRange([first, Math.min(last, max)]))];
}

/**
 * "A header has (not) so many octets", of a field that counts them in units.
 * @param counting how many octets a unit has, and how many units of each header are not counted
 */
export function matchOctets(
  left: Expression,
  { values, negated }: ParsedOption,
  { unit, uncounted }: { readonly unit: number; readonly uncounted: number },
): Statement[] {
  const units = readNumber(values[0]!, 0, UINT32_MAX) / unit - uncounted;
  if (!Number.isInteger(units) || units < 0) return negated ? [] : [never()];
  return matchRange(left, { negated }, [units, units], UINT8_MAX);
}

/** Lists of statements, of which at most one fits a packet. */
type Alternatives = readonly (readonly Statement[])[];

/** A condition, and its opposite. */
export interface Condition {
  readonly yes: Alternatives;
  readonly no: Alternatives;
}

/** Every one of them is true. */
function all(parts: readonly Alternatives[]): Statement[][] {
  return parts.reduce<Statement[][]>(
    (lists, part) => lists.flatMap(list => part.map(more => [...list, ...more])),
    [[]],
  );
}

/** All of the conditions. */
export function allOf(conditions: readonly Condition[]): Condition {
  return { yes: all(conditions.map(({ yes }) => yes)), no: firstNot(conditions) };
}

/** One of the conditions at least. */
export function anyOf(conditions: readonly Condition[]): Condition {
  const { yes, no } = allOf(conditions.map(({ yes, no }) => ({ yes: no, no: yes })));
  return { yes: no, no: yes };
}

/** Those that come before one are true, and it is not: one alternative for each. */
function firstNot(conditions: readonly Condition[]): Statement[][] {
  return conditions.flatMap(({ no }, index) =>
    all([...conditions.slice(0, index).map(({ yes }) => yes), no]),
  );
}

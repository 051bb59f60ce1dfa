// Values of options, read as strictly as xtables' option parser reads them or more so: numbers, ranges, ports, marks,
// rates. Not here: addresses and interfaces (addresses.ts), lists of names (names.ts).

import type { Expression, RangeExpression } from '../../expression.js';
import { refuse, type Token } from '../syntax/tokens.js';
import { PROTOCOLS, SERVICES } from './names.js';

export const UINT8_MAX = 0xff;
export const UINT16_MAX = 0xffff;
export const UINT32_MAX = 0xffff_ffff;

/** A number as strtoul(3) with base 0 reads it: decimal, 0x…, 0… in octal; no sign. Undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  if (!/^(0|[1-9]\d*|0[xX][\da-fA-F]+)$/.test(text)) return undefined;
  return Number(text);
}

/** @throws RuleError unless the token is a whole number from `min` to `max` */
export function readNumber(token: Token, min: number, max: number): number {
  return numberIn(token, token.text, min, max);
}

/** A part of a token as a whole number from `min` to `max`. @throws RuleError that names the whole token */
export function numberIn(token: Token, text: string, min: number, max: number): number {
  const value = parseNumber(text);
  if (value === undefined || value < min || value > max) refuse(token, `is no number from ${min} to ${max}`);
  return value;
}

/** A part of a token, where it stands in the rule. */
export function part(token: Token, text: string, at: number): Token {
  return { text, offset: token.quoted ? token.offset : token.offset + at, quoted: token.quoted };
}

/** The parts of a list, each with its place. At most `max`, and none empty. @throws RuleError */
export function split(token: Token, separator: string, max = 1000): Token[] {
  const parts: Token[] = [];
  let at = 0;
  for (const text of token.text.split(separator, max + 1)) {
    if (text === '') refuse(token, `has an empty part between "${separator}"`);
    parts.push(part(token, text, at));
    at += text.length + separator.length;
  }
  if (parts.length > max) refuse(token, `has more than ${max} parts`);
  return parts;
}

export type Range = readonly [first: number, last: number];

/** `FIRST[:LAST]`; with an end missing, the range goes up to what is possible. @throws RuleError */
export function readRange(
  token: Token,
  max: number,
  read = (text: string) => numberIn(token, text, 0, max),
): Range {
  const parts = token.text.split(':');
  if (parts.length > 2) refuse(token, 'has more than one ":"');
  const [from = '', to] = parts;
  if (to === undefined) {
    const value = read(from);
    return [value, value];
  }
  const range: Range = [from === '' ? 0 : read(from), to === '' ? max : read(to)];
  if (range[0] > range[1]) refuse(token, 'is a range whose end comes before its beginning');
  return range;
}

/** A port by its number, or by the name that it has in services(5) for the protocol. @throws RuleError */
export function readPort(token: Token, protocol: string, text = token.text): number {
  const port = parseNumber(text) ?? SERVICES[protocol]?.get(text);
  if (port === undefined || port > UINT16_MAX) refuse(token, `is no port: ${portsMeant(text)}`);
  return port;
}

/** What was meant by several ports in one. */
function portsMeant(text: string): string {
  if (/^\d+-\d+$/.test(text)) return `did you mean ${text.replace('-', ':')}?`;
  if (/^!./.test(text)) return 'the "!" stands before the option, with spaces around it';
  return /^\d+(,\d+)+$/.test(text)
    ? `several are taken by -m multiport, with --dports ${text.slice(0, 80)} or --sports`
    : 'give a number from 0 to 65535';
}

/** `PORT[:PORT]`. @throws RuleError */
export function readPortRange(token: Token, protocol: string): Range {
  return readRange(token, UINT16_MAX, text => readPort(token, protocol, text));
}

/** A protocol by its number or by its name in protocols(5); `all` is 0. @throws RuleError */
export function readProtocol(token: Token): number {
  const text = token.text.toLowerCase();
  const number = parseNumber(text) ?? PROTOCOLS.get(text);
  if (number === undefined || number > UINT8_MAX)
    refuse(
      token,
      `is no protocol: ${/^\w+[/,|+]\w+$/.test(text) ? 'give each a rule of its own' : 'give a number up to 255'}`,
    );
  return number;
}

/** The right side of a comparison. */
export function valueOrRange([first, last]: Range): number | RangeExpression {
  return first === last ? first : { range: [first, last] };
}

export interface Masked {
  readonly value: number;
  readonly mask: number;
}

/** `VALUE[/MASK]` of so many bits; without a mask all of them count. @throws RuleError */
export function readMasked(token: Token, max: number): Masked {
  const [value = '', mask, more] = token.text.split('/');
  if (more !== undefined) refuse(token, 'has more than one "/"');
  return {
    value: numberIn(token, value, 0, max),
    mask: mask === undefined ? max : numberIn(token, mask, 0, max),
  };
}

/** Each bit of a number by itself. */
export function bitsOf(bits: number): number[] {
  return Array.from({ length: 32 }, (_, n) => (1 << n) >>> 0).filter(bit => (bits & bit) !== 0);
}

/** `LEFT & MASK`, or LEFT alone where all bits of it count. */
export function maskedBy(left: Expression, mask: number, max: number): Expression {
  return mask === max ? left : { '&': [left, mask] };
}

export interface Rate {
  readonly rate: number;
  readonly per: 'second' | 'minute' | 'hour' | 'day';
}

const SECONDS = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const;
const PERIODS = Object.keys(SECONDS) as readonly (keyof typeof SECONDS)[];

/** `NUMBER[/UNIT]`, a unit by any beginning of its name; as fast as `scale` a second at most. @throws RuleError */
export function readRate(token: Token, scale: number): Rate {
  const [, number, unit = 'second'] = /^(\d+)(?:\/(.+))?$/.exec(token.text) ?? [];
  const per = PERIODS.find(name => name.startsWith(unit.toLowerCase()));
  const rate = Number(number);
  if (number === undefined || rate === 0 || per === undefined) {
    refuse(token, 'is no rate such as 5/minute: a number, and /second, /minute, /hour or /day');
  }
  if (rate > scale * SECONDS[per] || rate > UINT32_MAX) refuse(token, 'is too fast a rate');
  return { rate, per };
}

/** How many seconds the unit of a rate has. */
export function secondsOf(rate: Rate): number {
  return SECONDS[rate.per];
}

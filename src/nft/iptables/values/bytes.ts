// Bytes: how many, how many a second, and how many at once. Pure. Not here: rates of packets (numbers.ts).

import { refuse, type Token } from '../syntax/tokens.js';
import { parseNumber, UINT32_MAX } from './numbers.js';

const UINT64_MAX = 2n ** 64n - 1n;

type ByteUnit = 'bytes' | 'kbytes' | 'mbytes';

interface ByteRate {
  readonly rate: number;
  readonly rate_unit: ByteUnit;
  readonly per: 'second';
}

function byteUnit(letter: string): ByteUnit {
  return letter === 'm' ? 'mbytes' : letter === 'k' ? 'kbytes' : 'bytes';
}

/** Undefined for what is no rate of bytes, but may be one of packets. @throws RuleError for one that cannot be */
export function readByteRate(token: Token): ByteRate | undefined {
  const [, bytes, unit = ''] = /^(\d+)([km]?)b\/s$/.exec(token.text) ?? [];
  if (bytes === undefined) return undefined;
  const rate = Number(bytes);
  if (rate === 0 || rate > UINT32_MAX) refuse(token, 'is no rate of bytes such as 512kb/s');
  return { rate, rate_unit: byteUnit(unit), per: 'second' };
}

/** @throws RuleError */
export function readByteBurst(token: Token): { readonly burst: number; readonly burst_unit: ByteUnit } {
  const [, number, unit = ''] = /^(\d+)(?:([km]?)b)?$/.exec(token.text) ?? [];
  const burst = Number(number);
  if (number === undefined || burst === 0 || burst > UINT32_MAX) refuse(token, 'is no burst such as 512kb');
  return { burst, burst_unit: byteUnit(unit) };
}

/** A number of 64 bits; more than 53 are cut to those. @throws RuleError */
export function readBytes(token: Token): number {
  const number = parseNumber(token.text);
  if (
    number === undefined ||
    (number > Number.MAX_SAFE_INTEGER && BigInt(token.text.replace(/^0(?=\d)/, '0o')) > UINT64_MAX)
  ) {
    refuse(token, `is no number from 0 to ${UINT64_MAX}`);
  }
  return Math.min(number, Number.MAX_SAFE_INTEGER);
}

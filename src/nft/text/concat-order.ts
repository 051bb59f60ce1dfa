// The order in which nft(8) lists elements that are concatenations: as one number each, whose lowest byte is the first of the
// kernel's key. Pure. Not here: the order of other elements (expressions.ts).

import { parseAddress } from '../../base/ip.js';
import type { Expression } from '../expression.js';
import { numberOf, PROTOCOL_NAMES } from './symbols.js';

/** `NFT_REG32_SIZE`: bytes of a register, of which each part begins a new one. */
const NFT_REG32_SIZE = 4;

/** The same order as text, for elements of one type: addresses, protocols' names, and numbers, which are ports. */
export function concatKey(parts: readonly Expression[]): string {
  return Buffer.concat(parts.map(inRegisters)).reverse().toString('hex');
}

function inRegisters(part: Expression): Buffer {
  const bytes = bytesOf(part);
  return Buffer.concat([bytes], Math.ceil(bytes.length / NFT_REG32_SIZE) * NFT_REG32_SIZE);
}

function bytesOf(part: Expression): Buffer {
  if (typeof part === 'number') return Buffer.from([part >> 8, part & 0xff]);
  const text = String(part);
  return Buffer.from(parseAddress(text)?.bytes ?? [numberOf(PROTOCOL_NAMES, text) ?? 0]);
}

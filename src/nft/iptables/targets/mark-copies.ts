// One mark copied to another: CONNMARK --save-mark and --restore-mark. nftables 1.0.6 cannot join two marks, so where bits of
// the one that is written are to stay, the others are copied bit by bit. Not here: marks that are set (mangle.ts).

import { ct, type Expression, match, meta, type Statement } from '../../expression.js';
import { type Options, statements, type Translation } from '../syntax/extension.js';
import { bitsOf, maskedBy, readNumber, UINT32_MAX } from '../values/numbers.js';

/** `TARGET = (TARGET & ~TO) ^ (SOURCE & FROM)`, as the kernel's xt_connmark has it. */
export function copyMark(options: Options, name: 'save-mark' | 'restore-mark'): Translation {
  const readMask = (option: string): number => {
    const token = options.value('mask') ?? options.value(option);
    return token ? readNumber(token, 0, UINT32_MAX) : UINT32_MAX;
  };
  const saves = name === 'save-mark';
  const [source, target] = saves ? [meta('mark'), ct('mark')] : [ct('mark'), meta('mark')];
  const [from, to] = saves
    ? [readMask('nfmask'), readMask('ctmask')]
    : [readMask('ctmask'), readMask('nfmask')];
  if (to === UINT32_MAX) return statements(set(target, from === 0 ? 0 : maskedBy(source, from, UINT32_MAX)));
  const lists = [
    ...clear(target, (to & ~from) >>> 0),
    ...bitsOf(from).flatMap(bit => copyBit(bit, to, source, target)),
  ];
  if (lists.length === 0) return statements();
  return {
    alternatives: [lists.at(-1)!],
    ...(lists.length > 1 && {
      steps: { lists: lists.slice(0, -1), changes: saves ? 'connection mark' : 'packet mark' },
    }),
  };
}

/** `LEFT & BIT` is there, or is not. */
const hasBit = (left: Expression, bit: number, isSet = true): Statement =>
  match({ '&': [left, bit] }, '==', isSet ? bit : 0);

function clear(target: Expression, bits: number): Statement[][] {
  return bits === 0 ? [] : [[set(target, { '&': [target, ~bits >>> 0] })]];
}

/** A bit that is not to be overwritten is inverted where the source has it. */
function copyBit(bit: number, to: number, source: Expression, target: Expression): Statement[][] {
  if ((to & bit) === 0) return [[hasBit(source, bit), set(target, { '^': [target, bit] })]];
  return [
    [hasBit(source, bit), set(target, { '|': [target, bit] })],
    [hasBit(source, bit, false), set(target, { '&': [target, ~bit >>> 0] })],
  ];
}

function set(key: Expression, value: Expression): Statement {
  return { mangle: { key, value } };
}

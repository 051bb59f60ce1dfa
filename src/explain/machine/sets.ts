// Look-ups in sets and maps, as the kernel's kinds of sets do them. Pure.

import { type Bits, compareBits, equalBits, isKnown, type Judgement, sliceBits } from './bits.js';
import type { ListedSet, SetElement } from './instruction.js';

/** `found` undefined: it cannot be judged. */
interface Found {
  readonly found: Judgement;
  readonly element?: SetElement;
}

/** @param key from the register on; elements say how long it is */
export function lookUpInSet(
  set: Pick<ListedSet, 'isInterval' | 'parts'>,
  elements: readonly SetElement[],
  key: Bits,
): Found {
  const plain = elements.filter(({ isCatchAll }) => !isCatchAll);
  const hit = set.isInterval && !set.parts ? inIntervals(plain, key) : among(plain, key, set.parts);
  if (hit.element?.isConditional) return { found: undefined };
  if (hit.found !== false) return hit;
  const rest = elements.find(({ isCatchAll }) => isCatchAll);
  return rest ? { found: rest.isConditional ? undefined : true, element: rest } : hit;
}

/** One after the other: single values, or ranges of each part. */
function among(elements: readonly SetElement[], key: Bits, parts: readonly number[] | undefined): Found {
  let isSure = true;
  for (const element of elements) {
    const judged = element.keyEnd
      ? inParts(element, element.keyEnd, key, parts)
      : equalBits(key, element.key);
    if (judged) return isSure ? { found: true, element } : { found: undefined };
    if (judged === undefined) isSure = false;
  }
  return { found: isSure ? false : undefined };
}

function inParts(
  { key: low }: SetElement,
  high: Buffer,
  key: Bits,
  parts: readonly number[] = [low.length],
): Judgement {
  let offset = 0;
  let judged: Judgement = true;
  for (const length of parts) {
    const part = sliceBits(key, offset, length);
    const [from, to] = [low.subarray(offset, offset + length), high.subarray(offset, offset + length)];
    const [above, below] = [compareBits(part, from), compareBits(part, to)];
    if (above === undefined || below === undefined) judged = undefined;
    else if (above < 0 || below > 0) return false;
    // Each part begins at a register of its own.
    offset += (length + 3) & ~3;
  }
  return judged;
}

/** Starts and ends in order: the last one that is not above the key decides. */
function inIntervals(elements: readonly SetElement[], key: Bits): Found {
  const [first] = elements;
  if (!first) return { found: false };
  const own = sliceBits(key, 0, first.key.length);
  if (!isKnown(own)) return { found: undefined };
  let last: SetElement | undefined;
  for (const element of elements) {
    if (Buffer.compare(element.key, own.value) > 0) continue;
    const order = last ? Buffer.compare(element.key, last.key) : 1;
    // A start at the end of another interval counts.
    if (order > 0 || (order === 0 && !element.isEnd)) last = element;
  }
  if (!last || last.isEnd) return { found: false };
  if (last.keyEnd && Buffer.compare(own.value, last.keyEnd) > 0) return { found: false };
  return { found: true, element: last };
}

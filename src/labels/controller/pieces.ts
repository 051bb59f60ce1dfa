// Work in pieces, with the event loop free in between: calls of the network driver are answered, and events are read. Not here:
// the work.

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Work } from '../../netlink/work.js';

/** How long the event loop may be blocked at a time, in milliseconds. */
const MAX_BLOCK_MS = 2;

/**
 * Does some work piece by piece. @returns undefined where it was given up
 * @param isOver asked whenever something else may have happened: whether nobody wants it any more
 */
export async function inPieces<T>(work: Work<T>, isOver: () => boolean): Promise<T | undefined> {
  while (!isOver()) {
    const began = performance.now();
    do {
      const { done, value } = work.next();
      if (done) return value;
    } while (performance.now() - began < MAX_BLOCK_MS);
    await yieldToLoop();
  }
  return undefined;
}

/** Does something for each, until it is enough. */
export function* forEach<T>(
  items: readonly T[],
  isEnough: () => boolean,
  use: (item: T) => void,
): Work<void> {
  for (const item of items) {
    if (isEnough()) return;
    use(item);
    yield;
  }
}

// A map over a list with a limit of concurrent calls, such as requests to Docker.

import { setImmediate as yieldToLoop } from 'node:timers/promises';

/** How long the event loop may be blocked by thousands of calls that have nothing to wait for, in milliseconds. */
const MAX_BLOCK_MS = 4;

/** Maps with at most `limit` calls at a time; the results are in order. */
export async function mapConcurrently<T, U>(
  items: readonly T[],
  limit: number,
  fn: (item: T, index: number) => Promise<U> | U,
): Promise<U[]> {
  const results = new Array<U>(items.length);
  let next = 0;
  let yielded = performance.now();
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const n = next++;
      results[n] = await fn(items[n]!, n);
      if (performance.now() - yielded < MAX_BLOCK_MS) continue;
      await yieldToLoop();
      yielded = performance.now();
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}

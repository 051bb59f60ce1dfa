// A map over a list with a limit of concurrent calls, such as requests to Docker.

/** Maps with at most `limit` calls at a time; the results are in order. */
export async function mapConcurrently<T, U>(
  items: readonly T[],
  limit: number,
  fn: (item: T, index: number) => Promise<U> | U,
): Promise<U[]> {
  const results = new Array<U>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const n = next++;
      results[n] = await fn(items[n]!, n);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}

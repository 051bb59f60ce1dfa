// A time limit for work that cannot be called off. Not here: what is said of work that takes longer.

/**
 * What the work gives, if it does within the time. Work that takes longer goes on, and nobody hears how it ends.
 * @param ms milliseconds
 * @param late called when the time is over: the error in place of the result
 */
export async function withDeadline<T>(work: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

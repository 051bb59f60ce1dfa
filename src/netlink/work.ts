// Work in parts, between which others may have their turn. Pure. Not here: who has a turn, and for how long.

/** It yields between two parts. */
export type Work<T> = Generator<void, T>;

/** Does it at once. */
export function finish<T>(work: Work<T>): T {
  let part = work.next();
  while (!part.done) part = work.next();
  return part.value;
}

/** Does it with a pause between parts; what the pause throws ends it. */
export async function finishInParts<T>(work: Work<T>, pause: () => Promise<void>): Promise<T> {
  let part = work.next();
  for (; !part.done; part = work.next()) await pause();
  return part.value;
}

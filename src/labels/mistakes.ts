// Mistakes in labels as they are told: of bounded length, of printable characters, and of one container not too many.
// Not here: what is wrong.

import { LABEL_PREFIX } from './keys.js';
import { plain } from './text.js';
import type { Mistake } from './words.js';

/** Mistakes of one container that are told one by one. */
export const MAX_MISTAKES = 100;

const MAX_CONTAINER = 128;
const MAX_KEY = 255;
const MAX_MESSAGE = 400;
/** The key of what is wrong with all labels of a container. */
export const ALL_LABELS = `${LABEL_PREFIX}*`;

/** A mistake of parts that come from elsewhere. */
export function mistake(container: string, key: string, message: string): Mistake {
  return {
    container: plain(container, MAX_CONTAINER),
    key: plain(key, MAX_KEY),
    message: plain(message, MAX_MESSAGE),
  };
}

/** The first of each container; what is more is counted. */
export function boundMistakes(mistakes: readonly Mistake[]): readonly Mistake[] {
  const counts = new Map<string, number>();
  const first = mistakes.filter(({ container }) => {
    const count = (counts.get(container) ?? 0) + 1;
    counts.set(container, count);
    return count <= MAX_MISTAKES;
  });
  const rest = [...counts].flatMap(([container, count]) =>
    count > MAX_MISTAKES ? [mistake(container, ALL_LABELS, tooMany(count - MAX_MISTAKES))] : [],
  );
  return [...first, ...rest];
}

function tooMany(rest: number): string {
  return `there are ${rest} more mistakes in the labels of this container: put these right first`;
}

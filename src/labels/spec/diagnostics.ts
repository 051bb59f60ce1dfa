// Diagnostics about labels: printable, of limited length, and of limited number for each container. Pure. Not here: what is
// wrong (parse.ts, labels/planner/plan.ts).

import { LABEL_PREFIX } from '../../base/ownership.js';
import { plain } from '../../base/plain-text.js';
import type { Diagnostic } from './intent.js';

/** Diagnostics of one container that are reported one by one. */
export const MAX_DIAGNOSTICS = 100;

const MAX_CONTAINER = 128;
const MAX_KEY = 255;
const MAX_MESSAGE = 400;
/** The key of a diagnostic about all labels of a container. */
export const ALL_LABELS = `${LABEL_PREFIX}*`;

/** A diagnostic made of untrusted parts. */
export function diagnostic(container: string, key: string, message: string): Diagnostic {
  return {
    container: plain(container, MAX_CONTAINER),
    key: plain(key, MAX_KEY),
    message: plain(message, MAX_MESSAGE),
  };
}

/** One of a label that is right, and waits for something that may come at any moment. */
export function waiting(one: Diagnostic): Diagnostic {
  return { ...one, isWaiting: true };
}

/** The first ones of each container; the rest is only counted. */
export function limitDiagnostics(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const counts = new Map<string, { all: number; waiting: number }>();
  const first = diagnostics.filter(({ container, isWaiting }) => {
    const count = counts.get(container) ?? { all: 0, waiting: 0 };
    counts.set(container, count);
    count.all++;
    if (isWaiting) count.waiting++;
    return count.all <= MAX_DIAGNOSTICS;
  });
  const rest = [...counts].flatMap(([container, count]) => {
    const more = count.all - MAX_DIAGNOSTICS;
    if (more <= 0) return [];
    const one = diagnostic(container, ALL_LABELS, tooMany(more));
    return [count.waiting > 0 ? waiting(one) : one];
  });
  return [...first, ...rest];
}

function tooMany(rest: number): string {
  return `there are ${rest} more mistakes in the labels of this container: correct these first`;
}

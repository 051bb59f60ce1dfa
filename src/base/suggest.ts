// "Did you mean": the nearest of a few known words. Not here: where the words come from.

/** The candidate nearest to the text, if at most a third of the letters differ; else undefined. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  // Longer texts are no typing errors, and the comparison takes quadratic time.
  if (text.length > 64) return undefined;
  const given = text.toLowerCase();
  let best: string | undefined;
  let least = Math.floor(text.length / 3) + 1;
  for (const candidate of candidates) {
    // The difference in length is a lower bound of the distance.
    if (Math.abs(candidate.length - text.length) >= least) continue;
    const d = distance(given, candidate.toLowerCase(), least);
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** Levenshtein: the fewest letters inserted, removed or replaced; some number from `enough` on where there are as many. */
export function distance(a: string, b: string, enough: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const d = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      next.push(d);
      if (d < least) least = d;
    }
    // No later row has a smaller one than the smallest of this.
    if (least >= enough) return least;
    row = next;
  }
  return row[b.length]!;
}

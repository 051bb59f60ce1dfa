// Two listings of one rule side by side: theirs with its differences set right, both without what nobody minds. Not here:
// the differences (differences.ts), who listed what (translate.test.ts, netfilter/listings.ts).

import { DIFFERENCES, type Difference } from './differences.js';

/** A rule of iptables. */
interface Compared {
  readonly family: 4 | 6;
  readonly text: string;
}

export function differencesOf({ family, text }: Compared, more: readonly Difference[] = []): Difference[] {
  return [...DIFFERENCES, ...more].filter(({ applies }) => applies.test(`-${family} ${text}`));
}

/** As both sides are compared: the names of meters are nobody's concern, which nft(8) lists as sets from 1.1 on. */
export function plain(list: readonly string[], differences: readonly Difference[]): string[] {
  return list.map(text =>
    differences.reduce(
      (before, { overlook }) => overlook?.(before) ?? before,
      text.replace(/meter \S+|(add|update) @\S+/g, 'meter').replace(/ counter( packets \d+ bytes \d+)?/g, ''),
    ),
  );
}

/**
 * Theirs as nft(8) is to have it, or undefined where it cannot be compared at all.
 * @param unique a word that no other rule has
 */
export function comparable(
  { family, text }: Compared,
  texts: readonly string[],
  found: readonly Difference[],
  unique: string,
): string[] | undefined {
  if (found.some(({ rewrite, overlook }) => !rewrite && !overlook)) return undefined;
  return texts.map((each, line) =>
    found.reduce(
      (before, { rewrite }) => rewrite?.(before, `-${family} ${text}`, `${unique}-${line}`) ?? before,
      each.replace(/\bcounter /, '').replace(/ ?\bcounter$/, ''),
    ),
  );
}

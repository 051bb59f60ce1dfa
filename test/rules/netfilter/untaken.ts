// The cases of an iptables source tree that are not taken here, each as a label would have it: the list that docs/rules-refused.md
// is made of, kept in untaken.json. Not here: how it is found (count.ts, listings.ts), the page (../refused-page.ts).

import { readFileSync } from 'node:fs';
import { RuleError } from '../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../src/nft/iptables/translate.js';
import { extensionOf, type TreeCase, type TreeTranslation } from './tree.js';

/** A rule that netfilter takes, or has a translation for, and that is refused here. */
export interface Untaken {
  /** Of iptables, as its files name it. */
  readonly extension: string;
  /** With one of its chains, and the family where its words do not say it. */
  readonly rule: string;
  /** In how many chains and families the case has it. */
  readonly uses: number;
}

export interface UntakenLists {
  /** Of iptables. */
  readonly version: string;
  readonly cases: readonly Untaken[];
  readonly translations: readonly Untaken[];
}

export const UNTAKEN_FILE = new URL('../../../../test/rules/netfilter/untaken.json', import.meta.url);

/** The lists of the last time. */
export const UNTAKEN = JSON.parse(readFileSync(UNTAKEN_FILE, 'utf8')) as UntakenLists;

/** Why a rule is refused; undefined for one that is taken. */
export function refusalOf(rule: string, family?: 4 | 6): string | undefined {
  try {
    translateRule(rule, family === undefined ? {} : { family });
    return undefined;
  } catch (err) {
    if (err instanceof RuleError) return err.message;
    throw err;
  }
}

/** The rule as a label would have it: it says its family only where it has to. */
export function untakenOf(
  { file, chain, text, family }: Pick<TreeCase, 'file' | 'chain' | 'text' | 'family'>,
  uses: number,
): Untaken {
  const words = text.trim().replaceAll(/ +/g, ' ');
  const plain = `${chain} ${words}`;
  const isSaid = refusalOf(plain) === refusalOf(plain, family);
  return { extension: extensionOf(file), rule: isSaid ? plain : `${chain} -${family} ${words}`, uses };
}

/** The translations of rules that are refused here. */
export function untakenTranslations(translations: readonly TreeTranslation[]): Untaken[] {
  return translations
    .filter(({ chain, text, family }) => refusalOf(`${chain} ${text}`, family) !== undefined)
    .map(each => untakenOf(each, 1));
}

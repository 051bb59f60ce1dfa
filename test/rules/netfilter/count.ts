// How many of the cases of an iptables source tree are taken here, and which are not. Not here: the tree (tree.ts), what
// the counts were the last time (record.ts).

import { RuleError } from '../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../src/nft/iptables/translate.js';
import { extensionOf, type TreeCase } from './tree.js';

export interface Share {
  readonly taken: number;
  readonly of: number;
}

export interface Counts {
  /** Of what both of netfilter's programs take. */
  readonly all: Share;
  /** The same of the extensions for which it has a translation. */
  readonly translated: Share;
  /** What both refuse. */
  readonly refused: number;
  /** What only one of them takes: neither taken nor refused. */
  readonly disputed: number;
  /** Rules that both refuse, and that are taken here. */
  readonly wronglyTaken: readonly string[];
  /** Uses that are not taken, by extension and the reason. */
  readonly missing: ReadonlyMap<string, number>;
  /** Of the extensions with translations, by extension and option. */
  readonly untaken: Readonly<Record<string, number>>;
}

/** The refusal of a rule here, or nothing. */
function refusalOf({ chain, text, family }: TreeCase): RuleError | undefined {
  try {
    translateRule(`${chain} ${text}`, { family });
    return undefined;
  } catch (err) {
    if (err instanceof RuleError) return err;
    throw err;
  }
}

/** What of an extension is refused. */
function partOf(name: string, { token }: RuleError): string {
  if (token === name) return '';
  return token.startsWith('--') ? ` ${token}` : ', some values';
}

function shareOf(cases: readonly (readonly [TreeCase, RuleError | undefined])[]): Share {
  return { taken: cases.filter(([, refusal]) => !refusal).length, of: cases.length };
}

export const percent = ({ taken, of }: Share): string => `${((100 * taken) / of).toFixed(1)} %`;

export function countCases(cases: readonly TreeCase[], translatable: ReadonlySet<string>): Counts {
  const judged = cases.map(each => [each, refusalOf(each)] as const);
  const taken = judged.filter(([{ fate }]) => fate === 'taken');
  const missing = new Map<string, number>();
  const untaken: Record<string, number> = {};
  for (const [{ file }, refusal] of taken) {
    if (!refusal) continue;
    const name = extensionOf(file);
    const key = `${name}: ${refusal.message}`;
    missing.set(key, (missing.get(key) ?? 0) + 1);
    if (!translatable.has(name)) continue;
    const what = `${name}${partOf(name, refusal)}`;
    untaken[what] = (untaken[what] ?? 0) + 1;
  }
  return {
    all: shareOf(taken),
    translated: shareOf(taken.filter(([{ file }]) => translatable.has(extensionOf(file)))),
    refused: cases.filter(({ fate }) => fate === 'refused').length,
    disputed: cases.filter(({ fate }) => fate === 'disputed').length,
    wronglyTaken: judged
      .filter(([{ fate }, refusal]) => fate === 'refused' && !refusal)
      .map(([{ file, line, family, chain, text }]) => `${file}.t:${line}: -${family} ${chain} ${text}`),
    missing,
    untaken,
  };
}

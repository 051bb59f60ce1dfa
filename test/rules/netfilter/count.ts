// How many of the cases of an iptables source tree are taken here, and which are not. Not here: the tree (tree.ts), what
// the counts were the last time (record.ts).

import { groupBy } from '../../../src/base/group-by.js';
import { extensionOf, type TreeCase } from './tree.js';
import { refusalOf, type Untaken, untakenOf } from './untaken.js';

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
  /** What both take, and what is not taken here. */
  readonly untaken: readonly Untaken[];
}

function shareOf(cases: readonly (readonly [TreeCase, string | undefined])[]): Share {
  return { taken: cases.filter(([, refusal]) => !refusal).length, of: cases.length };
}

export const percent = ({ taken, of }: Share): string => `${((100 * taken) / of).toFixed(1)} %`;

export function countCases(cases: readonly TreeCase[], translatable: ReadonlySet<string>): Counts {
  const judged = cases.map(each => [each, refusalOf(`${each.chain} ${each.text}`, each.family)] as const);
  const taken = judged.filter(([{ fate }]) => fate === 'taken');
  // A rule of the tree stands for several chains and both families.
  const byRule = groupBy(
    taken.filter(([, refusal]) => refusal !== undefined),
    ([{ file, text }]) => `${file} ${text}`,
  );
  return {
    all: shareOf(taken),
    translated: shareOf(taken.filter(([{ file }]) => translatable.has(extensionOf(file)))),
    refused: cases.filter(({ fate }) => fate === 'refused').length,
    disputed: cases.filter(({ fate }) => fate === 'disputed').length,
    wronglyTaken: judged
      .filter(([{ fate }, refusal]) => fate === 'refused' && !refusal)
      .map(([{ file, line, family, chain, text }]) => `${file}.t:${line}: -${family} ${chain} ${text}`),
    untaken: [...byRule.values()].map(uses => untakenOf(uses[0]![0], uses.length)),
  };
}

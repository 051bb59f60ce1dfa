// docs/rules-refused.md, made of the list of netfilter's own cases that are not taken, and of what is said when one is refused. Not
// here: the list (netfilter/untaken.ts).

import { groupBy } from '../../src/base/group-by.js';
import { RECORD } from './netfilter/record.js';
import { refusalOf, UNTAKEN, type Untaken } from './netfilter/untaken.js';

const BEFORE = `# Rules that are refused

Every rule of the test cases in the source of iptables ${UNTAKEN.version} (its files \`*.t\` and \`*.txlate\`) that is not taken as a label,
with what is said when one tries: [what is left out](rules.md#what-is-left-out) has the same by matches and targets. The rules stand here
as labels have them, with one of the chains that a case is for. This page is made by \`make pages\`, which asks the code; a test
compares it, and \`make netfilter-cases TREE=…\` that no case is missing.
`;

const total = (list: readonly Untaken[]): number => list.reduce((sum, { uses }) => sum + uses, 0);

function cases(): string {
  const { all } = RECORD;
  return `## Rules that iptables takes

Of ${all.of} uses, each a rule in one chain for one family, these ${all.of - all.taken} are refused.
`;
}

function translations(): string {
  return `## Rules that iptables translates

Of the rules that iptables-translate(8) is tested with, these ${UNTAKEN.translations.length} are refused. Most of them iptables(8) refuses,
too: its translator asks for less.
`;
}

/** The whole page. */
export function refusedPage(): string {
  return [
    BEFORE,
    cases(),
    ...byExtension(UNTAKEN.cases, uses => ` (${uses} ${uses === 1 ? 'use' : 'uses'})`),
    translations(),
    ...byExtension(UNTAKEN.translations, () => ''),
  ].join('\n');
}

function byExtension(list: readonly Untaken[], counted: (uses: number) => string): string[] {
  return [...groupBy(list, ({ extension }) => extension)].flatMap(([extension, rules]) => [
    `### ${extension}`,
    '',
    ...[...groupBy(rules, reasonOf)].flatMap(([reason, these]) => [
      `${reason}${counted(total(these))}:`,
      '',
      ...these.map(({ rule }) => `- \`${rule}\``),
      '',
    ]),
  ]);
}

/** What is said of all that is refused alike, without the value. @throws Error for a rule that is taken: the list is old */
function reasonOf({ rule }: Untaken): string {
  const reason = refusalOf(rule);
  if (reason === undefined)
    throw new Error(`${rule} is taken: make netfilter-cases TREE=/path LIST=1, and make pages`);
  return reason.replace(
    /^"([^"]*)" (?:cannot be expressed|is a (?:match|target) that is left out): /,
    (_, word: string) => (word.startsWith('--') ? `\`${word}\`: ` : ''),
  );
}

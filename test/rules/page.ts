// docs/rules.md, made from the table of matches and targets itself. Not here: the table.

import { groupBy } from '../../src/base/group-by.js';
import { MATCHES_LEFT_OUT, TARGETS_LEFT_OUT } from '../../src/nft/iptables/left-out.js';
import { BASIC_OPTIONS, REFUSED } from '../../src/nft/iptables/option-names.js';
import { MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { chainsOf } from '../../src/nft/iptables/syntax/chains.js';
import type { Extension, OptionSpec } from '../../src/nft/iptables/syntax/extension.js';
import { TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { percent } from './netfilter/count.js';
import { RECORD } from './netfilter/record.js';

const BEFORE = `# Rules

What the label \`twine.iptables.rule.<name>\` takes, and \`dwgd translate\`: rules in the syntax of iptables(8). This page is
made by \`make pages\` from the table of the code, and a test compares it.

    twine.iptables.rule.<name>=<chain> <options> -j <target>
    dwgd translate 'TWINE_FORWARD -i wg+ -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu'

## Chains

| Chain | Table of iptables | Sees |
| --- | --- | --- |
| \`TWINE_INPUT\` | filter | packets for the container |
| \`TWINE_OUTPUT\` | filter | packets of the container |
| \`TWINE_FORWARD\` | filter | packets by way of the container |
| \`TWINE_NAT_PREROUTING\` | nat | the first packet of a connection that arrives |
| \`TWINE_NAT_OUTPUT\` | nat | the first packet of a connection of the container |
| \`TWINE_NAT_POSTROUTING\` | nat | the first packet of a connection that leaves |
| \`TWINE_MANGLE_PREROUTING\` | mangle | packets that arrive |
| \`TWINE_MANGLE_INPUT\` | mangle | packets for the container |
| \`TWINE_MANGLE_FORWARD\` | mangle | packets by way of the container |
| \`TWINE_MANGLE_OUTPUT\` | mangle | packets of the container; a mark set here decides their way anew |
| \`TWINE_MANGLE_POSTROUTING\` | mangle | packets that leave |
| \`TWINE_RAW_PREROUTING\` | raw | packets that arrive, before their connection is known |
| \`TWINE_RAW_OUTPUT\` | raw | packets of the container, before their connection is known |

The chain decides the table. \`RETURN\` and the chain's end go back to the hook. \`-j\` and \`-g\` lead to another chain of the
same table, not in a circle. There are no other chains.

## Families

A rule with IPv4 addresses is a rule of IPv4, one with IPv6 addresses of IPv6. So is one with a match, a target or a value
that only one of iptables and ip6tables has. Any other is for both, to each as its own program means it. \`-4\` and \`-6\` say
so themselves.

## Words

Words are cut as a shell cuts them: white space between, \`'…'\` as it stands, \`"…"\` with \`\\"\` and \`\\\\\` inside, \`\\\` before any
letter. No shell reads them. \`!\` stands before what it negates, or after it as of old. A value may be attached: \`-ptcp\`,
\`--dport=80\`. A name of an option may be cut where its beginning is that of no other, as with iptables: \`--to-dest\`. Numbers are decimal, \`0x…\` or, after a 0, octal. A service may be named
where it is one of the common ones of services(5); a host, and a user or a group other than root, may not. A rule has at most 10240 characters
and becomes at most 256 rules. Without a target it counts.

A rule that is wrong, or that nftables cannot express, is refused whole; the message names the word.
`;

/** What came of the cases of the source of iptables, in sentences. */
function cases(): string {
  const { version, all, translated, refused, disputed, translations } = RECORD;
  const { same, different, untaken } = translations;
  return `in version ${version}, of
  ${refused} uses that are refused none is taken. Of ${all.of} that are right ${all.taken} are taken (${percent(all)}), and of
  the ${translated.of} of them whose extension has translations there, ${translated.taken} (${percent(translated)}); ${disputed} more are right to
  one of iptables-nft and iptables-legacy. Of its translations ${same} list as ours do, ${different} are one of the differences,
  and ${untaken} are of rules that are not taken. [Each rule that is not taken, with its reason](rules-refused.md)`;
}

const AFTER = `
## How this is checked

\`make rules\` puts thousands of rules of every match and target before netfilter's own programs:

- iptables-translate(8) and ip6tables-translate(8): both translations, loaded, list to the same ruleset. The differences
  are in \`test/rules/differences.ts\`, each with its reason.
- iptables(8) and ip6tables(8) in one namespace and ours in another: the same packets meet the same fate.
- What they refuse is refused.
- The test cases in the source of iptables, which \`make netfilter-cases TREE=…\` reads: ${cases()}
- Random and damaged rules, a million of them with \`make rules-long\`, bring no error but the one that is declared, and
  none takes 50 ms.
`;

/** The whole page. */
export function page(): string {
  return [
    BEFORE,
    '## Options without a match',
    '',
    '| Option | Value | `!` |',
    '| --- | --- | --- |',
    ...BASIC_OPTIONS.map(
      ({ letter, names, values, negatable }) =>
        `| \`-${letter}\`, ${names.map(name => `\`--${name}\``).join(', ')} | ${code(values)} | ${negatable ? 'yes' : ''} |`,
    ),
    '',
    '`-i` cannot stand in chains of what goes out, nor `-o` in those of what comes in. `-s` and `-d` take lists, of which each',
    'address makes a rule. `-f` is for IPv4.',
    '',
    '## Matches',
    '',
    ...table(MATCHES),
    '',
    '## Targets',
    '',
    ...table(TARGETS),
    '',
    'Instead of a target, a chain: `-j TWINE_FORWARD`.',
    '',
    '## What is left out',
    '',
    "Of iptables' own options, these are refused:",
    '',
    ...reasons(REFUSED),
    '',
    'Of the matches and targets of iptables:',
    '',
    ...leftOut('-m', MATCHES_LEFT_OUT),
    ...leftOut('-j', TARGETS_LEFT_OUT),
    '',
    'Options of those that there are:',
    '',
    ...refusedOptions('-m', MATCHES),
    ...refusedOptions('-j', TARGETS),
    '',
    'And values of options: see "What is not as in iptables".',
    '',
    '## What is not as in iptables',
    '',
    ...[...MATCHES, ...TARGETS].flatMap(({ name, notes }) => (notes ?? []).map(note => `- ${name}: ${note}`)),
    AFTER,
  ].join('\n');
}

function leftOut(option: '-m' | '-j', list: ReadonlyMap<string, string>): string[] {
  return [...list].map(([name, reason]) => `- \`${option} ${name}\`: ${reason}`);
}

/** Options by the reason for which they are refused. */
function reasons(refused: ReadonlyMap<string, string>): string[] {
  const byReason = groupBy([...refused], ([, reason]) => reason);
  return [...byReason].map(
    ([reason, options]) => `- ${options.map(([name]) => `\`${name}\``).join(', ')}: ${reason}`,
  );
}

function refusedOptions(flag: '-m' | '-j', list: readonly Extension[]): string[] {
  return list.flatMap(({ name, options }) => {
    const refused = options.flatMap(({ names, refused }): [string, string][] =>
      refused === undefined ? [] : [[`--${names[0]}`, refused.replace(/^cannot be expressed: /, '')]],
    );
    return reasons(new Map(refused)).map(line => line.replace(/^- /, `- \`${flag} ${name}\` with `));
  });
}

function table(list: readonly Extension[]): string[] {
  return [
    '| Name | Options | Families | Chains | Status |',
    '| --- | --- | --- | --- | --- |',
    ...list.map(extension => {
      const { name, aliases, options, family } = extension;
      const names = [name, ...(aliases ?? [])].map(each => `\`${each}\``).join(', ');
      const taken = options.filter(({ refused }) => refused === undefined);
      return `| ${[names, taken.map(option).join('<br>'), family ? `IPv${family}` : 'both', chains(extension), status(extension)].join(' | ')} |`;
    }),
  ];
}

function option({ names, values, negatable }: OptionSpec): string {
  const all = names.map(name => `--${name}`).join(', ');
  return `\`${negatable ? '[!] ' : ''}${escaped([all, ...(values ?? [])].join(' '))}\``;
}

function code(values: readonly string[] | undefined): string {
  return values ? `\`${escaped(values.join(' '))}\`` : '';
}

/** A bar would end the cell, in code too. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

function chains({ constraint }: Extension): string {
  const list = chainsOf(constraint ?? {});
  return list.length === TWINE_CHAINS.length ? 'all' : list.map(chain => `\`${chain}\``).join('<br>');
}

function status({ options, notes }: Extension): string {
  const refused = options
    .filter(each => each.refused !== undefined)
    .map(({ names: [name] }) => `\`--${name}\``);
  return [
    notes ? 'yes, see below' : 'yes',
    ...(refused.length > 0 ? [`refused: ${refused.join(', ')}`] : []),
  ].join('<br>');
}

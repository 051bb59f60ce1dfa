// `dwgd translate`: a rule of iptables as the commands of nftables that the daemon would give, or as nft(8) would list
// them. Not here: the rule language (nft/iptables/), the command line (command-line.ts).

import { TABLE } from '../base/ownership.js';
import { blankUnseen } from '../base/text.js';
import { withLists } from '../nft/iptables/syntax/address-lists.js';
import type { RuleError, TranslatedRule } from '../nft/iptables/syntax/rule.js';
import type { NftSet } from '../nft/table.js';
import { printRule } from '../nft/text/rules.js';

/** How much of a rule stands before and after the word that is wrong. */
const AROUND = 60;

/** The commands of libnftables-json(5) that append the rule, one on each line. */
export function asJson(rule: TranslatedRule): string {
  const { family, name: table } = TABLE;
  const { chains, sets } = withLists([rule]);
  const commands = [
    ...sets.map(set => ({ add: { set: { family, table, ...set } } })),
    ...chains.flatMap(({ chain, rules }) =>
      rules.map(one => ({ add: { rule: { family, table, chain, ...one } } })),
    ),
  ].map(command => JSON.stringify(command));
  return `{"nftables": [\n  ${commands.join(',\n  ')}\n]}\n`;
}

/** The commands of nft(8). */
export function asNft(rule: TranslatedRule): string {
  const at = `${TABLE.family} ${TABLE.name}`;
  const { chains, sets } = withLists([rule]);
  const rules = chains.flatMap(({ chain, rules }) =>
    rules.map(one => `add rule ${at} ${chain} ${printRule(one)}\n`),
  );
  return [...sets.map(set => `add set ${at} ${definition(set)}\n`), ...rules].join('');
}

/** A set of a list of addresses as nft(8) has it. */
function definition({ name, type, flags = [], timeout, size }: NftSet): string {
  const parts = [
    `type ${type}`,
    `size ${size}`,
    `flags ${flags.join(',')}`,
    ...(timeout ? [`timeout ${timeout}s`] : []),
  ];
  return `${name} { ${parts.map(part => `${part};`).join(' ')} }`;
}

/** The rule with a caret under the word that is wrong, and what is wrong with it. */
export function explain(text: string, { message, token, offset }: RuleError): string {
  const begin = Math.max(0, offset - AROUND);
  const shown = blankUnseen(text.slice(begin, offset + AROUND));
  const before = begin > 0 ? '…' : '';
  const after = offset + AROUND < text.length ? '…' : '';
  const width = Math.max(
    1,
    Math.min([...blankUnseen(text.slice(offset, offset + token.length))].length, AROUND),
  );
  const indent = ' '.repeat(before.length + [...blankUnseen(text.slice(begin, offset))].length);
  return `${before}${shown}${after}\n${indent}${'^'.repeat(width)}\n${message}\n`;
}

// `dwgd translate`: a rule of iptables as the commands of nftables that the daemon would give, or as nft(8) would list
// them. Not here: the rule language (nft/iptables/), the command line (command-line.ts).

import { CLONE_NEWNET, unshare } from '../../native/libc.js';
import { LibNftables, NFT_CTX_OUTPUT_JSON, NFT_CTX_OUTPUT_STATELESS } from '../../native/libnftables.js';
import { errorCode, UserError } from '../base/errors.js';
import { TABLE } from '../base/ownership.js';
import { blankUnseen } from '../base/text.js';
import { withLists } from '../nft/iptables/syntax/address-lists.js';
import { hookOf } from '../nft/iptables/syntax/chains.js';
import { type RuleError, type TranslatedRule, TWINE_CHAINS } from '../nft/iptables/syntax/rule.js';
import { type NftSet, type NftTable, replaceTable } from '../nft/table.js';

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

/**
 * The commands of nft(8). libnftables lists only what a kernel holds, so the rule is loaded into a namespace of its
 * own, in which the process stays: call it last.
 * @throws UserError without the right to make a namespace, or when the kernel does not support the rule
 */
export function asNft(rule: TranslatedRule): string {
  const library = new LibNftables();
  enterNewNamespace();
  const commands = library.context(NFT_CTX_OUTPUT_JSON);
  if (!commands.run(JSON.stringify(replaceTable(tableOf(rule)))))
    throw new UserError(
      `this machine's kernel or libnftables does not support the rule: ${commands.error.trim()}`,
    );
  const listing = library.context(NFT_CTX_OUTPUT_STATELESS);
  listing.run(`list chain ${TABLE.family} ${TABLE.name} ${rule.chain}`);
  const at = `${TABLE.family} ${TABLE.name}`;
  const rules = listing.output
    .split('\n')
    .filter(line => /^\t\t(?!type )/.test(line))
    .map(line => `add rule ${at} ${rule.chain} ${line.trim()}\n`);
  return [...withLists([rule]).sets.map(set => `add set ${at} ${definition(set)}\n`), ...rules].join('');
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

function enterNewNamespace(): void {
  try {
    unshare(CLONE_NEWNET, 'for the rule');
  } catch (err) {
    if (errorCode(err) !== 'EPERM') throw err;
    throw new UserError('--nft loads the rule into a network namespace of its own, and needs root for that', {
      cause: err,
    });
  }
}

/** The rule alone, in a chain that hangs from the hook whose packets it sees. */
function tableOf(rule: TranslatedRule): NftTable {
  const { chains, sets } = withLists(
    TWINE_CHAINS.map(name => ({
      name,
      ...(name === rule.chain && { hook: hookOf(name) }),
      rules: name === rule.chain ? rule.rules : [],
    })),
  );
  return { ...TABLE, sets, chains };
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

// Translations of iptables beside ours: both loaded, each in a chain of its own, and listed. Not here: whose they are
// (tree.ts), where they may part (differences.ts).

import { spawnSync } from 'node:child_process';
import type { Nft } from '../../../src/nft/client.js';
import { withLists } from '../../../src/nft/iptables/syntax/address-lists.js';
import { RuleError, type TranslatedRule, TWINE_CHAINS } from '../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../src/nft/iptables/translate.js';
import { type NftChain, replaceTable } from '../../../src/nft/table.js';
import type { Namespace } from '../../support/namespace.js';
import { comparable, differencesOf, plain } from '../compare.js';
import { listTable } from '../rulesets.js';
import { TREE_DIFFERENCES } from './differences.js';
import type { TreeTranslation } from './tree.js';

const [OURS, THEIRS] = ['ours', 'theirs'] as const;

interface Comparison {
  readonly counts: Readonly<Record<'same' | 'different' | 'untaken', number>>;
  /** What parts without a difference that is known. */
  readonly wrong: readonly string[];
  readonly unloadable: readonly string[];
}

const shown = ({ file, line, family, chain, text }: TreeTranslation): string =>
  `${file}.txlate:${line}: -${family} ${chain} ${text}`;

/** By the numbers of the translations; a sentence where it is refused. */
function translateOurs(all: readonly TreeTranslation[]): (TranslatedRule | string)[] {
  return all.map(({ chain, text, family }, index) => {
    try {
      return translateRule(`${chain} ${text}`, { family, setPrefix: `r${index}-` });
    } catch (err) {
      if (err instanceof RuleError) return err.message;
      throw err;
    }
  });
}

function loadOurs(nft: Nft, namespace: Namespace, ours: readonly (TranslatedRule | string)[]): void {
  const lists = withLists<NftChain>(
    ours.flatMap((rule, index) =>
      typeof rule === 'string' ? [] : [{ name: `c${index}`, rules: rule.rules }],
    ),
  );
  // Jumps between chains of labels are part of no case.
  const chains = [...TWINE_CHAINS.map(name => ({ name, rules: [] })), ...lists.chains];
  const table = { family: 'inet', name: OURS, sets: lists.sets, chains } as const;
  namespace.within(() => nft.apply(replaceTable(table), 'the test'));
}

/** As much of theirs as nft(8) takes; the numbers of those that it does not. */
function loadTheirs(
  namespace: Namespace,
  theirs: ReadonlyMap<number, { readonly family: 4 | 6; readonly rules: readonly string[] }>,
): Set<number> {
  const refused = new Set<number>();
  for (;;) {
    const lines = [`add table inet ${THEIRS}`, `delete table inet ${THEIRS}`, `add table inet ${THEIRS}`];
    const owners = lines.map(() => -1);
    for (const [index, { family, rules }] of theirs) {
      if (refused.has(index)) continue;
      const added = rules.map(text => `add rule inet ${THEIRS} c${index} meta nfproto ipv${family} ${text}`);
      lines.push(`add chain inet ${THEIRS} c${index}`, ...added);
      owners.push(index, ...added.map(() => index));
    }
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', namespace.name, 'nft', '-f', '-'], {
      input: `${lines.join('\n')}\n`,
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    if (status === 0) return refused;
    const wrong = [...stderr.matchAll(/:(\d+):\d+-\d+: Error: /g)].map(
      ([, line]) => owners[Number(line) - 1],
    );
    const found = wrong.filter(index => index !== undefined && index >= 0 && !refused.has(index));
    if (found.length === 0) throw new Error(stderr);
    for (const index of found) refused.add(index!);
  }
}

/** The rules of each chain of a table, as both sides are compared. */
function listed(namespace: Namespace, table: string): Map<number, string[]> {
  const listing = listTable(namespace, table);
  const found = new Map<number, string[]>();
  let rules: string[] = [];
  for (const line of listing.split('\n')) {
    const [, chain] = /^\tchain c(\d+) \{/.exec(line) ?? [];
    if (chain !== undefined) {
      rules = [];
      found.set(Number(chain), rules);
    } else if (line.startsWith('\t\t')) rules.push(line.trim());
  }
  return found;
}

export function compareTranslations(
  nft: Nft,
  namespace: Namespace,
  translations: readonly TreeTranslation[],
): Comparison {
  // Not every kernel has queues; queue.test.ts is for them.
  const all = translations.filter(({ text }) => !text.includes('-j NFQUEUE'));
  const ours = translateOurs(all);
  loadOurs(nft, namespace, ours);
  const found = all.map(each => differencesOf(each, TREE_DIFFERENCES));
  const theirs = new Map(
    all.flatMap((each, index) => {
      // nft(8) 1.0.6 crashes when it lists some that are not taken here.
      if (typeof ours[index] === 'string') return [];
      // Quotes as a shell has them.
      const texts = each.lines.map(line => line.replaceAll('\\"', '"'));
      const rules = comparable(each, texts, found[index]!, `t${index}`);
      return rules ? [[index, { family: each.family, rules }] as const] : [];
    }),
  );
  const refused = loadTheirs(namespace, theirs);
  const [our, their] = [listed(namespace, OURS), listed(namespace, THEIRS)];
  const parts: Record<'same' | 'different' | 'untaken' | 'unloadable' | 'wrong', string[]> = {
    ...{ same: [], different: [], untaken: [], unloadable: [], wrong: [] },
  };
  for (const [index, each] of all.entries()) {
    const rule = ours[index]!;
    const name = shown(each);
    const [left, right] = [our, their].map(map => plain(map.get(index) ?? [], found[index]!).join('\n    '));
    if (typeof rule === 'string') parts.untaken.push(`${name}: ${rule}`);
    else if (!theirs.has(index)) parts.different.push(name);
    else if (refused.has(index)) parts.unloadable.push(`${name}: ${each.lines.join('; ')}`);
    else if (left === right) parts.same.push(name);
    else parts.wrong.push(`${name}\n  ours:\n    ${left}\n  theirs:\n    ${right}`);
  }
  const { same, different, untaken, unloadable, wrong } = parts;
  const counts = {
    same: same.length,
    different: different.length,
    untaken: untaken.length,
  };
  return { counts, wrong, unloadable };
}

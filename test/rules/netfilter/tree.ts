// The test cases of an iptables source tree: what its files `*.t` say of rules that iptables takes and refuses, and what
// its files `*.txlate` translate. The tree is not part of the project: whoever runs this brings it. Not here: what
// becomes of the cases (count.ts).

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TWINE_CHAINS, type TwineChain } from '../../../src/nft/iptables/syntax/rule.js';

/** A rule in one chain for one family. */
export interface TreeCase {
  /** The file without its ending, such as `libxt_tcp`. */
  readonly file: string;
  readonly line: number;
  readonly family: 4 | 6;
  readonly chain: TwineChain;
  readonly text: string;
  /** Whether iptables takes it; `disputed` where only one of iptables-nft and iptables-legacy does. */
  readonly fate: 'taken' | 'refused' | 'disputed';
}

/** A rule and its translation, a line of nft(8) for each rule. */
export interface TreeTranslation {
  readonly file: string;
  readonly line: number;
  readonly family: 4 | 6;
  readonly chain: TwineChain;
  readonly text: string;
  readonly lines: readonly string[];
}

const extensionsOf = (tree: string): string => join(tree, 'extensions');

/** `AC_INIT([iptables], [1.8.11])`. */
export function versionOf(tree: string): string {
  const text = readFileSync(join(tree, 'configure.ac'), 'utf8');
  return /AC_INIT\(\[iptables\], \[([^\]]+)\]/.exec(text)?.[1] ?? 'of unknown version';
}

/** The name of an extension by its file: `tcp` of `libxt_tcp`. */
export const extensionOf = (file: string): string => file.replace(/^lib(xt|ipt|ip6t)_/, '');

/** Files of iptables and ip6tables, without their ending; not those of arptables and ebtables. */
function filesOf(tree: string, ending: string): string[] {
  return readdirSync(extensionsOf(tree))
    .filter(name => name.endsWith(ending) && !/^lib(ebt|arpt)_/.test(name))
    .map(name => name.slice(0, -ending.length))
    .sort();
}

function linesOf(tree: string, file: string, ending: string): string[] {
  return readFileSync(join(extensionsOf(tree), `${file}${ending}`), 'utf8').split('\n');
}

/** Extensions for which there is a translation. */
export function translatedExtensions(tree: string): ReadonlySet<string> {
  return new Set(filesOf(tree, '.txlate').map(extensionOf));
}

function twineChain(table: string, chain: string): TwineChain | undefined {
  const prefix = table === 'filter' ? 'TWINE_' : `TWINE_${table.toUpperCase()}_`;
  return TWINE_CHAINS.find(name => name === `${prefix}${chain}`);
}

const familiesOf = (file: string): readonly (4 | 6)[] =>
  file.startsWith('libipt_') ? [4] : file.startsWith('libip6t_') ? [6] : [4, 6];

const INVERSE: Readonly<Record<string, string>> = { OK: 'FAIL', FAIL: 'OK', NOMATCH: 'OK' };

/** By both programs: `RULE;LISTED;RESULT[;VARIANT[;RESULT OF THE OTHER]]`. */
function fateOf([, , result = '', variant, other]: readonly string[]): TreeCase['fate'] {
  const results = [result, ...(variant ? [other?.trim() || INVERSE[result.trim()]!] : [])];
  const refused = results.filter(each => each.trim() === 'FAIL').length;
  return refused === 0 ? 'taken' : refused === results.length ? 'refused' : 'disputed';
}

/** All cases of `*.t`; those of tables and chains that labels have none of are counted only. */
export function readCases(tree: string): { readonly cases: readonly TreeCase[]; readonly elsewhere: number } {
  const cases: TreeCase[] = [];
  let elsewhere = 0;
  for (const file of filesOf(tree, '.t')) {
    let table = 'filter';
    let chains: readonly string[] = [];
    for (const [index, line] of linesOf(tree, file, '.t').entries()) {
      if (line.trim() === '' || /^[#@%]/.test(line)) continue;
      if (line.startsWith('*')) table = line.slice(1).trim();
      else if (line.startsWith(':')) chains = line.slice(1).trim().split(',');
      else {
        const fields = line.split(';');
        for (const chain of chains.map(name => twineChain(table, name))) {
          if (chain === undefined) elsewhere += familiesOf(file).length;
          else {
            for (const family of familiesOf(file)) {
              cases.push({ file, line: index + 1, family, chain, text: fields[0]!, fate: fateOf(fields) });
            }
          }
        }
      }
    }
  }
  return { cases, elsewhere };
}

/** The translations of rules that are appended or inserted to a chain that there is here. */
export function readTranslations(tree: string): TreeTranslation[] {
  return filesOf(tree, '.txlate').flatMap(file => {
    const lines = linesOf(tree, file, '.txlate');
    return lines.flatMap((line, index): TreeTranslation[] => {
      const [, six, args] = /^ip(6?)tables-translate (.*)$/.exec(line) ?? [];
      if (args === undefined) return [];
      const [rule = ''] = args.split(';');
      const table = /(?:^| )(?:-t|--table) (\w+)/.exec(rule)?.[1] ?? 'filter';
      const [, name = ''] = /(?:^| )-[AI] (\w+)(?: \d+)?/.exec(rule) ?? [];
      // Some files have the names of nftables' chains.
      const chain = twineChain(table, name.toUpperCase());
      const text = rule.replace(/(^| )(?:-t|--table) \w+/, '').replace(/(^| )-[AI] \w+(?: \d+)?/, '');
      const after = lines.slice(index + 1);
      const end = after.findIndex(each => !each.startsWith('nft '));
      const theirs = after
        .slice(0, end)
        .flatMap(each => /^nft '?(?:add|insert) rule ip6? \w+ \S+ (.*?)'? *$/.exec(each)?.[1] ?? []);
      return chain && theirs.length > 0
        ? [{ file, line: index + 1, family: six ? 6 : 4, chain, text: text.trim(), lines: theirs }]
        : [];
    });
  });
}

// Options of iptables(8) by their beginnings: each that iptables takes for an option in a rule is taken, and means the same;
// each that it refuses there is refused. Judge is iptables-translate(8), once for every beginning.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BASIC_OPTIONS } from '../../src/nft/iptables/option-names.js';
import { MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { TABLE_OF } from '../../src/nft/iptables/syntax/chains.js';
import { RuleError, type TranslatedRule } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import { kernelTest, run } from '../support/namespace.js';
import { Random } from '../support/random.js';
import { builtinChain, type GeneratedRule, generateRules } from './generate.js';

const AT_LEAST = 3000;
/** iptables takes these, and their beginnings, wherever they stand; `--help` ends it. */
const NO_PART_OF_RULES = ['--table', '--help'];
/** A label is read for both families, and ip6tables has --ahlen and --ahres as well. */
const OF_ONE_FAMILY = ['--ah'];

interface Spelling {
  readonly rule: GeneratedRule;
  /** The rule with the beginning in place of the option. */
  readonly text: string;
  /** `--to of --to-destination` */
  readonly what: string;
}

/** Each option of each rule by each of its beginnings, where no other rule has it beside the same words. */
function spellings(rules: readonly GeneratedRule[]): Spelling[] {
  const seen = new Set<string>();
  const names = new Set(
    [...BASIC_OPTIONS, ...[...MATCHES, ...TARGETS].flatMap(({ options }) => options)].flatMap(
      ({ names }) => names,
    ),
  );
  return rules.flatMap(rule => {
    const words = rule.text.split(' ');
    const kinds = words.filter((word, n) => /^-/.test(word) || /^-[mjp]$/.test(words[n - 1] ?? ''));
    return words.flatMap((option, at): Spelling[] => {
      const key = `${rule.family} ${kinds.join(' ')} ${option}`;
      if (!/^--[a-z]/.test(option) || seen.has(key)) return [];
      seen.add(key);
      return Array.from({ length: option.length - 3 }, (_, n) => option.slice(0, n + 3)).flatMap(short => {
        // One that is the whole name of another option is none, nor is one of what no label has.
        if (names.has(short.slice(2)) || NO_PART_OF_RULES.some(name => name.startsWith(short))) return [];
        if (OF_ONE_FAMILY.includes(short)) return [];
        return { rule, text: words.with(at, short).join(' '), what: `${short} of ${option}` };
      });
    });
  });
}

/** Whether iptables takes each of the rules. */
function takenByTheirs(rules: readonly { readonly rule: GeneratedRule; readonly text: string }[]): boolean[] {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-beginnings-'));
  const lines = rules.map(({ rule: { family, chain }, text }) => {
    const program = family === 4 ? 'iptables-translate' : 'ip6tables-translate';
    return `${program} -t ${TABLE_OF[chain]} -A ${builtinChain(chain)} ${text} > /dev/null 2>&1; echo $?`;
  });
  try {
    writeFileSync(join(folder, 'ask'), lines.join('\n'));
    const answers = run('sh', join(folder, 'ask')).trim().split('\n');
    assert.equal(answers.length, lines.length);
    return answers.map(status => status === '0');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Ours; undefined where it is refused. */
function translated({ family, chain }: GeneratedRule, text: string): TranslatedRule | undefined {
  try {
    return translateRule(`${chain} ${text}`, { family, setPrefix: 'r' });
  } catch (err) {
    assert.ok(err instanceof RuleError, String(err));
    return undefined;
  }
}

kernelTest(
  `${AT_LEAST} beginnings of options and more: those that iptables takes are taken, and no others`,
  t => {
    const rules = generateRules(new Random(7), 0, 1).filter(({ text }) => !/[$`\\]/.test(text));
    const whole = takenByTheirs(rules.map(rule => ({ rule, text: rule.text })));
    const right = rules.filter((rule, n) => whole[n] && translated(rule, rule.text));
    const all = spellings(right);
    const wrong: string[] = [];
    let taken = 0;
    for (const [n, theirs] of takenByTheirs(all).entries()) {
      const { rule, text, what } = all[n]!;
      const ours = translated(rule, text);
      if (theirs) taken++;
      if (theirs !== (ours !== undefined))
        wrong.push(`${theirs ? 'refused' : 'taken'}: ${what}: ${rule.chain} ${text}`);
      else if (ours && JSON.stringify(ours) !== JSON.stringify(translated(rule, rule.text)))
        wrong.push(`not the same: ${what}: ${rule.chain} ${text}`);
    }
    t.diagnostic(
      `${right.length} of ${rules.length} rules, ${all.length} beginnings, ${taken} of them taken`,
    );
    assert.equal(wrong.length, 0, `${wrong.length} differ, such as\n${wrong.slice(0, 40).join('\n')}`);
    assert.ok(all.length >= AT_LEAST && taken * 5 > all.length, `${all.length}, ${taken}`);
  },
  'iptables-translate',
  'ip6tables-translate',
);

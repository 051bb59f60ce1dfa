// Our translation beside that of iptables-translate(8) and ip6tables-translate(8): each is loaded into a namespace,
// and both must list to the same rules.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Nft } from '../../src/nft/client.js';
import { MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { hookOf, TABLE_OF } from '../../src/nft/iptables/syntax/chains.js';
import { RuleError, type TranslatedRule, TWINE_CHAINS } from '../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../src/nft/iptables/translate.js';
import type { NftTable } from '../../src/nft/table.js';
import { printTable } from '../../src/nft/text/listing.js';
import { printRule } from '../../src/nft/text/rules.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { Random } from '../support/random.js';
import { listsInOurWords, relist } from '../support/relist.js';
import { comparable, differencesOf, plain } from './compare.js';
import { DIFFERENCES, type Difference } from './differences.js';
import { builtinChain, generateRules } from './generate.js';
import { QUEUES } from './queue.js';
import { listRules, listTable, loadOurs, TABLE } from './rulesets.js';
import { UNLIKE, unlikeIn } from './unlike.js';

const COMPARED_AT_LEAST = 3000;
const GENERATED = 5200;
const BATCH = 800;

const rules = generateRules(new Random(20_260_101), GENERATED);
const folder = mkdtempSync(join(tmpdir(), 'dwgd-rules-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** A rule's comment on both sides: how they find each other again. */
const label = (index: number): string => `rule ${index}`;

/** Theirs, by the rule's number: lines of nft(8). Those that it cannot translate are not there. */
function translateTheirs(family: 4 | 6): Map<number, string[]> {
  const lines = ['filter', 'nat', 'mangle', 'raw'].flatMap(table => [
    `*${table}`,
    ...rules.flatMap((rule, index) =>
      rule.family === family && TABLE_OF[rule.chain] === table
        ? [`-A ${builtinChain(rule.chain)} ${rule.text} -m comment --comment "${label(index)}"`]
        : [],
    ),
    'COMMIT',
  ]);
  const program = family === 4 ? 'iptables-restore-translate' : 'ip6tables-restore-translate';
  const found = new Map<number, string[]>();
  for (const line of run(program, '-f', file('theirs', lines)).split('\n')) {
    const [, text, index] = /^add rule ip6? \w+ \w+ (.*) comment "rule (\d+)"/.exec(line) ?? [];
    if (text !== undefined) found.set(Number(index), [...(found.get(Number(index)) ?? []), text]);
  }
  return found;
}

/** Ours; those that are refused because they would count twice are not there. */
function translateOurs(): Map<number, TranslatedRule> {
  return new Map(
    rules.flatMap(({ chain, text, family }, index): [number, TranslatedRule][] => {
      try {
        const rule = translateRule(`${chain} ${text} -m comment --comment "${label(index)}"`, {
          family,
          setPrefix: `r${index}-`,
        });
        return [[index, rule]];
      } catch (err) {
        assert.ok(err instanceof RuleError, String(err));
        assert.match(err.message, /would count for itself/, text);
        return [];
      }
    }),
  );
}

/** Loads theirs, and says which rules nft(8) itself refuses. */
function loadTheirs(
  namespace: Namespace,
  theirs: ReadonlyMap<number, readonly string[]>,
): Map<number, string> {
  const refused = new Map<number, string>();
  for (;;) {
    const lines = [`add table inet ${TABLE}`, `delete table inet ${TABLE}`, `add table inet ${TABLE}`];
    for (const chain of TWINE_CHAINS) {
      const { type, hook, priority } = hookOf(chain);
      lines.push(`add chain inet ${TABLE} ${chain} { type ${type} hook ${hook} priority ${priority}; }`);
    }
    const indexes: number[] = lines.map(() => -1);
    for (const [index, texts] of theirs) {
      if (refused.has(index)) continue;
      const rule = rules[index]!;
      for (const text of texts) {
        lines.push(
          `add rule inet ${TABLE} ${rule.chain} meta nfproto ipv${rule.family} ${text} comment "${label(index)}"`,
        );
        indexes.push(index);
      }
    }
    const path = file('load', lines);
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', namespace.name, 'nft', '-f', path], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    });
    if (status === 0) return refused;
    const wrong = [...stderr.matchAll(/^\S+?:(\d+):\d+-\d+: Error: (.*)/gm)];
    assert.ok(wrong.length > 0, stderr);
    for (const [, line, reason] of wrong) {
      const index = indexes[Number(line) - 1] ?? -1;
      assert.ok(index >= 0, stderr);
      refused.set(index, reason!);
    }
  }
}

/** Our own text of rules beside that of nft(8): the same, but for what is known to be printed otherwise. */
class Printed {
  readonly #isInOurWords = listsInOurWords();
  readonly #wrong: string[] = [];
  readonly #unlike = new Set<string>();

  /** Compares the table that is in a namespace. */
  add(table: NftTable, namespace: Namespace): void {
    const [text, listing] = [printTable(table), listTable(namespace, TABLE)];
    const both = this.#isInOurWords
      ? { own: text, theirs: listing }
      : relist(namespace, TABLE, text, listing);
    // The first listing of a counter, a quota or a meter has nothing counted.
    const linesOf = (one: string) => one.replaceAll(/ (packets 0 bytes 0|used 0 bytes)/g, '').split('\n');
    const [own, theirs] = [linesOf(both.own), linesOf(both.theirs)];
    const known = new Map(
      table.chains.flatMap(({ rules }) =>
        rules.map(rule => [`\t\t${printRule(rule)}` as string, unlikeIn(rule)] as const),
      ),
    );
    assert.equal(own.length, theirs.length);
    for (const [n, line] of own.entries()) {
      if (line === theirs[n]) continue;
      const unlike = known.get(line) ?? [];
      for (const { what } of unlike) this.#unlike.add(what);
      if (unlike.length === 0) this.#wrong.push(`ours:  ${line}\n  nft(8): ${theirs[n]}`);
    }
  }

  check(): void {
    assert.equal(
      this.#wrong.length,
      0,
      `${this.#wrong.length} lines differ, such as\n${this.#wrong.slice(0, 20).join('\n')}`,
    );
    // Loaded, ours are listed in its words.
    assert.deepEqual(
      this.#isInOurWords ? UNLIKE.filter(({ what }) => !this.#unlike.has(what)) : [...this.#unlike],
      [],
      'each difference is one that some rule has',
    );
  }
}

const differencesAt = (index: number): Difference[] => differencesOf(rules[index]!);

kernelTest(
  `${COMPARED_AT_LEAST} rules and more list as those of iptables-translate(8) do, and as our own text has them`,
  async t => {
    const nft = new Nft();
    t.after(() => nft.close());
    const [left, right] = [await Namespace.create(t), await Namespace.create(t)];
    const ours = translateOurs();
    const theirs = new Map([...translateTheirs(4), ...translateTheirs(6)]);
    const counts = { compared: 0, untranslated: 0, parted: 0, unloadable: 0 };
    const wrong: string[] = [];
    const printed = new Printed();
    for (let begin = 0; begin < rules.length; begin += BATCH) {
      const indexes = [...ours.keys()].filter(index => index >= begin && index < begin + BATCH);
      const batch = new Map<number, string[]>();
      for (const index of indexes) {
        const texts = theirs.get(index);
        const compared = texts && comparable(rules[index]!, texts, differencesAt(index), String(index));
        if (compared) batch.set(index, compared);
        else if (texts) counts.parted++;
        else counts.untranslated++;
      }
      const refused = loadTheirs(right, batch);
      counts.unloadable += refused.size;
      // All of ours: what theirs cannot say must be right for the kernel, too.
      const table = loadOurs(
        nft,
        left,
        indexes.map(index => ours.get(index)!),
      );
      const [our, their] = [listRules(left), listRules(right)];
      printed.add(table, left);
      for (const index of batch.keys()) {
        if (refused.has(index)) continue;
        counts.compared++;
        const listed = (map: ReadonlyMap<string, string[]>): string =>
          plain(map.get(label(index)) ?? [], differencesAt(index)).join('\n          ');
        if (listed(our) === listed(their)) continue;
        const { text, family, chain } = rules[index]!;
        wrong.push(`-${family} ${chain} ${text}\n  ours:   ${listed(our)}\n  theirs: ${listed(their)}`);
      }
    }
    t.diagnostic(
      `${rules.length} rules, ${rules.length - ours.size} refused whole: ${JSON.stringify(counts)}`,
    );
    assert.equal(wrong.length, 0, `${wrong.length} differ, such as\n${wrong.slice(0, 40).join('\n')}`);
    assert.ok(counts.compared >= COMPARED_AT_LEAST, `${counts.compared} compared`);
    printed.check();
    // The differences are few, and stay so.
    assert.ok(rules.length - ours.size < 100 && counts.parted < 750 && counts.unloadable < 100);
  },
  'iptables-restore-translate',
  'nft',
);

test('each difference from iptables-translate(8) is one that some rule has', () => {
  const used = new Set(rules.flatMap((_, index) => differencesAt(index)));
  assert.deepEqual(
    DIFFERENCES.filter(difference => !used.has(difference)),
    [],
  );
});

test('every option of every match and target is in the rules', () => {
  const all = [...rules.map(({ text }) => text), ...QUEUES].join('\n');
  for (const { name, options } of [...MATCHES, ...TARGETS]) {
    for (const { names } of options.filter(({ refused }) => refused === undefined)) {
      assert.ok(
        names.some(each => all.includes(`--${each} `) || all.includes(`--${each}\n`)),
        `${name} --${names[0]}`,
      );
    }
  }
});

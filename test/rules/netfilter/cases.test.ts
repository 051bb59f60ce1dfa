// The test cases of an iptables source tree, which NETFILTER_TREE names: `make netfilter-cases TREE=…`. Its files are
// read where they are, and nothing of them is kept. Not here: cases of our own (test/rules/*.test.ts).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Nft } from '../../../src/nft/client.js';
import { kernelTest, Namespace } from '../../support/namespace.js';
import { countCases, percent } from './count.js';
import { compareTranslations } from './listings.js';
import { RECORD } from './record.js';
import { readCases, readTranslations, translatedExtensions, versionOf } from './tree.js';
import { UNTAKEN, untakenTranslations } from './untaken.js';

const tree = process.env.NETFILTER_TREE ?? '';
assert.notEqual(tree, '', 'say where the source tree of iptables is: make netfilter-cases TREE=/path');

test('of the rules that iptables takes, as many are taken as recorded; of those that it refuses, none', t => {
  const { cases, elsewhere } = readCases(tree);
  const counts = countCases(cases, translatedExtensions(tree));
  const { all, translated, refused, disputed, untaken } = counts;
  t.diagnostic(
    `iptables ${versionOf(tree)}: of ${all.of} uses ${all.taken} are taken (${percent(all)}); of ${translated.of} of extensions with a translation ${translated.taken} (${percent(translated)}); ${refused} refused, ${disputed} disputed, ${elsewhere} for chains that are not here`,
  );
  assert.deepEqual(counts.wronglyTaken, []);
  if (versionOf(tree) === RECORD.version) {
    assert.deepEqual({ all, translated, refused, disputed }, pick(RECORD));
    assert.deepEqual(untaken, UNTAKEN.cases);
  } else {
    assert.ok(all.taken / all.of >= RECORD.all.taken / RECORD.all.of, percent(all));
    assert.ok(translated.taken / translated.of >= RECORD.translated.taken / RECORD.translated.of);
  }
});

function pick({ all, translated, refused, disputed }: typeof RECORD): object {
  return { all, translated, refused, disputed };
}

kernelTest(
  'what iptables translates lists as ours does, but for the differences',
  async t => {
    const nft = new Nft();
    t.after(() => nft.close());
    const namespace = await Namespace.create(t);
    const translations = readTranslations(tree);
    const { counts, wrong, unloadable } = compareTranslations(nft, namespace, translations);
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(wrong, []);
    assert.deepEqual(unloadable, []);
    if (versionOf(tree) !== RECORD.version) return;
    assert.deepEqual(counts, RECORD.translations);
    assert.deepEqual(untakenTranslations(translations), UNTAKEN.translations);
  },
  'nft',
);

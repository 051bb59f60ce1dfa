// Every input of the fuzzer's corpus is taken as it should be: examples, and whatever ever found something.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { CORPUS, readCorpus } from '../../fuzz/corpus.js';
import { Mutator } from '../../fuzz/mutator.js';
import { complaint, ofJson } from '../../fuzz/target.js';
import { TARGETS } from '../../fuzz/targets.js';
import { Random } from '../../support/random.js';

for (const target of TARGETS) {
  test(`the corpus of ${target.name} brings no error that is not declared`, async () => {
    const entries = readCorpus(CORPUS, target.name);
    assert.ok(entries.length > 0, `test/fuzz/corpus/${target.name} is empty`);
    for (const { path, input } of entries) assert.equal(await complaint(target, input), undefined, path);
  });
}

test('every folder of the corpus is of a target', () => {
  assert.deepEqual(readdirSync(CORPUS).sort(), TARGETS.map(({ name }) => name).sort());
});

test('an error that is not declared, and a message without end, are told', async () => {
  const target = ofJson('made up', tree => (tree as { a: string }).a.length);
  assert.match((await complaint(target, Buffer.from('null')))!, /TypeError/);
  assert.equal(await complaint(target, Buffer.from('{"a":"b"}')), undefined);
  const endless = ofJson('endless', () => assert.fail('x'.repeat(5000)), { throws: [assert.AssertionError] });
  assert.match((await complaint(endless, Buffer.from('1')))!, /a message of 5000 characters/);
});

test('the same seed makes the same inputs, none larger than its bound', () => {
  for (const kind of ['bytes', 'text', 'json'] as const) {
    const made = (): string[] => {
      const mutator = new Mutator(new Random(7), kind, ['word'], 500);
      return Array.from({ length: 300 }, () =>
        mutator.mutate([Buffer.from('{"a":["b",1]}')]).toString('hex'),
      );
    };
    assert.deepEqual(made(), made());
    assert.ok(made().every(text => text.length <= 1000));
    assert.ok(new Set(made()).size > 100);
  }
});

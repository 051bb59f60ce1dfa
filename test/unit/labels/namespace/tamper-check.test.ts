// Whether a table is as it was put in place: what is compared, when the kernel is asked at all, and after a restart.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STAMP_CHAIN } from '../../../../src/base/ownership.js';
import { isAsPlanned, TamperCheck } from '../../../../src/labels/namespace/tamper-check.js';
import type { NftTable } from '../../../../src/nft/table.js';
import type { TableSnapshot } from '../../../../src/nft/table-snapshot.js';

const rule = { expr: [{ accept: null }] };
const TABLE: NftTable = {
  family: 'inet',
  name: 'dwgd',
  sets: [],
  chains: [
    { name: 'input', hook: { type: 'filter', hook: 'input', priority: 0 }, rules: [rule] },
    { name: 'TWINE_INPUT', rules: [rule, rule] },
  ],
};
const [INPUT, REGULAR, STAMP] = [
  { name: 'input', handle: '1', policy: 1, rules: ['4'] },
  { name: 'TWINE_INPUT', handle: '2', rules: ['5', '6'] },
  { name: STAMP_CHAIN, handle: '3', rules: ['7'] },
];
const WHOLE: TableSnapshot = {
  generation: 9,
  handle: '1',
  flags: 0,
  use: 3,
  sets: ['__set0 9'],
  chains: [INPUT!, REGULAR!, STAMP!],
};
const chains = (...chains: TableSnapshot['chains']): TableSnapshot => ({ ...WHOLE, chains });

for (const [what, inventory, asPlanned, same] of [
  ['nothing', WHOLE, true, true],
  ['another table', { ...WHOLE, generation: 10 }, true, true],
  ['more beside the stamp', chains(INPUT!, REGULAR!, { ...STAMP!, rules: ['7', '8'] }), true, false],
  ['a rule deleted', chains(INPUT!, { ...REGULAR!, rules: ['5'] }, STAMP!), false, false],
  ['a rule added', chains(INPUT!, { ...REGULAR!, rules: ['8', '5', '6'] }, STAMP!), false, false],
  ['a rule replaced', chains(INPUT!, { ...REGULAR!, rules: ['5', '8'] }, STAMP!), true, false],
  ['a set made anew', { ...WHOLE, sets: ['__set0 10'] }, true, false],
  ['rules in another order', chains(INPUT!, { ...REGULAR!, rules: ['6', '5'] }, STAMP!), true, false],
  ['the table dormant', { ...WHOLE, flags: 1 }, false, false],
  ['the table made anew', { ...WHOLE, handle: '2' }, true, false],
  ['a set added', { ...WHOLE, use: 4 }, true, false],
  [
    'a chain added',
    { ...chains(INPUT!, REGULAR!, STAMP!, { ...INPUT!, name: 'x', rules: [] }) },
    false,
    false,
  ],
  ['a chain renamed', chains(INPUT!, { ...REGULAR!, name: 'x' }, STAMP!), false, false],
  ['a chain gone', chains(REGULAR!, STAMP!), false, false],
  ['a policy', chains({ ...INPUT!, policy: 0 }, REGULAR!, STAMP!), false, false],
] as const) {
  test(`changed: ${what}; seen where it is known how the table was: ${!same}, after a restart: ${!asPlanned}`, () => {
    assert.equal(isAsPlanned(inventory, TABLE), asPlanned);
    const tamperCheck = new TamperCheck();
    tamperCheck.recordBaseline('4:1', TABLE, WHOLE);
    assert.equal(
      tamperCheck.isTampered('4:1', 10, TABLE, () => inventory),
      !same,
    );
    assert.equal(
      tamperCheck.isTampered('4:2', 10, TABLE, () => inventory),
      !asPlanned,
    );
  });
}

test('the kernel is asked only when the generation is another, and once for each', () => {
  const tamperCheck = new TamperCheck();
  let taken = 0;
  const isDamaged = (generation: number): boolean =>
    tamperCheck.isTampered('4:1', generation, TABLE, () => {
      taken++;
      return { ...WHOLE, generation };
    });
  const asked = [9, 9, 9, 10, 10, 9].map(generation => [isDamaged(generation), taken]);
  assert.deepEqual(
    asked,
    [1, 1, 1, 2, 2, 3].map(taken => [false, taken]),
  );
});

test('what cannot be told does not count as whole, known or not', () => {
  const tamperCheck = new TamperCheck();
  const isDamaged = (): boolean => tamperCheck.isTampered('4:1', 10, TABLE, () => undefined);
  assert.equal(isDamaged(), true);
  tamperCheck.recordBaseline('4:1', TABLE, WHOLE);
  assert.equal(isDamaged(), true);
});

test('a table that cannot be read is whole until somebody changes the ruleset', () => {
  const tamperCheck = new TamperCheck();
  tamperCheck.trust('4:1', 10);
  tamperCheck.recordBaseline('4:1', TABLE, undefined);
  assert.deepEqual(
    [10, 10, 11].map(generation => tamperCheck.isTampered('4:1', generation, TABLE, () => undefined)),
    [false, false, true],
  );
  assert.equal(
    tamperCheck.isTampered('4:1', 11, TABLE, () => WHOLE),
    false,
  );
});

test('a table that somebody changed in the moment it was put in place is not taken for whole', () => {
  const tamperCheck = new TamperCheck();
  const changed = chains(INPUT!, { ...REGULAR!, rules: [] }, STAMP!);
  tamperCheck.recordBaseline('4:1', TABLE, changed);
  assert.equal(
    tamperCheck.isTampered('4:1', 9, TABLE, () => changed),
    true,
  );
});

test('what is known of namespaces that are gone is forgotten, and of the others kept', () => {
  const tamperCheck = new TamperCheck();
  const read: string[] = [];
  for (const key of ['4:1', '4:2', '4:3']) tamperCheck.recordBaseline(key, TABLE, WHOLE);
  tamperCheck.retainOnly(new Set(['4:2', '4:9']));
  for (const key of ['4:1', '4:2', '4:3'])
    tamperCheck.isTampered(key, WHOLE.generation, TABLE, () => {
      read.push(key);
      return WHOLE;
    });
  assert.deepEqual(read, ['4:1', '4:3']);
});

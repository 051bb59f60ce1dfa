// The matrix of engines: what is read of a run, and the page that is made of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOutcome } from '../matrix/outcome.js';
import { enginesPage } from '../matrix/page.js';

const SPEC = `▶ a suite
  ✔ one (1.5ms)
  ✖ two (is it?) (20ms)
✖ a suite (25ms)
✔ three (3ms)
ℹ pass 2

✖ failing tests:

✖ two (is it?) (20ms)
`;

test("of node's reporter each test is counted once, and a failure has its name", () => {
  const { passed, failures } = readOutcome(SPEC, 1, 5, 'abc');
  assert.deepEqual([passed, failures], [2, ['two (is it?)']]);
});

test("of the laboratory's lines likewise", () => {
  const { passed, failures } = readOutcome(
    'ifname\n  ok   it runs (1.0 s)\n  FAIL it ends (2.5 s)\n',
    1,
    5,
    'abc',
  );
  assert.deepEqual([passed, failures], [1, ['it ends']]);
});

for (const [what, output, status] of [
  ['that ended badly', '✔ one (1ms)\n', 1],
  ['in which nothing ran', '', 0],
] as const)
  test(`a run ${what} has failed`, () => {
    assert.deepEqual(readOutcome(output, status, 5, 'abc').failures, [`the run, with status ${status}`]);
  });

test('a cell of the page has how many passed, or is listed with its reason', () => {
  const good = { passed: 3, failed: 0, failures: [], seconds: 1, commit: 'abc' };
  const bad = { passed: 1, failed: 1, failures: ['two'], seconds: 1, commit: 'abc' };
  const versions = { bookworm: ['Docker 20.10.24'], trixie: ['Docker 26.1.5'] };
  const outcomes = { bookworm: { unit: good, kernel: bad }, trixie: { unit: bad } };
  const page = enginesPage(
    ['bookworm', 'trixie'],
    ['unit', 'kernel'],
    { versions, outcomes },
    {
      'kernel, bookworm': 'an older nft',
    },
  );
  assert.ok(page.includes('| `unit` | 3 | **1 of 2 failed** |'));
  assert.ok(page.includes('| `kernel` | **1 of 2 failed** | not run |'));
  assert.ok(page.includes('- `kernel` on bookworm: "two": an older nft'));
  assert.ok(page.includes('- `unit` on trixie: "two": not known yet'));
});

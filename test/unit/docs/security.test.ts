// SECURITY.md: each claim names the tests that attack, and each test that it names is there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/unit/docs. */
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

const NO_TEST = 'no test yet';
const REFERENCE = /`(test\/[^`]+\.ts)`: "([^"]+)"/g;

/** The rows of all tables whose second column is tests: a claim, and what is said of its tests. */
const rows = page
  .split('\n')
  .map(line => /^\| (.+) \| (.+) \|$/.exec(line))
  .filter(row => row !== null && row[2] !== 'Test' && row[2] !== '---')
  .map(row => ({ claim: row![1]!, tests: row![2]! }));

/** Whether a file's text has the name in a row; "…" stands for what differs from case to case. */
function hasName(text: string, name: string): boolean {
  const parts = name.split('…').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`['"\`]${parts.join('[^\'"\\n]*')}['"\`]`).test(text.replaceAll("\\'", "'"));
}

test('the page has claims, and most of them have tests', () => {
  assert.ok(rows.length > 30);
  assert.ok(rows.filter(({ tests }) => tests !== NO_TEST).length > rows.length / 3);
});

for (const { claim, tests } of rows) {
  test(`the tests of "${claim}" are there, or it says that there is none`, () => {
    if (tests === NO_TEST) return;
    const references = [...tests.matchAll(REFERENCE)];
    assert.equal(
      tests.replaceAll(REFERENCE, '').replaceAll('; ', ''),
      '',
      'it is in the form `file`: "name"',
    );
    assert.ok(references.length > 0);
    for (const [, file, name] of references) {
      assert.ok(existsSync(join(root, file!)), `${file} is there`);
      assert.ok(name!.replaceAll(/[…\s]/g, '').length > 8, `"${name}" says something`);
      assert.ok(hasName(readFileSync(join(root, file!), 'utf8'), name!), `${file} has a test "${name}"`);
    }
  });
}

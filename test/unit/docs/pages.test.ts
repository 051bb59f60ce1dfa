// Pages that are made from the code say what the code says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { withTables } from '../../pages/tables.js';
import { page } from '../../rules/page.js';
import { refusedPage } from '../../rules/refused-page.js';

/** From dist/test/unit/docs. */
const docs = new URL('../../../../docs/', import.meta.url);
const reference = readFileSync(new URL('reference.md', docs), 'utf8');

test('docs/rules-refused.md is up to date: each of its rules is refused, for the reason that it gives', () => {
  assert.equal(readFileSync(new URL('rules-refused.md', docs), 'utf8'), refusedPage());
});

test('docs/rules.md is up to date; `make pages` makes it anew', () => {
  assert.equal(readFileSync(new URL('rules.md', docs), 'utf8'), page());
});

test('the tables of docs/reference.md are up to date; `make pages` makes them anew', () => {
  assert.equal(reference, withTables(reference));
});

test('a line of a table that somebody changed by hand is made anew', () => {
  const changed = reference.replace('| `dwgd.mtu` |', '| `dwgd.mtu`, or so |');
  assert.notEqual(changed, reference);
  assert.equal(withTables(changed), reference);
});

test('a page without a place for one of the tables is refused', () => {
  assert.throws(
    () => withTables(reference.replace('<!-- table: labels -->', '')),
    /no place for the tables: labels/,
  );
});

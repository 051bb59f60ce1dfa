// docs/rules.md is made from the table of matches and targets, and says what the table says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { page } from '../../../rules/page.js';

test('docs/rules.md is up to date; `make rules-page` makes it anew', () => {
  assert.equal(readFileSync(new URL('../../../../../docs/rules.md', import.meta.url), 'utf8'), page());
});

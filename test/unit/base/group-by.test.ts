// Items by a key of theirs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupBy } from '../../../src/base/group-by.js';

test('groups come in the order of their first items, and items in theirs', () => {
  const groups = groupBy(['b1', 'a1', 'b2', 'a2', 'b3'], ([letter = '']) => letter);
  assert.deepEqual(
    [...groups],
    [
      ['b', ['b1', 'b2', 'b3']],
      ['a', ['a1', 'a2']],
    ],
  );
});

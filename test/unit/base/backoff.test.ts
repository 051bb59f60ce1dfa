// When something that failed is tried again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, retryAfter } from '../../../src/base/backoff.js';

const LIMITS = { firstMs: 100, longestMs: 30_000 };

for (const [attempts, expected] of [
  [1, 100],
  [2, 200],
  [9, 25_600],
  [10, 30_000],
  [5000, 30_000],
] as const) {
  test(`after ${attempts} failures in a row it waits ${expected} ms`, () => {
    assert.equal(backoffMs(attempts, LIMITS), expected);
  });
}

test('a failure while it waits makes it wait no longer, and one in its time does', () => {
  const first = retryAfter({ attempts: 0, retryAt: 0 }, 1000, LIMITS);
  assert.deepEqual(first, { attempts: 1, retryAt: 1100 });
  assert.deepEqual(retryAfter(first, 1050, LIMITS), first);
  assert.deepEqual(retryAfter(first, 1100, LIMITS), { attempts: 2, retryAt: 1300 });
});

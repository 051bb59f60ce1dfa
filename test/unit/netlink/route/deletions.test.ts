// What is deleted at a time in a namespace that somebody may fill anew.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deletions, UnfinishedError } from '../../../../src/netlink/route/deletions.js';

/** How many are made while each takes so many milliseconds. */
function made(ms: number, most = 10_000): number {
  let [now, count] = [0, 0];
  const deletions = new Deletions(() => now);
  try {
    for (; count < most; count++) {
      deletions.next();
      now += ms;
    }
  } catch (err) {
    assert.ok(err instanceof UnfinishedError);
  }
  return count;
}

for (const [what, ms, expected] of [
  ['of a kernel that takes its time 64 are asked for at once', 5, 64],
  ['as many as it makes in 20 ms are, where that is more', 0.125, 161],
  ['all are, where it takes no time', 0, 10_000],
] as const)
  test(what, () => assert.equal(made(ms), expected));

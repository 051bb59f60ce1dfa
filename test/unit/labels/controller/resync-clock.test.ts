// When everything is read anew: often where it is quickly done, and at the latest when the period is over.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResyncClock } from '../../../../src/labels/controller/resync-clock.js';

/** What a resync takes in milliseconds, the period in seconds, and when there were resyncs. */
const CASES: readonly (readonly [string, number, number, readonly number[]])[] = [
  ['quickly done: every half minute', 20, 300, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300]],
  ['slower: a thousandth of the time', 70, 300, [30, 120, 210, 300]],
  ['slow: when the period is over', 900, 120, [30, 150, 270]],
  ['a short period, whatever it takes', 900, 30, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300]],
  ['no multiple of half a minute', 900, 100, [30, 120, 210, 300]],
];

for (const [what, ms, period, expected] of CASES)
  test(`${what}: ${ms} ms, at most ${period} s`, t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let now = 0;
    const at: number[] = [];
    const clock = new ResyncClock(
      () => {
        at.push(now / 1_000);
        clock.took(ms, now + ms);
      },
      period * 1_000,
      () => now,
    );
    t.after(() => clock.close());
    for (now = 1_000; now <= 300_000; now += 1_000) t.mock.timers.tick(1_000);
    assert.deepEqual(at, expected);
    clock.close();
    t.mock.timers.tick(1_000_000);
    assert.deepEqual(at, expected);
  });

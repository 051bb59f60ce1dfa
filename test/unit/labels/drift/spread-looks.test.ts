// Looks that are spread over a period: whom, when, how many at a time.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SpreadLooks } from '../../../../src/labels/drift/spread-looks.js';

const PERIOD = 300_000;

/** Looks that take so many milliseconds each, by a clock that goes on by the steps of run(). */
function looking(t: TestContext, { count = 3, took = 0, period = PERIOD } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const keys = Array.from({ length: count }, (_, n) => `${n}`);
  const looks: { readonly key: string; readonly at: number }[] = [];
  const all = new SpreadLooks({
    keys: () => [...keys],
    look: key => {
      looks.push({ key, at: clock.now });
      clock.now += took;
    },
    period,
  });
  t.after(() => all.close());
  const run = (ms: number, step = 500): void => {
    const end = clock.now + ms;
    while (clock.now < end) {
      clock.now += step;
      t.mock.timers.tick(step);
    }
  };
  return { all, keys, looks, run, clock };
}

test('the first round begins when a period is over; each is looked at once in a period, at its time', t => {
  const { looks, run } = looking(t);
  run(PERIOD - 1_000);
  assert.deepEqual(looks, []);
  run(1_000);
  assert.deepEqual(looks, [{ key: '0', at: PERIOD }]);
  run(2 * PERIOD - 1_000);
  assert.deepEqual(
    looks.map(({ key }) => key),
    ['0', '1', '2', '0', '1', '2'],
  );
  for (const [n, { at }] of looks.entries())
    assert.ok(Math.abs(at - PERIOD - (n * PERIOD) / 3) <= 3_000, `${at}`);
});

test('many are looked at some at a time, never for long, and all within the period', t => {
  const { looks, run } = looking(t, { count: 5_000, took: 0.25 });
  run(2 * PERIOD - 2_000, 1);
  assert.ok(looks.length > 4_950 && looks.length <= 5_000, `${looks.length}`);
  assert.equal(new Set(looks.map(({ key }) => key)).size, looks.length);
  let together = 1;
  let most = 1;
  for (let n = 1; n < looks.length; n++) {
    together = looks[n]!.at - looks[n - 1]!.at > 0.25 ? 1 : together + 1;
    most = Math.max(most, together);
  }
  assert.ok(most * 0.25 <= 5, `${most} together`);
  assert.ok(most >= 8, `${most} together`);
});

test('where there are more than the period has time for, half of the time is for others', t => {
  const { looks, run } = looking(t, { count: 5_000, took: 1, period: 1_000 });
  run(1_000, 0.5);
  run(4_000, 0.5);
  const busy = looks.length / 4_000;
  assert.ok(busy > 0.35 && busy < 0.55, `${busy}`);
});

test('hurried, all are looked at anew at once, and then at their time', t => {
  const { all, looks, run, clock } = looking(t, { count: 40, took: 1 });
  run(PERIOD + PERIOD / 2, 100);
  looks.length = 0;
  const began = clock.now;
  all.hurry();
  run(200, 1);
  assert.equal(looks.length, 40);
  assert.ok(looks.at(-1)!.at - began < 120, `${looks.at(-1)!.at - began}`);
  run(PERIOD - 2_000, 100);
  assert.equal(looks.length, 40);
});

test('hurried again and again before all were looked at, each has its turn', t => {
  const { all, keys, looks, run } = looking(t, { count: 40, took: 1 });
  run(PERIOD + PERIOD / 2, 100);
  looks.length = 0;
  for (let n = 0; n < 12; n++) {
    all.hurry();
    run(20, 1);
    if (n === 4) keys.push('new');
    if (n === 5) keys.shift();
  }
  const times = ['1', '20', '39', 'new'].map(key => looks.filter(one => one.key === key).length);
  assert.ok(Math.min(...times) >= 1 && Math.max(...times) <= 4, `${times}`);
  assert.ok(looks.length < 4 * keys.length, `${looks.length}`);
});

test('nobody: nothing; and who has come is in the next round', t => {
  const { keys, looks, run } = looking(t, { count: 0 });
  run(2 * PERIOD);
  assert.deepEqual(looks, []);
  keys.push('new');
  run(PERIOD + 1_000);
  assert.deepEqual(
    looks.map(({ key }) => key),
    ['new'],
  );
});

test('closed, it looks at nobody', t => {
  const { all, looks, run } = looking(t);
  all.close();
  all.hurry();
  run(2 * PERIOD);
  assert.deepEqual(looks, []);
});

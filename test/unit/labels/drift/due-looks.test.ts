// Looks that are due: soon, once for whatever comes together, and no subject often.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turnsEnd } from 'node:timers/promises';
import { DueLooks } from '../../../../src/labels/drift/due-looks.js';

/** Looks that take so many milliseconds each, by a clock that goes on by the steps of run(). */
function looking(t: TestContext, took: Readonly<Record<string, number>> = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const looks: string[] = [];
  const due: DueLooks = new DueLooks(key => {
    clock.now += took[key] ?? 0;
    looks.push(key);
    if (key === 'last') due.close();
  });
  t.after(() => due.close());
  const run = async (ms: number): Promise<void> => {
    const end = clock.now + ms;
    while (clock.now < end) {
      clock.now += 1;
      t.mock.timers.tick(1);
      await turnsEnd();
    }
  };
  return { due, looks, run, clock };
}

test('what is marked again before its look is looked at once', async t => {
  const { due, looks, run } = looking(t);
  for (const key of ['a', 'b', 'a']) due.mark(key);
  await run(3);
  assert.deepEqual(looks, []);
  await run(3);
  assert.deepEqual(looks, ['a', 'b']);
  due.mark('a');
  await run(6);
  assert.deepEqual(looks, ['a', 'b', 'a']);
});

test('one whose looks take long waits before the third, and others do not', async t => {
  const { due, looks, run, clock } = looking(t, { slow: 60 });
  for (let n = 0; n < 4; n++) {
    due.mark('slow');
    due.mark(`other ${n}`);
    await run(130);
  }
  assert.deepEqual(
    looks.filter(key => key === 'slow'),
    ['slow', 'slow'],
  );
  assert.equal(looks.length, 6);
  // Each took 60 ms and costs 1,200, of which 1,000 may be owed: paid at 2,464, so from 1,464 on.
  await run(1_460 - clock.now);
  assert.equal(looks.length, 6);
  await run(10);
  assert.deepEqual(looks.slice(6), ['slow']);
});

test('one that is dropped, and one that nobody wants any more, are not looked at', async t => {
  const { due, looks, run } = looking(t);
  for (const key of ['a', 'b', 'c']) due.mark(key);
  due.drop('a');
  due.retainOnly(new Map([['c', undefined]]));
  await run(40);
  assert.deepEqual(looks, ['c']);
});

test('closed in the midst of its looks, it begins no other', async t => {
  const { due, looks, run } = looking(t);
  due.mark('last');
  due.mark('b');
  await run(40);
  due.mark('c');
  await run(40);
  assert.deepEqual(looks, ['last']);
});

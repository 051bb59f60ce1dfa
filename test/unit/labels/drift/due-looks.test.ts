// Looks that are due: soon, once for whatever comes together, and no subject often.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DueLooks } from '../../../../src/labels/drift/due-looks.js';

function looking(t: TestContext, took: Readonly<Record<string, number>> = {}) {
  const looks: string[] = [];
  const due = new DueLooks(key => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, took[key] ?? 0);
    looks.push(key);
  });
  t.after(() => due.close());
  return { due, looks };
}

test('what is marked again before its look is looked at once', async t => {
  const { due, looks } = looking(t);
  for (const key of ['a', 'b', 'a']) due.mark(key);
  assert.deepEqual(looks, []);
  await sleep(40);
  assert.deepEqual(looks, ['a', 'b']);
  due.mark('a');
  await sleep(40);
  assert.deepEqual(looks, ['a', 'b', 'a']);
});

test('one whose looks take long waits before the third, and others do not', async t => {
  const { due, looks } = looking(t, { slow: 60 });
  for (let n = 0; n < 4; n++) {
    due.mark('slow');
    due.mark(`other ${n}`);
    await sleep(130);
  }
  assert.deepEqual(
    looks.filter(key => key === 'slow'),
    ['slow', 'slow'],
  );
  assert.equal(looks.length, 6);
});

test('one that is dropped, and one that nobody wants any more, are not looked at', async t => {
  const { due, looks } = looking(t);
  for (const key of ['a', 'b', 'c']) due.mark(key);
  due.drop('a');
  due.retainOnly(new Map([['c', undefined]]));
  await sleep(40);
  assert.deepEqual(looks, ['c']);
});

test('closed in the midst of its looks, it begins no other', async t => {
  const looks: string[] = [];
  const due = new DueLooks(key => {
    looks.push(key);
    due.close();
  });
  t.after(() => due.close());
  due.mark('a');
  due.mark('b');
  await sleep(40);
  due.mark('c');
  await sleep(40);
  assert.deepEqual(looks, ['a']);
});

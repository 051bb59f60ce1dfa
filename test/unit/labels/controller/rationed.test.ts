// Work is done at once, and whoever asks while it rests is served together with the others.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Rationed } from '../../../../src/labels/controller/rationed.js';

function slow(t: TestContext, ms: number) {
  const done: number[] = [];
  const rationed = new Rationed(() => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    done.push(performance.now());
  });
  t.after(() => rationed.close());
  return { rationed, done };
}

test('the first time it is done before the request returns', t => {
  const { rationed, done } = slow(t, 0);
  rationed.request();
  assert.equal(done.length, 1);
});

test('what is asked for while it rests is done once, when it has rested four times as long as it took', async t => {
  const { rationed, done } = slow(t, 20);
  for (let n = 0; n < 20; n++) rationed.request();
  assert.deepEqual([done.length, rationed.isWaiting], [1, true]);
  while (done.length < 2) await sleep(5);
  assert.ok(done[1]! - done[0]! >= 80, String(done[1]! - done[0]!));
  await sleep(200);
  assert.deepEqual([done.length, rationed.isWaiting], [2, false]);
});

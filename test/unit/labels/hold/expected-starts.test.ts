// Who is expected to start where: nothing grows with what comes and goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpectedStarts } from '../../../../src/labels/hold/expected-starts.js';

function expecting() {
  const clock = { now: 1_000 };
  return { clock, starts: new ExpectedStarts(() => clock.now) };
}

test('one is expected for its time, and no longer', () => {
  const { clock, starts } = expecting();
  starts.expect('net', 'app', 5_000);
  clock.now += 4_999;
  assert.deepEqual([starts.has('app'), starts.isExpecting('net'), starts.networks()], [true, true, ['net']]);
  clock.now++;
  assert.deepEqual([starts.isExpecting('net'), starts.networks(), starts.has('app')], [false, [], false]);
});

test('a network is free when the last is settled whom it was waiting for', () => {
  const { starts } = expecting();
  starts.expect('net', 'app', 5_000);
  starts.expect('net', 'other', 5_000);
  starts.expect('far', 'app', 5_000);
  assert.deepEqual(starts.settled('other', 'far'), []);
  assert.deepEqual(starts.settled('app'), ['far']);
  assert.deepEqual(starts.settled('other', 'net'), ['net']);
  assert.deepEqual(starts.settled('other', 'net'), []);
});

test('each port is for one who is connected, in that order, and not for one who is settled everywhere', () => {
  const { starts } = expecting();
  for (const _ of '12') starts.expectPort('net', 5_000);
  assert.deepEqual(starts.settled('app'), []);
  assert.deepEqual(starts.settled('app', 'net'), []);
  assert.deepEqual(starts.settled('other', 'net'), ['net']);
});

test('of ever so many who are expected on a network the last are', () => {
  const { starts } = expecting();
  for (let n = 0; n < 2_000; n++) starts.expect('net', `c${n}`, 5_000);
  assert.deepEqual([starts.has('c0'), starts.has('c1999')], [false, true]);
  starts.gone('net');
  assert.equal(starts.has('c1999'), false);
});

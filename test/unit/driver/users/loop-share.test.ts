// The event loop is not a user's alone: what users ask for begins one at a time, with rests in between.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { AnswerShares, LoopShare, REST_OF_CALLS } from '../../../../src/driver/users/loop-share.js';

const [USER, OTHER] = [1000, 1001];

/** A share whose rests end when they are told to. */
function share(rest = REST_OF_CALLS): { it: LoopShare; rests: number[]; goOn: () => Promise<void> } {
  const rests: number[] = [];
  let end = (): void => undefined;
  const it = new LoopShare(rest, ms => {
    rests.push(ms);
    return new Promise(resolve => (end = () => resolve(undefined)));
  });
  const goOn = async (): Promise<void> => {
    for (let n = 0; n < 3; n++) await turn();
    end();
  };
  return { it, rests, goOn };
}

/** Keeps the event loop busy. */
function work(ms: number): void {
  for (const start = performance.now(); performance.now() - start < ms; );
}

test('of what users ask for at once the next begins after the rest of the one before, users in turn', async () => {
  const { it, goOn } = share();
  const begun: string[] = [];
  for (const [user, name] of [
    [USER, 'a1'],
    [USER, 'a2'],
    [USER, 'a3'],
    [OTHER, 'b1'],
  ] as const)
    void it.run(user, () => begun.push(name));
  const expected = ['a1', 'a2', 'b1', 'a3'];
  for (let n = 1; n <= expected.length; n++) {
    for (let turns = 0; turns < 20; turns++) await turn();
    assert.deepEqual(begun, expected.slice(0, n));
    await goOn();
  }
});

test('the rest is so many times as long as the work, what it does after waiting for something included', async () => {
  const { it, rests, goOn } = share();
  await it.run(USER, async () => {
    work(5);
    await sleep(10);
    work(5);
  });
  await goOn();
  assert.ok(rests[0]! >= 4 * 10, `${rests[0]} ms`);
});

test('a rest is never longer than it may be, however long the work took', async () => {
  const { it, rests, goOn } = share({ times: 99, mostMs: 100, turnMs: 0 });
  await it.run(USER, () => work(5));
  await goOn();
  assert.deepEqual(rests, [100]);
});

test('work that waits for long does not hold the turn, and one that fails tells whoever gave it', async () => {
  const { it, goOn } = share({ ...REST_OF_CALLS, turnMs: 1 });
  let end = (): void => undefined;
  const waiting = it.run(USER, () => new Promise<string>(resolve => (end = () => resolve('late'))));
  const failing = it.run(OTHER, () => {
    throw new Error('no');
  });
  const failed = assert.rejects(failing, /no/);
  await sleep(20);
  await goOn();
  await failed;
  end();
  assert.equal(await waiting, 'late');
});

test("an answer of one user is read while another's rest lasts", async () => {
  const shares = new AnswerShares();
  await shares.run(USER, () => work(50));
  const waiting = shares.run(USER, () => 'late');
  assert.equal(await shares.run(OTHER, () => 'read'), 'read');
  let isRead = false;
  void waiting.then(() => (isRead = true));
  await turn();
  assert.equal(isRead, false);
});

test('of the answers of a user few wait, and the next is refused', async () => {
  const shares = new AnswerShares();
  await shares.run(USER, () => work(50));
  for (let n = 0; n < 8; n++) void shares.run(USER, () => n);
  await assert.rejects(
    shares.run(USER, () => 'one more'),
    /too many pending replies/,
  );
});

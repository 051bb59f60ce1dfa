// Work for users that may never end: one at a time for each, given up in time, and nobody else waits for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { poolThreads } from '../../../../src/driver/users/thread-pool.js';
import { UserOperations } from '../../../../src/driver/users/user-operations.js';

const LATE = { name: 'UserError', message: 'a file system does not answer in time: try again later' };
const never = (): Promise<never> => new Promise(() => undefined);
const soon = async (): Promise<string> => 'done';

test('what the work gives or throws is what comes of it', async () => {
  const operations = new UserOperations();
  assert.equal(await operations.run(1000, soon), 'done');
  await assert.rejects(
    operations.run(1000, () => Promise.reject(new Error('x'))),
    { message: 'x' },
  );
  assert.equal(await operations.run(1000, soon), 'done');
});

test('one work is under way for each user, in order', async () => {
  const operations = new UserOperations();
  const seen: string[] = [];
  const work = (name: string) => async () => {
    seen.push(`${name} begins`);
    await turn();
    seen.push(`${name} ends`);
  };
  await Promise.all([operations.run(1000, work('a')), operations.run(1000, work('b'))]);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test('work that never ends is given up, and its user is refused at once after that', async () => {
  const operations = new UserOperations(20);
  await assert.rejects(operations.run(1000, never), LATE);
  let started = false;
  await assert.rejects(
    operations.run(1000, async () => {
      started = true;
    }),
    LATE,
  );
  assert.equal(started, false);
});

test('work that goes on after it was given up is told so', async () => {
  const operations = new UserOperations(20);
  let ask = (): boolean => false;
  await assert.rejects(
    operations.run(1000, isLate => {
      ask = isLate;
      assert.equal(isLate(), false);
      return never();
    }),
    LATE,
  );
  assert.equal(ask(), true);
});

test('work of one user that never ends holds up nobody else', async () => {
  const operations = new UserOperations(20);
  await assert.rejects(operations.run(1000, never), LATE);
  assert.equal(await operations.run(1001, soon), 'done');
});

test('works of two users that never end hold up a third no longer than their turn', async () => {
  const operations = new UserOperations(400, { turnMs: 20, most: 4 });
  const stuck = [1, 2].map(uid => assert.rejects(operations.run(uid, never), LATE));
  assert.equal(await operations.run(3, soon), 'done');
  await Promise.all(stuck);
});

test('of works that end two are under way at once, and the third begins when one of them has ended', async () => {
  const operations = new UserOperations(1_000, { most: 4 });
  const ends: (() => void)[] = [];
  const work = (): Promise<void> => new Promise(resolve => ends.push(resolve));
  const all = [1, 2, 3].map(uid => operations.run(uid, work));
  await turn();
  assert.equal(ends.length, 2);
  ends[0]!();
  await turn();
  assert.equal(ends.length, 3);
  for (const end of ends) end();
  await Promise.all(all);
});

test('no more works hold a thread than may, whatever the number of users', async () => {
  const operations = new UserOperations(200, { turnMs: 5, most: 3 });
  let end: () => void = () => undefined;
  let started = 0;
  const stuck = (): Promise<void> => {
    started++;
    return new Promise(resolve => (end = resolve));
  };
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(uid => operations.run(uid, stuck)));
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(started, 3);
  await assert.rejects(operations.run(6, soon), LATE);
  end();
  await turn();
  assert.equal(await operations.run(7, soon), 'done');
});

for (const [given, threads] of [
  [undefined, 4],
  ['16', 16],
  ['0', 4],
  ['x', 4],
] as const) {
  test(`of UV_THREADPOOL_SIZE=${given} libuv's pool has ${threads} threads`, () =>
    assert.equal(poolThreads(given), threads));
}

test('a user whose turn did not come is not to blame for it', async () => {
  const operations = new UserOperations(20);
  let end: () => void = () => undefined;
  const others = [
    operations.run(
      1,
      () =>
        new Promise<void>(resolve => {
          end = resolve;
        }),
    ),
    operations.run(2, never),
  ];
  const [outcome] = await Promise.allSettled([operations.run(3, soon), ...others]);
  assert.equal(outcome!.status, 'rejected');
  end();
  await turn();
  assert.equal(await operations.run(3, soon), 'done');
});

test('a user has no more than sixteen works that wait', async () => {
  const operations = new UserOperations(20);
  const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => operations.run(1, soon)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 16);
});

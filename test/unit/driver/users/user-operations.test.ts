// Work for users that may never end: one at a time for each, given up in time, and nobody else waits for it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
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

test('no more than two works hold a thread, whatever the number of users', async () => {
  const operations = new UserOperations(20);
  let started = 0;
  const stuck = (): Promise<never> => {
    started++;
    return never();
  };
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map(uid => operations.run(uid, stuck)));
  assert.ok(outcomes.every(({ status }) => status === 'rejected'));
  assert.equal(started, 2);
});

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

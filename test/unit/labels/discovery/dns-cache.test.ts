// Names of the host's resolver: in the background, the last good answer kept.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { setImmediate as settle } from 'node:timers/promises';
import { type Address, formatAddress, parseAddress } from '../../../../src/base/ip.js';
import { DnsCache } from '../../../../src/labels/discovery/dns-cache.js';

/** A resolver that answers what the table says; nothing is a failure. */
function world(table: Record<string, string[] | undefined>) {
  const asked: string[] = [];
  let changes = 0;
  const names = new DnsCache(
    () => changes++,
    async name => {
      asked.push(name);
      const answer = table[name];
      if (!answer) throw Object.assign(new Error(name), { code: 'EAI_AGAIN' });
      return answer.map(text => parseAddress(text) as Address);
    },
  );
  const answer = (name: string) => names.answers.get(name)?.map(formatAddress);
  return { names, asked, answer, changes: () => changes };
}

test('a name is looked up once it is wanted, and told when it is there', async () => {
  const { names, answer, changes } = world({ 'a.example': ['10.0.0.1', 'fd00::1'] });
  names.want(['a.example']);
  assert.equal(answer('a.example'), undefined);
  await settle();
  assert.deepEqual(answer('a.example'), ['10.0.0.1', 'fd00::1']);
  assert.equal(changes(), 1);
  names.close();
});

test('a name that is still wanted is not looked up again by that', async () => {
  const { names, asked } = world({ a: ['10.0.0.1'] });
  names.want(['a']);
  await settle();
  names.want(['a']);
  await settle();
  assert.deepEqual(asked, ['a']);
  names.close();
});

test('a name that nobody knows has an empty answer, told once', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { names, answer, changes } = world({});
  names.want(['a']);
  assert.equal(answer('a'), undefined);
  await settle();
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([answer('a'), changes()], [[], 1]);
  names.close();
});

test('a name that is wanted no more is forgotten', async () => {
  const { names, answer } = world({ a: ['10.0.0.1'] });
  names.want(['a']);
  await settle();
  names.want([]);
  assert.equal(answer('a'), undefined);
  names.close();
});

test('after 30 seconds it is looked up again: a new answer is told, a failure keeps the last one', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const table: Record<string, string[] | undefined> = { a: ['10.0.0.1'] };
  const { names, answer, changes } = world(table);
  names.want(['a']);
  await settle();
  table.a = ['10.0.0.2'];
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([answer('a'), changes()], [['10.0.0.2'], 2]);
  table.a = undefined;
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([answer('a'), changes()], [['10.0.0.2'], 2]);
  names.close();
});

test('a rotated answer is the same answer, and what was first stays first', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const table: Record<string, string[]> = { a: ['10.0.0.1', '10.0.0.2'] };
  const { names, answer, changes } = world(table);
  names.want(['a']);
  await settle();
  table.a = ['10.0.0.2', '10.0.0.1'];
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([answer('a'), changes()], [['10.0.0.1', '10.0.0.2'], 1]);
  table.a = ['10.0.0.3', '10.0.0.2'];
  t.mock.timers.tick(30_000);
  await settle();
  assert.deepEqual([answer('a'), changes()], [['10.0.0.2', '10.0.0.3'], 2]);
  names.close();
});

test('names without an answer the last time are asked for behind all others', async t => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { names, asked } = world({ c: ['10.0.0.1'], d: ['10.0.0.2'] });
  names.want(['a', 'b', 'c']);
  await settle();
  asked.length = 0;
  t.mock.timers.tick(30_000);
  names.want(['a', 'b', 'c', 'd']);
  await settle();
  // Two lookups are under way at a time, and begin at once.
  assert.deepEqual(asked, ['c', 'a', 'd', 'b']);
  names.close();
});

test('a name that never resolves keeps no other from being resolved', async () => {
  const resolve = mock.fn(
    (name: string): Promise<Address[]> =>
      name === 'slow' ? new Promise(() => undefined) : Promise.resolve([parseAddress('10.0.0.1')!]),
  );
  const names = new DnsCache(() => undefined, resolve);
  names.want(['slow', 'a', 'b', 'c']);
  await settle();
  for (const name of ['a', 'b', 'c']) assert.equal(names.answers.get(name)?.length, 1);
  assert.equal(names.answers.get('slow'), undefined);
  names.close();
});

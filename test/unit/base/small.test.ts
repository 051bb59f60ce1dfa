// The small words that everything stands on: errors, undo, serial, passes, nearest, the log.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Coalescer } from '../../../src/base/coalescer.js';
import {
  errnoName,
  errorCode,
  isExists,
  isNotFound,
  messageOf,
  OpError,
  UserError,
} from '../../../src/base/errors.js';
import { KeyedQueue } from '../../../src/base/keyed-queue.js';
import { createLog, formatLine } from '../../../src/base/log.js';
import { nearest } from '../../../src/base/suggest.js';
import { Rollback } from '../../../src/driver/tunnel/rollback.js';
import { SecretKey } from '../../../src/netlink/wireguard/key.js';
import { anyText } from '../../support/arbitrary.js';

test('a refusal of the kernel says what was being done, to what, and why', () => {
  const err = new OpError('creating link', 'wg0', 17);
  const advised = new OpError('creating link', 'wg0', 17, { advice: 'give another name' });
  assert.equal(advised.message, `${err.message}: give another name`);
  assert.equal(err.message, 'creating link wg0: EEXIST (file already exists)');
  assert.equal(err.code, 'EEXIST');
});

for (const [errno, name] of [
  [3, 'ESRCH'],
  [19, 'ENODEV'],
  [95, 'EOPNOTSUPP'],
  [101, 'ENETUNREACH'],
  [12345, 'errno 12345'],
] as const) {
  test(`errno ${errno} is ${name}`, () => {
    assert.equal(errnoName(errno), name);
    assert.match(new OpError('reading', 'x', errno).message, new RegExp(`^reading x: ${name}`));
  });
}

for (const [err, notFound, exists] of [
  [new OpError('', '', 19), true, false],
  [new OpError('', '', 3), true, false],
  [new OpError('', '', 6), true, false],
  [Object.assign(new Error(), { code: 'ENOENT' }), true, false],
  [new OpError('', '', 17), false, true],
  [new OpError('', '', 1), false, false],
  [new Error('ENOENT'), false, false],
  ['ENOENT', false, false],
  [undefined, false, false],
] as const) {
  test(`${err instanceof Error ? (errorCode(err) ?? 'an error without code') : err} is ${notFound ? '' : 'not '}"not found"`, () => {
    assert.deepEqual([isNotFound(err), isExists(err)], [notFound, exists]);
  });
}

test('the message of anything is one line', () => {
  assert.equal(messageOf(new UserError('one\n  two')), 'one two');
  assert.equal(messageOf('text'), 'text');
  assert.equal(messageOf(undefined), 'undefined');
});

test('what was done is undone in reverse order, each step once, whatever fails', async () => {
  const done: string[] = [];
  const reports: string[] = [];
  const undo = new Rollback();
  undo.add('the first', async () => {
    await sleep(1);
    done.push('first');
  });
  undo.add('the second', () => {
    throw new OpError('deleting link', 'x', 1);
  });
  undo.add('the third', () => void done.push('third'));
  await undo.run(text => reports.push(text));
  await undo.run(text => reports.push(text));
  assert.deepEqual(done, ['third', 'first']);
  assert.deepEqual(reports, ['cannot undo the second: deleting link x: EPERM (operation not permitted)']);
});

test('calls of one key run one after the other, in order; those of another key meanwhile', async () => {
  const serial = new KeyedQueue();
  const seen: string[] = [];
  const call = (key: string, name: string, ms: number) =>
    serial.run(key, async () => {
      seen.push(`${name} begins`);
      await sleep(ms);
      seen.push(`${name} ends`);
    });
  await Promise.all([call('a', 'a1', 20), call('a', 'a2', 0), call('b', 'b1', 0)]);
  assert.deepEqual(seen, ['a1 begins', 'b1 begins', 'b1 ends', 'a1 ends', 'a2 begins', 'a2 ends']);
});

test('a call that fails tells its caller and nobody else', async () => {
  const serial = new KeyedQueue();
  const failing = serial.run('a', () => Promise.reject(new Error('no')));
  const next = serial.run('a', async () => 'yes');
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});

test('a call that throws before its first await is a rejection too', async () => {
  const serial = new KeyedQueue();
  const thrower = (): Promise<void> => {
    throw new Error('at once');
  };
  await assert.rejects(serial.run('a', thrower), /at once/);
});

test('passes asked for during one are folded into a single next one', async () => {
  let begun = 0;
  const passes = new Coalescer(async () => {
    begun++;
    await sleep(5);
  });
  passes.trigger();
  assert.deepEqual([begun, passes.isPending], [1, false]);
  for (let n = 0; n < 3; n++) passes.trigger();
  assert.equal(passes.isPending, true);
  await passes.idle();
  assert.equal(begun, 2);
  passes.trigger();
  passes.trigger();
  passes.close();
  await passes.idle();
  passes.trigger();
  assert.equal(begun, 3);
});

for (const [text, expected] of [
  ['dwgd.rout', 'dwgd.route'],
  ['dwgd.ruote', 'dwgd.route'],
  ['DWGD.SEED', 'dwgd.seed'],
  ['dwgd.seedfiel', 'dwgd.seedfile'],
  ['dwgd.sed', 'dwgd.seed'],
  ['', undefined],
  ['entirely.different', undefined],
  ['dwgd.route'.repeat(10_000), undefined],
] as const) {
  test(`nearest to ${text.slice(0, 20) || 'nothing'} is ${expected}`, () => {
    assert.equal(nearest(text, ['dwgd.seed', 'dwgd.seedfile', 'dwgd.route']), expected);
  });
}

const line = (fields: object): string =>
  JSON.stringify({ level: 30, time: '2030-01-01T00:00:00.000Z', ...fields });

for (const [name, fields, expected] of [
  ['a message', { msg: 'listening' }, '2030-01-01T00:00:00.000Z info listening\n'],
  ['fields', { msg: 'x', link: 'wg0', ms: 1.5 }, '2030-01-01T00:00:00.000Z info x link=wg0 ms=1.5\n'],
  ['a value with spaces', { msg: 'x', path: '/a b' }, '2030-01-01T00:00:00.000Z info x path="/a b"\n'],
  ['a value with a quote', { msg: 'x', v: 'a"b' }, '2030-01-01T00:00:00.000Z info x v="a\\"b"\n'],
  ['an empty value', { msg: 'x', v: '' }, '2030-01-01T00:00:00.000Z info x v=""\n'],
  ['an object', { msg: 'x', v: { a: 1 } }, '2030-01-01T00:00:00.000Z info x v="{\\"a\\":1}"\n'],
  [
    'a message of two lines',
    { msg: 'one\nfake line\u001b[2J' },
    '2030-01-01T00:00:00.000Z info one fake line [2J\n',
  ],
  ['a value of two lines', { msg: 'x', v: 'a\nb' }, '2030-01-01T00:00:00.000Z info x v="a\\nb"\n'],
  ['no message', {}, '2030-01-01T00:00:00.000Z info \n'],
  ['an error', { level: 50, msg: 'x' }, '2030-01-01T00:00:00.000Z error x\n'],
] as const) {
  test(`a log line with ${name}`, () => assert.equal(formatLine(line(fields), false), expected));
}

for (const [level, priority] of [
  [20, '<7>'],
  [30, '<6>'],
  [40, '<4>'],
  [50, '<3>'],
  [60, '<2>'],
] as const) {
  test(`under systemd a line of level ${level} begins with ${priority} and has no time`, () => {
    assert.equal(formatLine(line({ level, msg: 'x' }), true), `${priority}x\n`);
  });
}

test('whatever is logged is one line, without control characters', () => {
  const text = anyText();
  fc.assert(
    fc.property(text, text, fc.boolean(), (msg, value, journal) => {
      const written = formatLine(line({ msg, value }), journal);
      assert.match(written, /^\P{Cc}*\n$/u);
    }),
  );
});

test('debug lines are written when asked for, and secrets never', () => {
  const lines: string[] = [];
  const quiet = createLog(false, false, text => lines.push(text));
  quiet.debug('unseen');
  assert.equal(lines.length, 0);
  const verbose = createLog(true, true, text => lines.push(text));

  verbose.debug({ key: new SecretKey(Buffer.alloc(32, 1)) }, 'seen');
  assert.deepEqual(lines, ['<7>seen key=(secret)\n']);
});

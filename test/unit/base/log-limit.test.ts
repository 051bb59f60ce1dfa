// Lines of the log that users other than root cause: limited in number, counted, and named, wherever they come from.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createLog, type Log, onBehalfOf } from '../../../src/base/log.js';
import { LogLimit } from '../../../src/base/log-limit.js';

const USER = 1000;

function logTo(lines: string[]): Log {
  return createLog(true, true, line => lines.push(line));
}

test('of 10,000 errors that a user causes 60 are written, and every one of root and of another user', () => {
  const lines: string[] = [];
  const log = logTo(lines);
  onBehalfOf(USER, () => {
    for (let n = 0; n < 10_000; n++) log.error('caused');
  });
  for (const user of [0, USER + 1]) onBehalfOf(user, () => log.error(`of ${user}`));
  // A slow machine lets a token more in.
  assert.ok(lines.filter(line => line === '<3>caused user=1000\n').length < 100);
  assert.deepEqual(lines.slice(-2), ['<3>of 0\n', '<3>of 1001 user=1001\n']);
});

test('what was left out is counted and logged, once in ten seconds', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const log = logTo(lines);
  for (let round = 0; round < 2; round++) {
    onBehalfOf(USER, () => {
      for (let n = 0; n < 10_000; n++) log.error('caused');
    });
    const { length } = lines;
    t.mock.timers.tick(10_000);
    assert.equal(lines.length, length + 1);
    assert.match(
      lines.at(-1)!,
      /^<4>lines that a user caused were left out: .* user=1000 lines=(9\d{3}|10000)\n$/,
    );
  }
});

test('a line far below, and later, is of the user that brought it about', async () => {
  const lines: string[] = [];
  const log = logTo(lines);
  await onBehalfOf(USER, async () => {
    await turn();
    await Promise.all([turn().then(() => log.warn('later'))]);
  });
  log.warn('after');
  assert.deepEqual(lines, ['<4>later user=1000\n', '<4>after\n']);
});

const SECOND = 1000;
for (const [what, isTrouble, burst, perSecond] of [
  ['errors', true, 60, 1],
  ['lines of what goes well', false, 300, 10],
] as const) {
  test(`a user may cause ${burst} ${what} at once, and then ${perSecond} each second`, () => {
    const limit = new LogLimit();
    const admitted = (now: number): number =>
      Array.from({ length: 5000 }, () => limit.admits(USER, isTrouble, now)).filter(Boolean).length;
    assert.equal(admitted(0), burst);
    assert.equal(admitted(SECOND), perSecond);
    assert.equal(admitted(3 * SECOND), 2 * perSecond);
    assert.equal(admitted(3600 * SECOND), burst);
    assert.deepEqual(limit.takeLeftOut(), [[USER, 4 * 5000 - 2 * burst - 3 * perSecond]]);
    assert.deepEqual(limit.takeLeftOut(), []);
  });
}

test('what goes well takes nothing from the errors of the same user', () => {
  const limit = new LogLimit();
  while (limit.admits(USER, false, 0));
  assert.ok(limit.admits(USER, true, 0));
});

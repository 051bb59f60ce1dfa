// When a label that is not in force is told of in the log: at once what is wrong with it, and later what it waits for.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { Mistakes } from '../../../../src/labels/controller/mistakes.js';
import type { Diagnostic } from '../../../../src/labels/spec/intent.js';

const LASTS_MS = 3_000;
const GRACE_MS = 60_000;

/** By a clock that goes on by the steps of pass(). */
function telling(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { now: 0 };
  t.mock.method(performance, 'now', () => clock.now);
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const mistakes = new Mistakes(log);
  const pass = (ms: number): void => {
    for (let n = 0; n < 10; n++) {
      clock.now += ms / 10;
      t.mock.timers.tick(ms / 10);
    }
  };
  return { lines, report: (...all: readonly Diagnostic[]) => mistakes.report(all), pass };
}
const wrong = (message: string): Diagnostic => ({ container: 'app', key: 'twine.route.::/0', message });
const waits = (message: string, key = 'twine.route.::/0'): Diagnostic => ({
  ...wrong(message),
  key,
  isWaiting: true,
});

test('a mistake is told at once, and once while it lasts', t => {
  const { lines, report } = telling(t);
  for (let pass = 0; pass < 3; pass++) report(wrong('no address'));
  report();
  report(wrong('no address'));
  assert.deepEqual(lines, ['no address', 'no address']);
});

test('what a label waits for is told when it has lasted, once, without another pass', t => {
  const { lines, report, pass } = telling(t);
  report(waits('gw is not running'));
  pass(LASTS_MS - 10);
  assert.deepEqual(lines, []);
  pass(20);
  assert.deepEqual(lines, ['gw is not running']);
  report(waits('gw is not running'));
  pass(2 * LASTS_MS);
  assert.deepEqual(lines, ['gw is not running']);
});

test('what is over by then is not told, and neither is what comes twice', t => {
  const { lines, report, pass } = telling(t);
  for (const _ of '12') {
    report(waits('gw is not running'));
    pass(LASTS_MS / 2);
    report();
    pass(LASTS_MS);
  }
  assert.deepEqual(lines, []);
});

test('what comes and goes is told the third time, and then no more until it has stayed so', t => {
  const { lines, report, pass } = telling(t);
  for (let n = 0; n < 20; n++) {
    report(waits('gw is not running'));
    pass(LASTS_MS / 2);
    report();
    pass(GRACE_MS / 2);
  }
  assert.deepEqual(lines, ['comes and goes: gw is not running']);
  report(waits('gw is not running'));
  pass(GRACE_MS + 10);
  assert.deepEqual(lines.slice(1), ['gw is not running']);
  report();
  pass(GRACE_MS + 10);
  report(waits('gw is not running'));
  pass(LASTS_MS + 10);
  assert.deepEqual(lines.slice(2), ['gw is not running'], 'as the first time');
});

test('what a label waits for may change: how long it waits counts', t => {
  const { lines, report, pass } = telling(t);
  for (let n = 0; n < 8; n++) {
    report(waits(n % 2 ? 'gw is not running' : 'gw has no address'));
    pass(LASTS_MS / 3);
  }
  assert.deepEqual(lines, ['gw is not running']);
  pass(LASTS_MS);
  assert.deepEqual(lines, ['gw is not running', 'gw is not running']);
});

test('each has its own time, and of ever so many that are over the first are forgotten', t => {
  const { lines, report, pass } = telling(t);
  report(waits('a', 'x'));
  pass(LASTS_MS / 2);
  report(waits('a', 'x'), waits('b', 'y'));
  pass(LASTS_MS * 2);
  assert.deepEqual(lines.splice(0), ['a', 'b']);
  const many = Array.from({ length: 2_000 }, (_, n) => waits('c', `many ${n}`));
  for (const _ of '12') {
    report(...many);
    report();
  }
  report(waits('c', 'many 0'), waits('c', 'many 1999'));
  assert.deepEqual(lines, ['comes and goes: c']);
});

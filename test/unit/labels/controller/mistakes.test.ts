// When a label that is not in force is told of in the log: at once what is wrong with it, and later what it waits for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Mistakes } from '../../../../src/labels/controller/mistakes.js';
import type { Diagnostic } from '../../../../src/labels/spec/intent.js';

const LASTS_MS = 40;

function telling(): { lines: string[]; report: (...all: Diagnostic[]) => void } {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const mistakes = new Mistakes(log, LASTS_MS);
  return { lines, report: (...all) => mistakes.report(all) };
}
const wrong = (message: string): Diagnostic => ({ container: 'app', key: 'twine.route.::/0', message });
const waits = (message: string): Diagnostic => ({ ...wrong(message), isWaiting: true });

test('a mistake is told at once, and once while it lasts', () => {
  const { lines, report } = telling();
  for (let pass = 0; pass < 3; pass++) report(wrong('no address'));
  report();
  report(wrong('no address'));
  assert.deepEqual(lines, ['no address', 'no address']);
});

test('what a label waits for is told when it has lasted, once, without another pass', async () => {
  const { lines, report } = telling();
  report(waits('gw is not running'));
  assert.deepEqual(lines, []);
  await sleep(2 * LASTS_MS);
  assert.deepEqual(lines, ['gw is not running']);
  report(waits('gw is not running'));
  await sleep(2 * LASTS_MS);
  assert.deepEqual(lines, ['gw is not running']);
});

test('what is over by then is not told, and neither is what comes and goes', async () => {
  const { lines, report } = telling();
  report(waits('gw is not running'));
  report();
  await sleep(LASTS_MS / 2);
  report(waits('gw is not running'));
  await sleep(LASTS_MS / 2);
  report();
  await sleep(2 * LASTS_MS);
  assert.deepEqual(lines, []);
});

test('each has its own time', async () => {
  const { lines, report } = telling();
  report(waits('a'));
  await sleep(LASTS_MS / 2);
  report(waits('a'), waits('b'));
  await sleep(LASTS_MS * 2);
  assert.deepEqual(lines, ['a', 'b']);
});

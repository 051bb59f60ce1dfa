// Checks that follow a change by themselves: some, however often it changes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rechecks } from '../../../../src/driver/lifecycle/rechecks.js';

test('a change is checked at once and three times more, a thousand changes three times more than that', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const rechecks = new Rechecks();
  let checks = 0;
  const check = (): void => void checks++;
  rechecks.begin('wg0', check);
  assert.equal(checks, 1);
  t.mock.timers.tick(5_000);
  assert.equal(checks, 4);
  checks = 0;
  for (let n = 0; n < 1_000; n++) rechecks.begin('wg0', check);
  assert.equal(rechecks.arePending, true);
  t.mock.timers.tick(5_000);
  assert.equal(checks, 1_003);
  assert.equal(rechecks.arePending, false);
});

test('what changes keeps nothing else from being checked, and after the end nothing is', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const rechecks = new Rechecks();
  const checks: string[] = [];
  for (const name of ['wg0', 'wg1']) rechecks.begin(name, () => checks.push(name));
  t.mock.timers.tick(200);
  assert.deepEqual(checks, ['wg0', 'wg1', 'wg0', 'wg1']);
  rechecks.close();
  t.mock.timers.tick(5_000);
  assert.equal(checks.length, 4);
});

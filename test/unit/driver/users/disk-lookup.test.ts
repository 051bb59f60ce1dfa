// The threads that look names up on a disk: as many as there must be.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bringIntoMemory } from '../../../../src/driver/users/disk-lookup.js';

const threads = (): number => readdirSync('/proc/self/task').length;

test('eight look-ups at once have a thread one after the other', async () => {
  const folder = openSync(tmpdir(), 'r');
  const me = { uid: process.getuid!(), gid: process.getgid!() };
  // The first thread brings those that Node keeps for all.
  await bringIntoMemory(me, { folder, names: ['none'] });
  const before = threads();
  let isOver = false;
  const looks = Promise.all(
    Array.from({ length: 8 }, () => bringIntoMemory(me, { folder, names: ['none'] })),
  ).finally(() => {
    isOver = true;
  });
  let most = before;
  while (!isOver) {
    most = Math.max(most, threads());
    // A thread takes longer than that to start.
    await sleep(1);
  }
  await looks;
  closeSync(folder);
  // One may be on its way out as the next begins.
  assert.ok(most > before && most <= before + 2, `${most - before} threads`);
});

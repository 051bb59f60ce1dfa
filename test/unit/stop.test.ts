// How the daemon ends: once each of its parts has closed, and with a sentence about one that does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeAll, StopSignal } from '../../src/stop.js';

const closed = (): Promise<void> => Promise.resolve();
const failing = (): Promise<void> => Promise.reject(new Error('EIO'));
const never = (): Promise<void> => new Promise(() => undefined);

for (const [what, parts, status, said] of [
  ['all parts closed', { 'the driver': closed, 'the labels': undefined }, 0, []],
  [
    'a part failed',
    { 'the driver': failing, 'the labels': closed },
    1,
    ['the driver did not close well: EIO'],
  ],
  [
    'two parts do not close',
    { 'a reload': closed, 'the driver': never, 'the labels': never },
    1,
    [
      'leaving now: the driver and the labels did not close within 0.01 s; what is left undone is done at the next start',
    ],
  ],
] as const) {
  test(`where ${what} the exit status is ${status}, and the log says ${said.length > 0 ? 'which' : 'nothing'}`, async () => {
    const lines: string[] = [];
    const closing = Object.fromEntries(
      Object.entries(parts as Record<string, (() => Promise<void>) | undefined>).map(([part, close]) => [
        part,
        close?.(),
      ]),
    );
    assert.equal(
      await closeAll(closing, { error: (text: string) => void lines.push(text) } as never, 10),
      status,
    );
    assert.deepEqual(lines, said);
  });
}

test('the first signal is the one that counts, and from then on nothing more needs to begin', async t => {
  const before = process.listeners('SIGTERM');
  t.after(() => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      for (const listener of process.listeners(signal))
        if (!before.includes(listener)) process.off(signal, listener);
  });
  const stop = new StopSignal({ warn: () => undefined } as never);
  assert.equal(stop.isAsked, false);
  process.emit('SIGTERM', 'SIGTERM');
  assert.equal(stop.isAsked, true);
  assert.equal(await stop.asked, 'SIGTERM');
});

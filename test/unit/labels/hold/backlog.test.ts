// When what was sent before a moment has passed the host's hooks: by the backlogs of the processors.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterBacklog, readBacklogs } from '../../../../src/labels/hold/backlog.js';

/** A line as Linux 6.1 has it. */
const line = (backlog: number): string =>
  ['00088fb4', ...Array(10).fill('00000000'), backlog.toString(16).padStart(8, '0'), '00000000'].join(' ');
const of = (...backlogs: number[]): string => `${backlogs.map(line).join('\n')}\n`;

for (const [what, text, expected] of [
  ['of two processors', of(0, 31), [0, 31]],
  ['of more than a digit', of(0xabc), [0xabc]],
  ['of a kernel that does not say', '00088fb4 00000000 00000000 00000000 00000000\n', [undefined]],
  ['of nothing', '', [undefined]],
] as const)
  test(`backlogs are read ${what}`, () => assert.deepEqual(readBacklogs(text), expected));

test('of this machine there is a backlog for each processor', () => {
  const lengths = readBacklogs(readFileSync('/proc/net/softnet_stat', 'latin1'));
  assert.ok(lengths.length > 0 && lengths.every(length => length !== undefined));
});

test('any text has numbers, or none', () => {
  const isLength = (length: number | undefined): boolean => length === undefined || Number.isInteger(length);
  fc.assert(fc.property(fc.string(), text => readBacklogs(text).every(isLength)));
});

for (const [what, answers, expected] of [
  ['at once where nothing waits', [of(0, 0)], 20],
  ['when the one that waits is through', [of(0, 3), of(0, 2), of(0, 0)], 30],
  ['when each has been without once, though never all together', [of(1, 0), of(0, 1)], 25],
  ['at once where the kernel does not say', ['00088fb4 00000000\n'], 20],
  ['at once where it cannot be read', [new Error('EACCES')], 20],
  ['after a second where one never is', [of(0, 1)], 1_005],
] as const)
  test(`what waits is done ${what}`, t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    let now = 0;
    t.mock.method(performance, 'now', () => now);
    const rest = [...answers];
    const read = (): string => {
      const answer = rest.length > 1 ? rest.shift()! : rest[0]!;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    let doneAt: number | undefined;
    afterBacklog(() => {
      doneAt = now;
    }, read);
    while (doneAt === undefined && now < 5_000) {
      now++;
      t.mock.timers.tick(1);
    }
    assert.equal(doneAt, expected);
  });

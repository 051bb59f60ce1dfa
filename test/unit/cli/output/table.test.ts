// What commands print: columns, amounts, times, and colours only where they are wanted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasColours } from '../../../../src/cli/output/colours.js';
import { ago, duration, formatBytes, table } from '../../../../src/cli/output/text-table.js';

for (const [what, stream, env, expected] of [
  ['a terminal has colours', { isTTY: true }, {}, true],
  ['a pipe has none', {}, {}, false],
  ['a terminal with NO_COLOR has none', { isTTY: true }, { NO_COLOR: '1' }, false],
  ['an empty NO_COLOR says nothing', { isTTY: true }, { NO_COLOR: '' }, true],
  ['a dumb terminal has none', { isTTY: true }, { TERM: 'dumb' }, false],
] as const) {
  test(what, () => assert.equal(hasColours(stream, env), expected));
}

for (const [count, text] of [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [2 ** 60, '1024.0 PiB'],
] as const) {
  test(`${count} bytes are ${text}`, () => assert.equal(formatBytes(count), text));
}

for (const [ms, text] of [
  [-5, '0 s'],
  [999, '0 s'],
  [119_000, '119 s'],
  [120_000, '2 min'],
  [7_200_000, '2 h'],
  [172_800_000, '2 d'],
] as const) {
  test(`${ms} ms are ${text}`, () => assert.equal(duration(ms), text));
}

test('a time that is none was never', () => {
  assert.equal(ago(undefined, 0), 'never');
  assert.equal(ago('1970-01-01T00:00:01.000Z', 4_000), '3 s ago');
});

test('columns are aligned, empty cells are a hyphen, and no line ends in spaces', () => {
  const rows = [
    ['a', '', 'x'],
    ['longer', 'b', ''],
  ];
  assert.deepEqual(table(['ONE', 'TWO', 'THREE'], rows, false), [
    'ONE     TWO  THREE',
    'a       -    x',
    'longer  b    -',
  ]);
});

test('colours are around the text alone, so that columns stay aligned', () => {
  assert.deepEqual(table(['A', 'B'], [[['x', 'bad'], 'y']], true), [
    '\x1b[2mA\x1b[0m  \x1b[2mB\x1b[0m',
    '\x1b[31mx\x1b[0m  y',
  ]);
});

test('a long cell is cut but in the last column, and escape sequences of a name are not printed', () => {
  const long = 'x'.repeat(60);
  const [, row] = table(['A', 'B'], [[long, long]], false);
  assert.equal(row, `${'x'.repeat(47)}…  ${long}`);
  assert.deepEqual(table(['A'], [['a\x1b[2J']], true)[1], 'a\ufffd[2J');
});

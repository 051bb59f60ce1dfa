// JSON of a user: Docker's own is read as it is, and what only costs time and memory is refused before it is parsed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUserJson } from '../../../src/docker/user-json.js';

const refused = {
  name: 'SyntaxError',
  message: 'JSON of more than 16384 objects and lists, or 32 in one another',
};

const nested = (depth: number, open = '[', close = ']'): string => open.repeat(depth) + close.repeat(depth);
const beside = (count: number, one: string): string =>
  `[${Array.from({ length: count }, () => one).join(',')}]`;

const TAKEN: readonly [what: string, text: string][] = [
  ['32 lists in one another', nested(32)],
  ['32 objects in one another', `${'{"a":'.repeat(31)}{}${'}'.repeat(31)}`],
  ['16,383 objects in a list', beside(16_383, '{}')],
  ['brackets in strings', JSON.stringify({ '[[[{"\\': `\\"${'['.repeat(20_000)}` })],
  ['a string that ends with a backslash', JSON.stringify(['\\', '['.repeat(100)])],
  ['a number', '7'],
  [
    'a network with 1024 endpoints',
    JSON.stringify(Object.fromEntries(Array.from({ length: 1024 }, (_, n) => [n, { a: 1 }]))),
  ],
];
for (const [what, text] of TAKEN)
  test(`${what} is read as JSON.parse() reads it`, () =>
    assert.deepEqual(parseUserJson(text), JSON.parse(text)));

const REFUSED: readonly [what: string, text: string][] = [
  ['33 lists in one another', nested(33)],
  ['33 objects in one another', `${'{"a":'.repeat(32)}{}${'}'.repeat(32)}`],
  ['16,384 objects in a list', beside(16_384, '{}')],
  ['half a megabyte of brackets', '['.repeat(512 * 1024)],
  ['brackets after a string with a quote', `["\\"",${nested(40)}]`],
];
for (const [what, text] of REFUSED)
  test(`${what} is refused before it is parsed`, () => assert.throws(() => parseUserJson(text), refused));

for (const text of ['', '{', '"', '"\\', '[}', ']', '{"a":1,}'])
  test(`${JSON.stringify(text)} is no JSON`, () =>
    assert.throws(() => parseUserJson(text), { name: 'SyntaxError' }));

// A list that is read in parts is the list that JSON.parse() reads at once, and what that refuses is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listParts } from '../../../src/docker/json-list.js';
import { Random } from '../../support/random.js';

const LONG = 'x'.repeat(30_000);
const TEXTS = ['', ',', ']', '[', '}', '{', '"', '\\', '\\"', 'é\u2028', '],[', LONG] as const;
/** What breaks a text, or does not. */
const CHANGES = ['', ',', ']', '[', '"', '\\', ' ', '{', '}', 'null', '\n'] as const;

function any(random: Random, depth = 0): unknown {
  const kind = random.int(0, depth > 2 ? 2 : 4);
  if (kind === 0) return random.pick([null, true, 0, -1.5e3]);
  if (kind <= 2) return random.pick(TEXTS);
  const parts = Array.from({ length: random.int(0, 3) }, () => any(random, depth + 1));
  return kind === 3 ? parts : Object.fromEntries(parts.map((one, n) => [random.pick(TEXTS) + n, one]));
}

function read(text: string): unknown {
  return [...listParts(text)].flat();
}

function outcome(work: () => unknown): unknown {
  try {
    return work();
  } catch (err) {
    return (err as Error).name;
  }
}

test('a list in parts is the whole list', () => {
  const random = new Random(1);
  for (let n = 0; n < 300; n++) {
    const list = Array.from({ length: random.int(0, 20) }, () => any(random));
    const text = JSON.stringify(list, null, random.pick([0, 1]));
    assert.deepEqual([...listParts(text)].flat(1), list.flat(0));
  }
});

test('what is no JSON is refused as it is at once', () => {
  const random = new Random(2);
  let refused = 0;
  for (let n = 0; n < 2_000; n++) {
    const text = JSON.stringify(Array.from({ length: random.int(0, 9) }, () => [any(random)]));
    const at = random.int(0, text.length);
    const changed = text.slice(0, at) + random.pick(CHANGES) + text.slice(at + random.int(0, 1));
    const whole = outcome(() => JSON.parse(changed));
    if (whole === 'SyntaxError') refused++;
    const isList = Array.isArray(whole) || whole === 'SyntaxError';
    assert.deepEqual(
      outcome(() => read(changed)),
      Array.isArray(whole) ? whole.flat(0) : isList ? whole : [whole].flat(),
      changed.slice(0, 200),
    );
  }
  assert.ok(refused > 200);
});

test('a long list is read in parts of some entries each', () => {
  const parts = [...listParts(JSON.stringify(Array.from({ length: 20 }, () => LONG)))];
  assert.deepEqual(
    parts.map(({ length }) => length),
    [3, 3, 3, 3, 3, 3, 2],
  );
});

test('what is no list is one part', () => {
  assert.deepEqual([...listParts('{"a":[1]}')], [{ a: [1] }]);
  assert.throws(() => [...listParts('no [list]')], SyntaxError);
  assert.throws(() => [...listParts(`[${`"${LONG}",`.repeat(3)}]`)], SyntaxError);
});

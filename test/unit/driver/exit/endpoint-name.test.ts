// Addresses of an endpoint by name: when it is looked up, and which one is used.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import {
  dueForName,
  type NameState,
  namedAgain,
  nextAddress,
} from '../../../../src/driver/exit/endpoint-name.js';

const answer = (...last: number[]) => last.map(n => parseAddress(`192.0.2.${n}`)!);

/** What is done at each time, in seconds, and the last part of the address then in use. */
function play(
  looks: readonly (readonly [seconds: number, isStale: boolean, ...answer: number[]])[],
  ttl?: number,
): string[] {
  let state: NameState | undefined;
  return looks.map(([seconds, isStale, ...found]) => {
    const now = seconds * 1000;
    const due = dueForName(state, isStale, now);
    if (due === 'next') state = nextAddress(state!, now);
    if (due === 'look up')
      state = namedAgain(state, answer(...found), {
        isStale,
        now,
        ...(ttl !== undefined && { ttlMs: ttl * 1000 }),
      });
    const used = state && formatAddress(state.addresses[state.used]!).split('.')[3];
    return `${due} ${used}`;
  });
}

for (const [what, looks, expected, ttl] of [
  ['never looked up', [[0, false, 1, 2]], ['look up 1']],
  [
    'all is well until the answer is over',
    [
      [0, false, 1],
      [299, false],
      [300, false, 1],
      [301, false],
    ],
    ['look up 1', 'nothing 1', 'look up 1', 'nothing 1'],
  ],
  [
    'an answer that says for how long',
    [
      [0, false, 1],
      [59, false],
      [60, false, 1],
    ],
    ['look up 1', 'nothing 1', 'look up 1'],
    60,
  ],
  [
    'no more often than each 30 s',
    [
      [0, false, 1],
      [29, false],
      [30, false, 1],
    ],
    ['look up 1', 'nothing 1', 'look up 1'],
    0,
  ],
  [
    'an address that works is kept, wherever it stands',
    [
      [0, false, 1, 2],
      [300, false, 2, 1],
      [600, false, 3, 2, 1],
    ],
    ['look up 1', 'look up 1', 'look up 1'],
  ],
  [
    'the name has moved',
    [
      [0, false, 1],
      [300, false, 2, 3],
    ],
    ['look up 1', 'look up 2'],
  ],
  [
    'it does not resolve: what there was goes on',
    [
      [0, false, 1],
      [300, false],
      [301, false],
    ],
    ['look up 1', 'look up 1', 'nothing 1'],
  ],
  [
    'it has never resolved',
    [
      [0, false],
      [1, false],
      [2, true, 1],
    ],
    ['look up undefined', 'look up undefined', 'look up 1'],
  ],
  [
    'no handshake: the next address each 15 s, then the name again',
    [
      [0, false, 1, 2, 3],
      [14, true],
      [15, true],
      [29, true],
      [30, true],
      [45, true, 1, 2, 3],
      [60, true],
    ],
    ['look up 1', 'nothing 1', 'next 2', 'nothing 2', 'next 3', 'look up 1', 'next 2'],
  ],
  [
    'no handshake, one address: the name again each 15 s',
    [
      [0, false, 1],
      [15, true, 1],
      [20, true],
      [30, true, 2],
    ],
    ['look up 1', 'look up 1', 'nothing 1', 'look up 2'],
  ],
  [
    'no handshake, and no answer: the addresses of before',
    [
      [0, false, 1, 2],
      [15, true],
      [30, true],
      [45, true],
    ],
    ['look up 1', 'next 2', 'look up 1', 'next 2'],
  ],
  [
    'a handshake ends the search',
    [
      [0, false, 1, 2],
      [15, true],
      [20, false],
      [200, false],
      [300, false, 1, 2],
    ],
    ['look up 1', 'next 2', 'nothing 2', 'nothing 2', 'look up 2'],
  ],
] as const) {
  test(`an endpoint by name: ${what}`, () => {
    assert.deepEqual(play(looks, ttl), expected);
  });
}

test('of a very long answer the beginning is kept', () => {
  const state = namedAgain(undefined, answer(...Array.from({ length: 200 }, (_, n) => n)), {
    isStale: false,
    now: 0,
  });
  assert.equal(state?.addresses.length, 16);
});

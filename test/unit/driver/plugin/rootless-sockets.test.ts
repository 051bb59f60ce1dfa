import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { restOf } from '../../../../src/driver/plugin/rootless-sockets.js';

describe("a user's files are left alone after a look", () => {
  for (const [took, rest, what] of [
    [1, 50, 'of a millisecond for fifty'],
    [100, 5_000, 'of a tenth of a second for five'],
    [2_500, 20_000, 'that took long, on a busy machine, for twenty seconds and not for minutes'],
  ] as const)
    test(what, () => assert.equal(restOf(took), rest));

  test('that is slow each time for longer and longer, until it is fifty times as long again', () => {
    const rests: number[] = [];
    for (let look = 0; look < 5; look++) rests.push(restOf(3_000, rests.at(-1)));
    assert.deepEqual(rests, [20_000, 40_000, 80_000, 150_000, 150_000]);
    assert.equal(restOf(10, 150_000), 500);
    assert.equal(restOf(3_000, 500), 20_000);
  });
});

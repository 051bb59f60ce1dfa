// A map with a limit of concurrent calls: in order, never more, and thousands of quick ones keep nobody waiting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { mapConcurrently } from '../../../src/docker/map-concurrently.js';

test('results are in order, and no more calls are under way than may be', async () => {
  let [underWay, most] = [0, 0];
  const mapped = await mapConcurrently([5, 3, 1, 4, 2], 2, async (item, index) => {
    most = Math.max(most, ++underWay);
    for (let n = 0; n < item; n++) await turn();
    underWay--;
    return `${index} ${item}`;
  });
  assert.deepEqual(mapped, ['0 5', '1 3', '2 1', '3 4', '4 2']);
  assert.equal(most, 2);
});

test('others have their turn while many are mapped that wait for nothing', async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    timer = setImmediate(count);
  };
  let timer = setImmediate(count);
  await mapConcurrently(Array.from({ length: 100 }), 16, () => {
    for (const end = performance.now() + 1; performance.now() < end; );
  });
  clearImmediate(timer);
  assert.ok(turns >= 2, `${turns} turns in 100 ms`);
});

// Gateways that others could stand in for are asked again and again whether they are there.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../../../../src/base/ip.js';
import { GatewayWatch } from '../../../../src/labels/controller/gateway-watch.js';
import type { Standing } from '../../../../src/labels/namespace/gateway-probe.js';
import { address } from '../../../support/label-world.js';

const [ONE, TWO] = [address('10.0.0.3'), address('10.0.0.4')];
const of = (key: string, ...gateways: (typeof ONE)[]) => ({ netns: { key, path: `/of/${key}` }, gateways });

/** A watch whose kernel says what it is told to, and what it was asked. */
function watch(t: TestContext) {
  const standings = new Map<string, Standing | Error>();
  const asked: string[] = [];
  let changes = 0;
  const watch = new GatewayWatch(
    ({ key }, gateways) =>
      gateways.map(gateway => {
        const name = `${key} ${formatAddress(gateway)}`;
        asked.push(name);
        const standing = standings.get(name);
        if (standing instanceof Error) throw standing;
        return standing;
      }),
    () => changes++,
    1,
  );
  t.after(() => watch.close());
  /** Until each has been asked twice from now on. */
  const rounds = async (name = 'app 10.0.0.3'): Promise<void> => {
    const from = asked.length;
    while (asked.slice(from).filter(one => one === name).length < 2) await sleep(1);
  };
  return { watch, standings, asked, rounds, changes: () => changes };
}

test('one that does not answer is silent until it answers again, and each is told once', async t => {
  const { watch: gateways, standings, rounds, changes } = watch(t);
  gateways.want([of('app', ONE, TWO)]);
  await rounds();
  assert.deepEqual([gateways.isSilent('app', ONE), gateways.revision, changes()], [false, 0, 0]);
  standings.set('app 10.0.0.3', 'silent');
  await rounds();
  assert.deepEqual([gateways.isSilent('app', ONE), gateways.revision, changes()], [true, 1, 1]);
  assert.equal(gateways.isSilent('app', TWO), false);
  assert.equal(gateways.isSilent('other', ONE), false);
  standings.set('app 10.0.0.3', 'answers');
  await rounds();
  assert.deepEqual([gateways.isSilent('app', ONE), gateways.revision, changes()], [false, 2, 2]);
});

for (const [what, unknown] of [
  ['while the kernel still asks', undefined],
  ['while its namespace cannot be read', new Error('gone')],
] as const) {
  test(`${what} the last that was known of a gateway counts`, async t => {
    const { watch: gateways, standings, rounds } = watch(t);
    gateways.want([of('app', ONE, TWO)]);
    standings.set('app 10.0.0.3', 'silent');
    await rounds();
    standings.set('app 10.0.0.3', unknown);
    await rounds();
    assert.deepEqual([gateways.isSilent('app', ONE), gateways.revision], [true, 1]);
  });
}

test('a namespace that cannot be read keeps no other from being asked', async t => {
  const { watch: gateways, standings, rounds } = watch(t);
  standings.set('broken 10.0.0.3', new Error('no'));
  standings.set('app 10.0.0.3', 'silent');
  gateways.want([of('broken', ONE), of('app', ONE)]);
  await rounds();
  assert.equal(gateways.isSilent('app', ONE), true);
});

test('what is not watched any more is forgotten, and nothing is asked while nothing is watched', async t => {
  const { watch: gateways, standings, asked, rounds } = watch(t);
  standings.set('app 10.0.0.3', 'silent');
  gateways.want([of('app', ONE, TWO)]);
  await rounds();
  gateways.want([]);
  assert.equal(gateways.isSilent('app', ONE), false);
  await sleep(20);
  const before = asked.length;
  await sleep(20);
  assert.equal(asked.length, before);
  gateways.want([of('app', ONE, TWO)]);
  await rounds();
  assert.equal(gateways.isSilent('app', ONE), true);
});

// Gateways that others could stand in for are asked again and again whether they are there.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatAddress } from '../../../../src/base/ip.js';
import { GatewayWatch } from '../../../../src/labels/controller/gateway-watch.js';
import type { Standing } from '../../../../src/labels/namespace/gateway-probe.js';
import { address } from '../../../support/label-world.js';

const [ONE, TWO] = [address('10.0.0.3'), address('10.0.0.4')];
const of = (key: string, ...gateways: (typeof ONE)[]) => ({
  netns: { key, path: `/of/${key}` },
  gateways,
  /** Of the second alone. */
  tunnels: [undefined, { key: 'vpn', path: '/of/vpn' }],
});

/** A watch whose kernel says what it is told to, and what it was asked. */
function watch(t: TestContext) {
  const standings = new Map<string, Standing | Error>();
  const asked: string[] = [];
  let changes = 0;
  const answer = (name: string): Standing => {
    asked.push(name);
    const standing = standings.get(name);
    if (standing instanceof Error) throw standing;
    return standing;
  };
  const watch = new GatewayWatch(
    {
      neighbours: ({ key }, gateways) => gateways.map(gateway => answer(`${key} ${formatAddress(gateway)}`)),
      tunnels: ({ key }) => answer(`tunnel of ${key}`),
    },
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
  assert.deepEqual([gateways.silenceOf('app', ONE), gateways.revision, changes()], [undefined, 0, 0]);
  standings.set('app 10.0.0.3', 'silent');
  await rounds();
  assert.deepEqual([gateways.silenceOf('app', ONE), gateways.revision, changes()], ['neighbour', 1, 1]);
  assert.equal(gateways.silenceOf('app', TWO), undefined);
  assert.equal(gateways.silenceOf('other', ONE), undefined);
  standings.set('app 10.0.0.3', 'answers');
  await rounds();
  assert.deepEqual([gateways.silenceOf('app', ONE), gateways.revision, changes()], [undefined, 2, 2]);
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
    assert.deepEqual([gateways.silenceOf('app', ONE), gateways.revision], ['neighbour', 1]);
  });
}

test('a namespace that cannot be read keeps no other from being asked', async t => {
  const { watch: gateways, standings, rounds } = watch(t);
  standings.set('broken 10.0.0.3', new Error('no'));
  standings.set('app 10.0.0.3', 'silent');
  gateways.want([of('broken', ONE), of('app', ONE)]);
  await rounds();
  assert.equal(gateways.silenceOf('app', ONE), 'neighbour');
});

test('what is not watched any more is forgotten, and nothing is asked while nothing is watched', async t => {
  const { watch: gateways, standings, asked, rounds } = watch(t);
  standings.set('app 10.0.0.3', 'silent');
  gateways.want([of('app', ONE, TWO)]);
  await rounds();
  gateways.want([]);
  assert.equal(gateways.silenceOf('app', ONE), undefined);
  await sleep(20);
  const before = asked.length;
  await sleep(20);
  assert.equal(asked.length, before);
  gateways.want([of('app', ONE, TWO)]);
  await rounds();
  assert.equal(gateways.silenceOf('app', ONE), 'neighbour');
});

for (const [what, neighbour, tunnel, expected] of [
  ['up', 'answers', 'answers', undefined],
  ['down', 'answers', 'silent', 'tunnel'],
  ['down while it does not answer', 'silent', 'silent', 'neighbour'],
  ['unknown', 'answers', undefined, undefined],
  ['in a namespace that cannot be read', 'answers', new Error('gone'), undefined],
] as const) {
  test(`a gateway whose tunnel is ${what} is ${expected ? `left for its ${expected}` : 'not left'}, and the other is not`, async t => {
    const { watch: gateways, standings, asked, rounds } = watch(t);
    standings.set('app 10.0.0.4', neighbour);
    standings.set('tunnel of vpn', tunnel);
    gateways.want([of('app', ONE, TWO), of('two', ONE, TWO)]);
    await rounds('two 10.0.0.4');
    assert.deepEqual([gateways.silenceOf('app', ONE), gateways.silenceOf('app', TWO)], [undefined, expected]);
    const begun = asked.slice(asked.indexOf('tunnel of vpn') + 1);
    const round = begun.slice(0, begun.indexOf('tunnel of vpn'));
    assert.equal(round.length, 4, 'the tunnel of both is asked once a round');
  });
}

test('a tunnel that was down stays so while nothing is known of it, and is up with its next answer', async t => {
  const { watch: gateways, standings, rounds, changes } = watch(t);
  gateways.want([of('app', ONE, TWO)]);
  for (const [standing, expected, changed] of [
    ['silent', 'tunnel', 1],
    [undefined, 'tunnel', 1],
    ['answers', undefined, 2],
  ] as const) {
    standings.set('tunnel of vpn', standing);
    await rounds();
    assert.deepEqual([gateways.silenceOf('app', TWO), changes()], [expected, changed]);
  }
});

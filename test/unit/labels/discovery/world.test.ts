// What of the host is read for the labels that there are, and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attachment } from '../../../../src/labels/discovery/container.js';
import { World } from '../../../../src/labels/discovery/world.js';
import { container, prefix } from '../../../support/label-world.js';

const MAIN = container('a', { networks: { main: '10.0.0.2' } }).attachments[0]!;

/** A world, and what of the host was read in its passes. */
function stage(asks: { hostRoute?: boolean; defaultRoute?: boolean; on?: Attachment }) {
  const read: string[] = [];
  const reads = (what: string) => async () => {
    read.push(what);
    return [];
  };
  const world = new World({
    containers: {
      list: async () => [
        { ...container('a', { labels: { 'twine.strict': 'true' } }), attachments: asks.on ? [asks.on] : [] },
      ],
    },
    host: {
      addresses: async () => {
        read.push('addresses');
        return [prefix('192.0.2.1/24')];
      },
      nextHops: reads('next hops'),
      interfaceAddresses: reads('interfaces'),
      bridgeFiltered: () => {
        read.push('bridges');
        return [4];
      },
    },
    names: { answers: new Map(), revision: 7 },
    asksForHostRoute: () => asks.hostRoute ?? false,
    asksForHostInterfaces: () => asks.defaultRoute ?? false,
  });
  return { world, read: () => read.splice(0) };
}

for (const [what, asks, first, next, resync] of [
  ['no routes', {}, [], [], []],
  [
    'routes of the host',
    { hostRoute: true },
    ['addresses', 'next hops'],
    ['addresses'],
    ['addresses', 'next hops'],
  ],
  ['a network that is internal', { on: { ...MAIN, isInternal: true } }, ['bridges'], [], ['bridges']],
  ['a network that is not', { on: MAIN }, [], [], []],
  ['default routes', { defaultRoute: true }, ['interfaces'], ['interfaces'], ['interfaces']],
] as const) {
  test(`where labels ask for ${what}, ${first.join(' and ') || 'nothing'} of the host is read`, async () => {
    const { world, read } = stage(asks);
    await world.list(false);
    assert.deepEqual(read(), first);
    await world.list(false);
    assert.deepEqual(read(), next);
    await world.list(true);
    assert.deepEqual(read(), resync);
  });
}

test('a snapshot has the containers, the host as it was read, and the answers of the DNS with their revision', async () => {
  const { world } = stage({ hostRoute: true });
  const { containers, hostAddresses, externalRevision } = world.snapshot(await world.list(false));
  assert.deepEqual(
    [containers.map(({ name }) => name), hostAddresses, externalRevision],
    [['a'], [prefix('192.0.2.1/24')], 7],
  );
});

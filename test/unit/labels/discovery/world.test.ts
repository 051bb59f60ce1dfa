// What of the host is read for the labels that there are, and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/base/ip.js';
import type { Attachment } from '../../../../src/labels/discovery/container.js';
import { World } from '../../../../src/labels/discovery/world.js';
import { container, prefix } from '../../../support/label-world.js';

const FORWARDING = { isOn: { 4: true, 6: false }, isNftables: false };
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
      routers: reads('routers'),
    },
    forwarding: () => {
      read.push('forwarding');
      return FORWARDING;
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
    ['next hops', 'addresses', 'forwarding'],
    ['addresses'],
    ['next hops', 'addresses', 'forwarding'],
  ],
  ['a network that is internal', { on: { ...MAIN, isInternal: true } }, ['bridges'], [], ['bridges']],
  ['a network that is not', { on: MAIN }, [], [], []],
  [
    'default routes',
    { defaultRoute: true },
    ['next hops', 'interfaces'],
    ['interfaces'],
    ['interfaces', 'next hops'],
  ],
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
  const snapshot = world.snapshot(await world.list(false));
  const { containers, hostAddresses, externalRevision, forwarding } = snapshot;
  assert.deepEqual(
    [containers.map(({ name }) => name), hostAddresses, externalRevision, forwarding],
    [['a'], [prefix('192.0.2.1/24')], 7, FORWARDING],
  );
});

test("a gateway of Docker's that is not the host is looked for among the host's neighbours, and not forgotten", async () => {
  const host = { prefix: prefix('10.0.0.1/24'), mac: '02:00:00:00:00:01' };
  const router = { prefix: prefix('10.0.0.9/24'), mac: '02:00:00:00:00:09', isNeighbour: true as const };
  const moved = { ...router, mac: '02:00:00:00:00:0a' };
  const asked: string[] = [];
  let [gateway, known] = ['10.0.0.1', [router]];
  const world = new World({
    containers: {
      list: async () => [
        container('a', {
          networks: { main: '10.0.0.2' },
          labels: { 'twine.route.0.0.0.0/0': 'gw' },
          gateways: { main: gateway },
        }),
        container('b', { networks: { main: '10.0.0.3' }, gateways: { main: '10.0.0.8' } }),
      ],
    },
    host: {
      addresses: async () => [],
      nextHops: async () => [],
      interfaceAddresses: async () => [host],
      bridgeFiltered: () => [],
      routers: async wanted => {
        asked.push(wanted.map(formatAddress).join(' '));
        return known;
      },
    },
    forwarding: () => FORWARDING,
    names: { answers: new Map(), revision: 0 },
    asksForHostRoute: () => false,
    asksForHostInterfaces: () => true,
  });
  const found = async () => world.snapshot(await world.list(false)).hostInterfaceAddresses;
  assert.deepEqual(await found(), [host]);
  gateway = '10.0.0.9';
  assert.deepEqual(await found(), [host, router]);
  known = [];
  assert.deepEqual(await found(), [host, router]);
  known = [moved];
  assert.deepEqual(await found(), [host, moved]);
  known = Array.from({ length: 300 }, (_, n) => ({
    ...moved,
    prefix: prefix(`10.0.${n >> 8}.${n & 255}/16`),
  }));
  assert.deepEqual(await found(), [host], 'with addresses without end it is none that is known');
  gateway = '10.0.0.1';
  assert.deepEqual(await found(), [host]);
  assert.deepEqual(asked, ['10.0.0.9', '10.0.0.9', '10.0.0.9', '10.0.0.9']);
});

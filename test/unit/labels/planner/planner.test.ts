// When a plan is made anew, and when it is the very same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import type { WorldSnapshot } from '../../../../src/labels/discovery/world.js';
import { Planner } from '../../../../src/labels/planner/planner.js';
import { ParseCache } from '../../../../src/labels/spec/parse-cache.js';
import { container } from '../../../support/label-world.js';

const hop = (network: string, gateway: string) => ({
  network: parsePrefix(network)!,
  gateway: parseAddress(gateway)!,
});
const A = container('a', {
  labels: { 'twine.route.10.9.0.0/16': 'example.net' },
  networks: { main: '10.0.0.2' },
});
const B = container('b', { labels: { 'twine.nat.interfaces': '!' } });
const EXTERNAL = new Map([['example.net', [parseAddress('10.0.0.9')!]]]);
const WORLD: WorldSnapshot = {
  containers: [A, B],
  external: EXTERNAL,
  externalRevision: 1,
  hostAddresses: [parsePrefix('192.0.2.1/24')!],
  nextHops: [hop('0.0.0.0/0', '192.0.2.9')],
  hostInterfaceAddresses: [{ prefix: parsePrefix('10.0.0.1/24')!, mac: '02:00:00:00:00:01' }],
  bridgeFiltered: [4],
};

const ROWS: readonly [what: string, next: WorldSnapshot, same: boolean][] = [
  ['nothing is new', { ...WORLD, containers: [A, B] }, true],
  [
    'the addresses of the host were read again',
    { ...WORLD, hostAddresses: [parsePrefix('192.0.2.1/24')!] },
    true,
  ],
  [
    'the places of the host were read again',
    { ...WORLD, hostInterfaceAddresses: WORLD.hostInterfaceAddresses.map(place => ({ ...place })) },
    true,
  ],
  [
    "a bridge's link-layer address is another one",
    {
      ...WORLD,
      hostInterfaceAddresses: WORLD.hostInterfaceAddresses.map(place => ({
        ...place,
        mac: '02:00:00:00:00:02',
      })),
    },
    false,
  ],
  ["the host's firewall does not filter bridges any more", { ...WORLD, bridgeFiltered: [] }, false],
  ['a container is gone', { ...WORLD, containers: [A] }, false],
  [
    'every container was copied',
    { ...WORLD, containers: WORLD.containers.map(view => ({ ...view, labels: new Map(view.labels) })) },
    true,
  ],
  [
    'a container was inspected again',
    { ...WORLD, containers: [A, { ...B, revision: B.revision + 100 }] },
    false,
  ],
  ['the answers of the DNS were copied', { ...WORLD, external: new Map(EXTERNAL) }, true],
  ['the DNS says something else', { ...WORLD, externalRevision: 2 }, false],
  ['the host has another gateway', { ...WORLD, nextHops: [hop('0.0.0.0/0', '192.0.2.8')] }, false],
  ['it has it for another network', { ...WORLD, nextHops: [hop('10.0.0.0/8', '192.0.2.9')] }, false],
  [
    'the host forwards otherwise',
    { ...WORLD, forwarding: { isOn: { 4: true, 6: true }, isNftables: true } },
    false,
  ],
  ['other gateways are silent', { ...WORLD, silentRevision: 1 }, false],
  ['the host has another address', { ...WORLD, hostAddresses: [parsePrefix('192.0.2.2/24')!] }, false],
];

for (const part of [
  { isOn: { 4: false, 6: true } },
  { isOn: { 4: true, 6: false } },
  { isNftables: false },
]) {
  test(`where the host has ${JSON.stringify(part)} of its forwarding now, the plan is made anew`, () => {
    const planner = new Planner([]);
    const forwarding = { isOn: { 4: true, 6: true }, isNftables: true };
    const first = planner.plan({ ...WORLD, forwarding });
    assert.equal(
      planner.plan({ ...WORLD, forwarding: { ...forwarding, isOn: { ...forwarding.isOn } } }),
      first,
    );
    assert.notEqual(planner.plan({ ...WORLD, forwarding: { ...forwarding, ...part } }), first);
  });
}

for (const [what, next, same] of ROWS) {
  test(`where ${what}, the plan is ${same ? 'the very same' : 'made anew'}`, () => {
    const planner = new Planner([]);
    const first = planner.plan(WORLD);
    assert.equal(planner.plan(next) === first, same);
  });
}

for (const [what, labels, other] of [
  [
    'a rule',
    { 'twine.iptables.rule.a': 'TWINE_INPUT -j DROP' },
    { 'twine.iptables.rule.a': 'TWINE_INPUT -j ACCEPT' },
  ],
  ['interfaces', { 'twine.nat.interfaces': 'wg+' }, { 'twine.nat.interfaces': 'tun+' }],
] as const) {
  test(`a container that is made again with ${what} of its own has another table, though its namespace has the same number`, () => {
    const planner = new Planner([]);
    const tableOf = (own: Readonly<Record<string, string>>) =>
      planner.plan({ ...WORLD, containers: [container('c', { labels: own })] }).sandboxes[0]!;
    const [first, again, next] = [tableOf(labels), tableOf(labels), tableOf(other)];
    assert.equal(again.table, first.table, 'not built twice');
    assert.notDeepEqual(next.table, first.table);
    assert.notEqual(next.stamp, first.stamp);
    assert.deepEqual(tableOf(labels).table, first.table);
  });
}

test('mistakes of the grammar are among those of the plan, in every plan', () => {
  const planner = new Planner([]);
  const wrong = (world: WorldSnapshot) => planner.plan(world).diagnostics.map(({ container }) => container);
  assert.deepEqual(wrong(WORLD), ['b']);
  assert.deepEqual(wrong(WORLD), ['b']);
});

for (const [network, leads] of [
  ['0.0.0.0/0', true],
  ['128.0.0.0/1', true],
  ['::/0', true],
  ['0.0.0.0/2', false],
  ['10.9.0.0/16', false],
] as const) {
  test(`the host's interfaces are${leads ? '' : ' not'} read for a route to ${network} by an address`, () => {
    const gateway = network === '::/0' ? 'fd00::1' : '10.0.0.1';
    const labelled = container('c', { labels: { [`twine.route.${network}`]: gateway } });
    assert.equal(new ParseCache().asksForHostInterfaces([B, labelled]), leads);
  });
}

test("the host's interfaces are read for any route by a name, which the DNS may lead there, and for no labels without one", () => {
  const byName = container('c', { labels: { 'twine.route.10.9.0.0/16': 'gw' } });
  assert.equal(new ParseCache().asksForHostInterfaces([B, byName]), true);
  assert.equal(new ParseCache().asksForHostInterfaces([B]), false);
});

const planOf = (...containers: readonly ReturnType<typeof container>[]) =>
  new Planner([]).plan({ ...WORLD, containers });

test('containers whose labels are the same have one table, and each its own sentence about a mistake', () => {
  const labels = { 'twine.nat.forward.80': 'far:80', 'twine.nat.interfaces': 'eth0' };
  const far = container('far', { networks: { main: '10.0.0.9' } });
  const [one, other, third] = ['one', 'other', 'third'].map((name, n) =>
    container(name, {
      labels: n < 2 ? labels : { ...labels, 'twine.nat.interfaces': 'eth1' },
      networks: { main: `10.0.0.${n + 2}` },
    }),
  );
  const { sandboxes } = planOf(one!, other!, third!, far);
  const [first, second, last] = ['one', 'other', 'third'].map(
    name => sandboxes.find(({ containers }) => containers[0] === name)!.table!,
  );
  assert.equal(first, second);
  assert.notDeepEqual(last, first);
  const mistaken = ['one', 'other'].map(name => container(name, { labels: { 'twine.nat.interfaces': '!' } }));
  assert.deepEqual(
    planOf(...mistaken).diagnostics.map(one => one.container),
    ['one', 'other'],
  );
});

test('a forward that leads elsewhere from another network has a table of its own', () => {
  const labels = { 'twine.nat.forward.80': 'far:80' };
  const far = container('far', { networks: { main: '10.0.0.9', side: '10.1.0.9' } });
  const one = container('one', { labels, networks: { main: '10.0.0.2' } });
  const other = container('other', { labels, networks: { side: '10.1.0.2' } });
  const tables = planOf(one, other, far).sandboxes.map(({ table }) => JSON.stringify(table));
  assert.equal(tables.length, 2);
  assert.match(tables[0]!, /"10\.0\.0\.9"/);
  assert.match(tables[1]!, /"10\.1\.0\.9"/);
});

test('labels that no container has any more are forgotten', () => {
  const cache = new ParseCache();
  const named = (name: string, id = name) => container(id, { labels: { 'twine.nat.interfaces': name } });
  const [a, b] = [named('eth0'), named('eth1')];
  const first = cache.getAll([a, b]).intents.get(a.id);
  assert.equal(
    cache
      .getAll([named('eth0', 'again'), b])
      .intents.values()
      .next().value,
    first,
  );
  cache.getAll([b]);
  assert.notEqual(cache.getAll([a, b]).intents.get(a.id), first);
});

// By which link-layer addresses Docker's own way is known, and where what remembers it stands in a table.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLY_MARK } from '../../../../src/base/ownership.js';
import type { HostInterfaceAddress } from '../../../../src/labels/discovery/container.js';
import { chain, gw, only, prefix, routed } from '../../../support/label-world.js';

const places = (texts: readonly string[]): HostInterfaceAddress[] =>
  texts.map(text => {
    const [network = '', mac = '', router] = text.split(' ');
    return { prefix: prefix(network), mac, ...(router && { isNeighbour: true }) };
  });
const BRIDGE = '10.0.0.1/24 02:00:00:00:00:01';
const MAC = '02:00:00:00:00:01';
const DEFAULT = { 'twine.route.0.0.0.0/0': 'gw' };

/** The addresses that a table takes for Docker's way; undefined without the chain. */
function macsOf(
  labels: Record<string, string>,
  networks: Record<string, string>,
  of: readonly string[],
  gateways: Record<string, string> = {},
) {
  const world = [routed(networks, labels, { gateways }), gw({ main: '10.0.0.3 fd00::3' })];
  const { table } = only(world, { hostInterfaceAddresses: places(of) });
  const found = chain(table, 'arrived');
  if (!found) return undefined;
  // Rules that name anybody name the same.
  const named = found.rules
    .map(rule => [...JSON.stringify(rule).matchAll(/"(02:[0-9a-f:]+)"/g)].map(([, mac]) => mac))
    .filter(macs => macs.length > 0);
  for (const macs of named) assert.deepEqual(macs, named[0]);
  return named[0] ?? [];
}

for (const [what, labels, networks, of, expected] of [
  ['the host on the same network', DEFAULT, { main: '10.0.0.2' }, [BRIDGE], [MAC]],
  ['the host on another network only', DEFAULT, { main: '10.1.0.2' }, [BRIDGE], []],
  ['nobody, where nothing is known', DEFAULT, { main: '10.0.0.2' }, [], []],
  [
    'the host on each of several networks, once',
    DEFAULT,
    { main: '10.0.0.2 fd00::2', side: '10.1.0.2' },
    ['10.1.0.1/24 02:00:00:00:00:02', BRIDGE, 'fd00::1/64 02:00:00:00:00:01'],
    [MAC, '02:00:00:00:00:02'],
  ],
  [
    'not the host where it is the gateway of a label, by whichever address',
    { 'twine.route.::/0': 'fd00::1', 'twine.route.0.0.0.0/0': 'gw' },
    { main: '10.0.0.2 fd00::2', side: '10.1.0.2' },
    ['10.1.0.1/24 02:00:00:00:00:02', BRIDGE, 'fd00::1/64 02:00:00:00:00:01'],
    ['02:00:00:00:00:02'],
  ],
  ['a half of the world', { 'twine.route.128.0.0.0/1': 'gw' }, { main: '10.0.0.2' }, [BRIDGE], [MAC]],
  ['a longer route', { 'twine.route.10.8.0.0/16': 'gw' }, { main: '10.0.0.2' }, [BRIDGE], undefined],
  ['no route at all', { 'twine.nat.interfaces': '+' }, { main: '10.0.0.2' }, [BRIDGE], undefined],
] as const) {
  test(`Docker's own way: ${what}`, () => {
    assert.deepEqual(macsOf(labels, networks, of), expected);
  });
}

const ROUTER = '10.0.0.9/24 02:00:00:00:00:09 router';
for (const [what, labels, of, gateways, expected] of [
  ["a router that is Docker's gateway", DEFAULT, [ROUTER], { main: '10.0.0.9' }, ['02:00:00:00:00:09']],
  ['no other router', DEFAULT, [ROUTER], { main: '10.0.0.1' }, []],
  [
    'not a router that is the gateway of a label by another address of its own',
    { 'twine.route.0.0.0.0/0': '10.0.0.8' },
    [ROUTER, '10.0.0.8/24 02:00:00:00:00:09 router'],
    { main: '10.0.0.9' },
    [],
  ],
] as const) {
  test(`Docker's own way beside the host: ${what}`, () => {
    assert.deepEqual(macsOf(labels, { main: '10.0.0.2' }, of, gateways), expected);
  });
}

const BOTH = { ...DEFAULT, 'twine.route.::/0': 'gw' };
for (const [what, labels, of, gateways, expected] of [
  ['the host', BOTH, [BRIDGE, 'fd00::1/64 02:00:00:00:00:01'], {}, ['10.0.0.0 10.0.0.1', 'fd00:: fd00::1']],
  [
    "the host, of the label's family alone,",
    DEFAULT,
    [BRIDGE, 'fd00::1/64 02:00:00:00:00:01'],
    {},
    ['10.0.0.0 10.0.0.1'],
  ],
  [
    "Docker's gateway rather than the host",
    BOTH,
    [BRIDGE, ROUTER],
    { main: '10.0.0.9' },
    ['10.0.0.0 10.0.0.9'],
  ],
  ['nobody, where nobody is known', BOTH, [], {}, []],
] as const) {
  test(`udp that finds no way back sees the address of ${what} in the client's place`, () => {
    const world = [routed({ main: '10.0.0.2 fd00::2' }, labels, { gateways }), gw({ main: '10.0.0.3' })];
    const { table } = only(world, { hostInterfaceAddresses: places(of) });
    const rules = chain(table, 'nat-input')?.rules ?? [];
    const shown = rules.map(({ expr }) =>
      [...JSON.stringify(expr).matchAll(/"(?:right|addr)":"([^"]+)"/g)].map(([, text]) => text).join(' '),
    );
    assert.deepEqual(shown, expected);
    assert.equal(/"priority"/.test(JSON.stringify(chain(table, 'arrived')?.rules)), expected.length > 0);
  });
}

test('containers on the same network with the same labels have the same table', () => {
  const rest = { hostInterfaceAddresses: places([BRIDGE]) };
  const [one, other] = ['10.0.0.2', '10.0.0.4'].map(
    ip => only([routed({ main: ip }, BOTH), gw({ main: '10.0.0.3' })], rest).stamp,
  );
  assert.equal(one, other);
});

test("while the label's gateway is not there the host is Docker's way still, and the table the same", () => {
  const app = routed({ main: '10.0.0.2' }, DEFAULT);
  const rest = { hostInterfaceAddresses: places([BRIDGE]) };
  const here = only([app, gw({ main: '10.0.0.3' })], rest);
  const gone = only([app, gw({}, { netns: null })], rest);
  assert.deepEqual(gone.table, here.table);
});

test('a reply is rerouted, and everything else that the container sends loses the bit', () => {
  const { table } = only([routed({ main: '10.0.0.2' }, DEFAULT), gw({ main: '10.0.0.3' })], {
    hostInterfaceAddresses: places([BRIDGE]),
  });
  const { hook, rules } = chain(table, 'replies')!;
  assert.deepEqual(hook, { type: 'route', hook: 'output', priority: -150 });
  const [back, forget] = rules.map(({ expr }) => JSON.stringify(expr));
  assert.match(back!, /"direction".*"reply".*\{"return":null\}\]$/);
  assert.match(forget!, new RegExp(`"&":\\[\\{"meta":\\{"key":"mark"\\}\\},${0xffff_ffff - REPLY_MARK}\\]`));
  assert.equal(chain(table, 'arrived')!.hook!.priority, -90);
});

/** What the rules that remember senders leave out, and the set that they are remembered in. */
function sendersOf(
  labels: Record<string, string>,
  subnets: Record<string, string>,
  networks = { main: '10.0.0.2 fd00::2' },
) {
  const world = [
    routed(networks, labels, { subnets, gateways: { main: '10.0.0.1' } }),
    gw({ main: '10.0.0.3' }),
  ];
  const { table, routersOn } = only(world, { hostInterfaceAddresses: places([BRIDGE]) });
  const rules = (chain(table, 'arrived')?.rules ?? []).filter(({ expr }) =>
    /"@senders"/.test(JSON.stringify(expr)),
  );
  const near = rules.map(({ expr }) =>
    [...JSON.stringify(expr).matchAll(/"addr":"([^"]+)"/g)].map(([, text]) => text).join(' '),
  );
  const known = rules.every(({ expr }) =>
    JSON.stringify(expr).includes(
      `"op":"!=","left":{"payload":{"protocol":"ether","field":"saddr"}},"right":"${MAC}"`,
    ),
  );
  return { near, known, sets: table?.sets.map(({ name }) => name) ?? [], on: routersOn?.length ?? 0 };
}

for (const [what, labels, subnets, near] of [
  ['of both families', BOTH, { main: '10.0.0.0/24 fd00::/64' }, ['10.0.0.0', 'fd00:: fe80::']],
  ["of the label's family alone", DEFAULT, { main: '10.0.0.0/24 fd00::/64' }, ['10.0.0.0']],
  ['of none, where not all networks are known', BOTH, { main: '10.0.0.0/24' }, []],
  [
    'of none, without a default route',
    { 'twine.route.10.8.0.0/16': 'gw' },
    { main: '10.0.0.0/24 fd00::/64' },
    [],
  ],
  [
    'of networks within one another as one',
    BOTH,
    { main: '10.0.0.0/24 10.0.0.0/16 fe80::/64 fd00::/64' },
    ['10.0.0.0', 'fd00:: fe80::'],
  ],
] as const) {
  test(`who sends what is not of the own networks is remembered: ${what}`, () => {
    const seen = sendersOf(labels, subnets);
    assert.deepEqual(seen.near, near);
    assert.equal(seen.known, true);
    assert.deepEqual(seen.sets, near.length > 0 ? ['senders'] : []);
    assert.equal(seen.on > 0, near.length > 0);
  });
}

// Whose client's addresses a forward keeps: those whom the destination's own labels lead back by the gateway, and not before
// that is in force.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { container, type Networks, plan, showMistake } from '../../../support/label-world.js';

const PLACES = {
  subnets: { main: '10.0.0.0/24 fd00::/64', side: '10.1.0.0/24' },
  gateways: { main: '10.0.0.1 fd00::1', side: '10.1.0.1' },
};
const DEFAULTS = { 'twine.route.0.0.0.0/0': 'gw', 'twine.route.::/0': 'gw' };

interface World {
  readonly app?: Readonly<Record<string, string>>;
  readonly networks?: Networks;
  readonly rest?: Parameters<typeof container>[1];
  readonly word?: string;
  readonly to?: string;
  readonly others?: readonly ReturnType<typeof container>[];
  readonly gw?: Networks;
  readonly filtered?: readonly (4 | 6)[];
}

/** The rules for clients in the table of the gateway, with all in force that it relies on, or nothing. */
function clients(world: World, isInForce = true) {
  const { app = DEFAULTS, networks = { main: '10.0.0.2 fd00::2' }, word = '', to = 'app' } = world;
  const containers = [
    container('app', { networks, labels: app, ...PLACES, ...world.rest }),
    container('gw', {
      networks: world.gw ?? { main: '10.0.0.3 fd00::3' },
      labels: { 'twine.nat.forward.80': to + word },
      ...PLACES,
    }),
    ...(world.others ?? []),
  ];
  const host = { bridgeFiltered: world.filtered ?? [] };
  const { routesAsked } = plan(containers, host);
  const found = plan(containers, { ...host, ...(isInForce && { routesInForce: routesAsked }) });
  const table = found.sandboxes.find(({ containers }) => containers[0] === 'gw')?.table;
  const jumps = (table?.chains ?? []).filter(({ name }) => /^clients/.test(name));
  const shown = jumps.map(({ rules }) =>
    rules.map(({ expr }) => {
      const text = JSON.stringify(expr);
      const [, network, length] = /"addr":"([^"]+)","len":(\d+)/.exec(text) ?? [];
      const who = text.includes('"fib"') ? 'own' : network === undefined ? 'all' : `${network}/${length}`;
      return `${who} ${Object.keys(expr.at(-1)!)[0]}`;
    }),
  );
  return { shown, warnings: found.diagnostics.map(showMistake) };
}

const LED = [
  ['own masquerade', '10.0.0.0/24 masquerade', 'all return', 'all masquerade'],
  ['own masquerade', 'fd00::/64 masquerade', 'all return', 'all masquerade'],
];
const SAID = [
  ['own masquerade', '10.0.0.0/24 masquerade', 'all accept'],
  ['own masquerade', 'fd00::/64 masquerade', 'all accept'],
];

test('clients are kept where default routes lead back, but for those of its own network and the gateway itself', () => {
  assert.deepEqual(clients({}), { shown: LED, warnings: [] });
});

for (const [what, world] of [
  ['its routes are not in force yet', undefined],
  ['its label leads by another', { app: { 'twine.route.0.0.0.0/0': '10.0.0.9' } }],
  ['its label leads nowhere', { app: { 'twine.route.0.0.0.0/0': 'unreachable' } }],
  ['it has no label', { app: {} }],
  ['it is on a network with routes that nobody here knows', { rest: { driver: 'dwgd' } }],
  ['the driver of a network is not known', { rest: { driver: '' } }],
  ['its networks are not known', { rest: { subnets: {} } }],
  ['the network has no gateway', { rest: { gateways: {} } }],
  [
    "the network is internal, and the host's firewall sees what passes it",
    { rest: { gateways: {}, isInternal: true }, filtered: [4, 6] },
  ],
  ['the network is internal, and no bridge', { rest: { gateways: {}, isInternal: true, driver: 'macvlan' } }],
  ['it is not known which of its labels count', { app: {}, rest: { labels: {}, unverified: DEFAULTS } }],
  ['the label says so', { word: ',masquerade' }],
  [
    'it answers by another network than it is asked by',
    {
      app: { 'twine.route.0.0.0.0/0': 'gw.side' },
      networks: { main: '10.0.0.2', side: '10.1.0.2' },
      gw: { main: '10.0.0.3', side: '10.1.0.3' },
    },
  ],
] as const) {
  test(`all clients are masqueraded where ${what}`, () => {
    assert.deepEqual(clients(world ?? {}, world !== undefined).shown, []);
  });
}

for (const [filtered, expected] of [
  [[], LED],
  [[6], LED.slice(0, 1)],
  [[4], LED.slice(1)],
] as const) {
  test(`on an internal network clients are kept in ${expected.length} families where the host's firewall sees ${filtered.length} of what passes it`, () => {
    const rest = { gateways: {}, isInternal: true as const };
    assert.deepEqual(clients({ rest, filtered }).shown, expected);
  });
}

test('of several routes the longest that holds the client decides', () => {
  const app = {
    'twine.route.10.0.0.0/8': 'gw',
    'twine.route.10.8.0.0/16': '10.0.0.9',
    'twine.route.0.0.0.0/1': '10.0.0.9',
    'twine.route.128.0.0.0/1': 'gw',
  };
  assert.deepEqual(clients({ app }).shown, [
    [
      'own masquerade',
      '10.0.0.0/24 masquerade',
      '10.8.0.0/16 masquerade',
      '10.0.0.0/8 return',
      '0.0.0.0/1 masquerade',
      '128.0.0.0/1 return',
      'all masquerade',
    ],
  ]);
});

test('the word keeps them for whoever answers by a route of its own, which is told of a container', () => {
  const network = { main: '10.0.0.2' };
  assert.deepEqual(clients({ app: {}, networks: network, word: ',keep' }), {
    shown: [SAID[0]],
    warnings: [
      'gw twine.nat.forward.80: app answers the clients whose addresses are kept past this container, unless it has routes of its own: give it the label twine.route.0.0.0.0/0=gw, or leave "keep" out',
    ],
  });
  const elsewhere = clients({ to: '192.0.2.1:80', word: ',keep' });
  assert.deepEqual(elsewhere, { shown: [['own masquerade', 'all accept']], warnings: [] });
  assert.deepEqual(clients({ word: ',keep' }), { shown: SAID, warnings: [] });
  // Where Docker gives it no gateway, too, where nothing but the word keeps them.
  assert.deepEqual(clients({ word: ',keep', rest: { gateways: {} } }), { shown: SAID, warnings: [] });
  assert.deepEqual(clients({ word: ',keep' }, false).shown, []);
});

test('destinations that differ in nothing but their address share a chain, and a table has no more than sixteen', () => {
  const other = (n: number, labels: Record<string, string>) =>
    container(`app${n}`, { networks: { main: `10.0.0.${n}` }, labels, ...PLACES });
  const world = (labelsOf: (n: number) => Record<string, string>) => {
    const containers = [
      ...Array.from({ length: 20 }, (_, n) => other(n + 10, labelsOf(n))),
      container('gw', {
        networks: { main: '10.0.0.3' },
        labels: Object.fromEntries(
          Array.from({ length: 20 }, (_, n) => [`twine.nat.forward.${n + 10}`, `app${n + 10}`]),
        ),
      }),
    ];
    const { routesAsked } = plan(containers);
    const { sandboxes } = plan(containers, { routesInForce: routesAsked });
    const gw = sandboxes.find(({ containers }) => containers[0] === 'gw');
    return gw?.table?.chains.filter(({ name }) => /^clients/.test(name)).length;
  };
  assert.equal(
    world(() => ({ 'twine.route.0.0.0.0/0': 'gw' })),
    1,
  );
  assert.equal(
    world(n => ({ [`twine.route.172.${n}.0.0/16`]: 'gw' })),
    16,
  );
});

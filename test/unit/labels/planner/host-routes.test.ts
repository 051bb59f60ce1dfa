// Routes of the host to networks behind containers, and which are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import type { PlanInput } from '../../../../src/labels/planner/plan.js';
import {
  address,
  type ContainerOptions,
  container,
  plan,
  prefix,
  showMistake,
  showRoute,
} from '../../../support/label-world.js';

/** The host's own default route. */
const hop = (gateway: string) => ({ network: prefix('0.0.0.0/0'), gateway: address(gateway) });

const app = (networks: string, routes: string, rest: ContainerOptions = {}): ContainerView =>
  container('app', { networks: { main: networks }, labels: { 'twine.host.routes': routes }, ...rest });

function planned(containers: readonly ContainerView[], rest: Partial<PlanInput> = {}) {
  const { hostRoutes, diagnostics, sandboxes } = plan(containers, rest);
  return { routes: hostRoutes.map(showRoute), diagnostics: diagnostics.map(showMistake), sandboxes };
}

test('a host route leads to the container on a bridge network, in both families', () => {
  const { routes, diagnostics, sandboxes } = planned([
    app('10.0.0.2 fd00::2', '192.168.100.1/24,10.20.0.0/24,fd07::/16'),
  ]);
  assert.deepEqual(routes, [
    '192.168.100.0/24 via 10.0.0.2',
    '10.20.0.0/24 via 10.0.0.2',
    'fd07::/16 via fd00::2',
  ]);
  assert.deepEqual(diagnostics, []);
  // Nothing of it is in the container.
  assert.deepEqual([sandboxes[0]?.routes, sandboxes[0]?.table], [[], undefined]);
});

test('the first bridge network that has the family is the way', () => {
  const two = container('app', {
    networks: { a: '10.1.0.2', b: '10.2.0.2 fd02::2' },
    labels: { 'twine.host.routes': '10.20.0.0/24,fd07::/16' },
  });
  assert.deepEqual(planned([two]).routes, ['10.20.0.0/24 via 10.1.0.2', 'fd07::/16 via fd02::2']);
});

test('a host route goes with its container', () => {
  assert.deepEqual(planned([app('', '10.20.0.0/24', { netns: null })]).routes, []);
});

const REFUSED = 'app twine.host.routes: the host gets no route to';
for (const [what, containers, rest, message] of [
  [
    'a default route',
    [app('10.0.0.2', '0.0.0.0/0')],
    {},
    `${REFUSED} 0.0.0.0/0: it would be the host's default route; start the daemon with --allow-host-routes 0.0.0.0/0 to allow it`,
  ],
  [
    'a network with an address of the host',
    [app('10.0.0.2', '192.168.0.0/16')],
    { hostAddresses: [prefix('192.168.1.5/24')] },
    `${REFUSED} 192.168.0.0/16: 192.168.1.5 is an address of the host itself; start the daemon with --allow-host-routes 192.168.0.0/16 to allow it`,
  ],
  [
    'an address of the host',
    [app('fd00::2', 'fd05::1')],
    { hostAddresses: [prefix('fd05::1/64')] },
    `${REFUSED} fd05::1/128: fd05::1 is an address of the host itself; start the daemon with --allow-host-routes fd05::1/128 to allow it`,
  ],
  [
    "a network with a gateway of the host's own routes",
    [app('10.0.0.2', '192.168.1.0/28')],
    {
      hostAddresses: [prefix('192.168.1.50/24')],
      nextHops: [hop('192.168.2.1'), hop('192.168.1.1')],
    },
    `${REFUSED} 192.168.1.0/28: 192.168.1.1 is a gateway of the host's own routes; start the daemon with --allow-host-routes 192.168.1.0/28 to allow it`,
  ],
  [
    'a network with the address of another container, labelled or not',
    [app('10.0.0.2', '10.0.1.0/24'), container('web', { networks: { main: '10.0.2.7', b: '10.0.1.7' } })],
    {},
    `${REFUSED} 10.0.1.0/24: 10.0.1.7 is the address of web; start the daemon with --allow-host-routes 10.0.1.0/24 to allow it`,
  ],
  [
    'the IPv6 address of another container',
    [app('10.0.0.2 fd00::2', 'fd00::7'), container('web', { networks: { main: '10.0.0.7 fd00::7' } })],
    {},
    `${REFUSED} fd00::7/128: fd00::7 is the address of web; start the daemon with --allow-host-routes fd00::7/128 to allow it`,
  ],
  [
    'a route by way of no bridge',
    [app('10.0.0.2', '10.20.0.0/24', { driver: 'macvlan' })],
    {},
    `${REFUSED} 10.20.0.0/24: the container is on no bridge network: connect it to one`,
  ],
  [
    'a route of a family that the container has not',
    [app('10.0.0.2', 'fd07::/16')],
    {},
    `${REFUSED} fd07::/16: the container has no IPv6 address on a bridge network: connect it to one that has an IPv6 subnet`,
  ],
  [
    'what is wider than what is allowed',
    [app('10.0.0.2', '192.168.0.0/16')],
    { hostAddresses: [prefix('192.168.1.5/24')], allowHostRoutes: [prefix('192.168.0.0/17')] },
    `${REFUSED} 192.168.0.0/16: 192.168.1.5 is an address of the host itself; start the daemon with --allow-host-routes 192.168.0.0/16 to allow it`,
  ],
] as const) {
  test(`${what} is refused`, () => {
    assert.deepEqual(planned(containers, rest), {
      ...planned(containers, rest),
      routes: [],
      diagnostics: [message],
    });
  });
}

for (const [network, allowed, own] of [
  ['0.0.0.0/0', '0.0.0.0/0', '192.168.1.5/24'],
  ['192.168.0.0/16', '192.168.0.0/16', '192.168.1.5/24'],
  ['192.168.1.0/24', '192.168.0.0/16', '192.168.1.5/24'],
  ['192.168.1.0/29', '192.168.1.0/29', '192.168.1.9/24'],
  ['10.0.0.0/28', '10.0.0.0/8', '192.168.1.5/24'],
] as const) {
  test(`${network} is let through where ${allowed} is allowed`, () => {
    const web = container('web', { networks: { main: '10.0.0.7' } });
    const { routes, diagnostics } = planned([app('10.0.0.2', network), web], {
      allowHostRoutes: [prefix(allowed)],
      hostAddresses: [prefix(own)],
      nextHops: [hop('192.168.1.1')],
    });
    assert.deepEqual([routes, diagnostics], [[`${network} via 10.0.0.2`], []]);
  });
}

test('a network that holds addresses of nobody but the container itself is no refusal', () => {
  const [other, stopped] = [
    container('joined', { netns: '4:app' }),
    container('old', { networks: { main: '' }, netns: null }),
  ];
  const { routes, diagnostics } = planned([app('10.0.0.2', '10.0.0.0/30'), other, stopped], {
    nextHops: [hop('10.0.0.4')],
  });
  assert.deepEqual([routes, diagnostics], [['10.0.0.0/30 via 10.0.0.2'], []]);
});

test("a network of the host's own that holds none of its addresses is no refusal", () => {
  const { routes } = planned([app('10.0.0.2', '192.168.2.0/24')], {
    hostAddresses: [prefix('192.168.1.5/16')],
  });
  assert.deepEqual(routes, ['192.168.2.0/24 via 10.0.0.2']);
});

test('of two containers for one network the first by name counts, and the other is reported', () => {
  const labels = { 'twine.host.routes': '10.20.0.0/24' };
  const { routes, diagnostics } = planned([
    container('b10', { networks: { main: '10.0.0.3' }, labels }),
    container('b9', { networks: { main: '10.0.0.2' }, labels }),
  ]);
  assert.deepEqual(routes, ['10.20.0.0/24 via 10.0.0.2']);
  assert.deepEqual(diagnostics, [
    "b10 twine.host.routes: the host's route to 10.20.0.0/24 leads to b9, which asks for it as well: remove one of the two labels",
  ]);
});

for (const [what, netns, reports] of [
  ['one namespace', '4:b9', 0],
  ['two namespaces of one address', '4:b10', 1],
] as const) {
  test(`of two containers of ${what} for one network ${reports} are reported`, () => {
    const labels = { 'twine.host.routes': '10.20.0.0/24' };
    const { routes, diagnostics } = planned([
      container('b9', { networks: { main: '10.0.0.2' }, labels }),
      container('b10', { networks: { main: '10.0.0.2' }, labels, netns }),
    ]);
    assert.deepEqual(routes, ['10.20.0.0/24 via 10.0.0.2']);
    assert.equal(diagnostics.length, reports);
  });
}

/** `20.0.0.0/8` to `79.0.0.0/8`. */
const MANY = Array.from({ length: 60 }, (_, i) => `${20 + i}.0.0.0/8`);

for (const [what, routes, made] of [
  ['half of IPv4', ['128.0.0.0/1'], []],
  ['the pieces of most of IPv4', ['32.0.0.0/3', '16.0.0.0/4', '64.0.0.0/2', '128.0.0.0/1'], []],
  ['a /7', ['100.0.0.0/7'], []],
  ['a /8', ['100.0.0.0/8'], ['100.0.0.0/8 via 10.0.0.2']],
  ['many networks of /8', MANY, ['20.0.0.0/8 via 10.0.0.2', '21.0.0.0/8 via 10.0.0.2']],
  [
    'all private networks',
    ['10.128.0.0/9', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
    [
      '10.128.0.0/9 via 10.0.0.2',
      '172.16.0.0/12 via 10.0.0.2',
      '192.168.0.0/16 via 10.0.0.2',
      '100.64.0.0/10 via 10.0.0.2',
    ],
  ],
  ['all global addresses of IPv6', ['2000::/3'], []],
  ['a /15 of IPv6', ['fd06::/15'], []],
  [
    'three /16 of IPv6',
    ['fd06::/16', 'fd07::/16', 'fd08::/16'],
    ['fd06::/16 via fd00::2', 'fd07::/16 via fd00::2'],
  ],
] as const) {
  test(`of ${what} the host gets ${made.length} routes in all`, () => {
    const { routes: hostRoutes, diagnostics } = planned([app('10.0.0.2 fd00::2', routes.join(','))]);
    assert.deepEqual(hostRoutes, made);
    assert.equal(diagnostics.length, routes.length - made.length);
  });
}

test('what several containers ask for counts together, and the same network counts once', () => {
  const router = (name: string, n: number, routes: string) =>
    container(name, { networks: { main: `10.0.0.${n}` }, labels: { 'twine.host.routes': routes } });
  const { routes, diagnostics } = planned([
    router('a', 2, '100.0.0.0/8'),
    router('b', 3, '100.0.0.0/8,101.0.0.0/8'),
    router('c', 4, '102.0.0.0/8,103.1.0.0/16'),
  ]);
  assert.deepEqual(routes, ['100.0.0.0/8 via 10.0.0.2', '101.0.0.0/8 via 10.0.0.3']);
  assert.deepEqual(diagnostics.slice(1), [
    "c twine.host.routes: the host gets no route to 102.0.0.0/8: with the other labels' routes it would be more than 2 networks of /8; start the daemon with --allow-host-routes 102.0.0.0/8 to allow it",
    "c twine.host.routes: the host gets no route to 103.1.0.0/16: with the other labels' routes it would be more than 2 networks of /8; start the daemon with --allow-host-routes 103.1.0.0/16 to allow it",
  ]);
});

test('what is allowed may be as wide and as much as it likes', () => {
  const { routes, diagnostics } = planned(
    [app('10.0.0.2', '100.0.0.0/6,104.0.0.0/8,105.0.0.0/8,106.0.0.0/8')],
    {
      allowHostRoutes: [prefix('64.0.0.0/2')],
    },
  );
  assert.deepEqual([routes.length, diagnostics], [4, []]);
});

// Destinations other than one name or address: nowhere, Docker's gateway, names with their network, links, services of
// Swarm, and lists by preference and health.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/base/ip.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { address, container, only, plan, routed, routesOf } from '../../../support/label-world.js';

const TO = 'twine.route.0.0.0.0/0';
const vpn = (name: string, networks: Record<string, string>, rest = {}): ContainerView =>
  container(name, { networks, ...rest });

/** Where the label of `app` leads, and what is told of it. */
function lead(to: string, others: readonly ContainerView[], rest = {}, key = TO) {
  const app = routed({ main: '10.0.0.2 fd00::2', shared: '10.7.0.2' }, { [key]: to }, rest);
  const { diagnostics, isClosed, ...sandbox } = only([app, ...others]);
  const network = key.replace('twine.route.', '');
  const [first = ''] = routesOf(sandbox);
  assert.equal(routesOf(sandbox).at(-1), `unreachable ${network}`);
  return { way: first.replace(`${network} via `, ''), diagnostics, isClosed };
}

test('unreachable is nowhere, which is no mistake', () => {
  for (const key of [TO, 'twine.route.::/0'])
    assert.deepEqual(lead('unreachable', [vpn('unreachable', { main: '10.0.0.3 fd00::3' })], {}, key), {
      way: `unreachable ${key.replace('twine.route.', '')}`,
      diagnostics: [],
      isClosed: undefined,
    });
});

for (const [what, gateways, rest, key, expected] of [
  ['of the first network', { main: '10.0.0.1 fd00::1', shared: '10.7.0.1' }, {}, TO, '10.0.0.1'],
  ['of IPv6', { main: '10.0.0.1 fd00::1' }, {}, 'twine.route.2000::/3', 'fd00::1'],
  ['of the first that has one', { shared: '10.7.0.1' }, {}, TO, '10.7.0.1'],
  [
    'of the first on which the kernel uses gateways',
    { main: '10.0.0.1', shared: '10.7.0.1' },
    { ignoring: ['main'] },
    TO,
    '10.7.0.1',
  ],
] as const) {
  test(`host-gateway is Docker's gateway ${what}`, () => {
    const { way, diagnostics } = lead('host-gateway', [], { gateways, ...rest }, key);
    assert.deepEqual([way, diagnostics], [expected, []]);
  });
}

test('host-gateway of a container on internal networks alone is told, and nothing is reached', () => {
  const { way, diagnostics } = lead('host-gateway', []);
  assert.equal(way, 'unreachable 0.0.0.0/0');
  assert.deepEqual(diagnostics, [
    `app ${TO}: Docker gives this container no IPv4 gateway: connect it to a bridge network that is not internal; until then 0.0.0.0/0 is unreachable`,
  ]);
});

test("a forward to host-gateway leads to Docker's gateways of both families", () => {
  const app = routed(
    { main: '10.0.0.2 fd00::2' },
    { 'twine.nat.forward.53/udp': 'host-gateway:5353' },
    {
      gateways: { main: '10.0.0.1 fd00::1' },
    },
  );
  const { diagnostics, udpForwards } = only([app]);
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(udpForwards![0]!.destinations, [
    { address: address('10.0.0.1'), port: 5353 },
    { address: address('fd00::1'), port: 5353 },
  ]);
});

for (const [name, meant] of [
  ['host.docker.internal', 'host-gateway'],
  ['blackhole', 'unreachable'],
  ['none', 'unreachable'],
  ['Unreachable', 'unreachable'],
  ['Host-Gateway', 'host-gateway'],
  ['host_gateway', 'host-gateway'],
  ['docker0', 'host-gateway'],
] as const) {
  test(`${name} is asked of no resolver, and the right word is told`, () => {
    const app = routed({ main: '10.0.0.2' }, { [TO]: name });
    const { diagnostics, externalNames } = only([app], {
      external: new Map([[name, [address('192.0.2.1')]]]),
    });
    assert.match(diagnostics[0]!, new RegExp(`${name} is no container: did you mean ${meant}\\?`));
    assert.deepEqual(externalNames, []);
  });
}

const project = (name: string, networks: Record<string, string>, service: string) =>
  container(name, { networks, service });

for (const [what, to, others, expected] of [
  ['a name and a network', 'vpn.shared', [vpn('vpn', { main: '10.0.0.3', shared: '10.7.0.3' })], '10.7.0.3'],
  [
    'an alias and a network',
    'gate.shared',
    [vpn('vpn', { main: '10.0.0.3', shared: '10.7.0.3 gate' })],
    '10.7.0.3',
  ],
  ['a name with a dot and a network', 'a.b.shared', [vpn('a.b', { shared: '10.7.0.3' })], '10.7.0.3'],
  [
    'a name that holds the whole',
    'vpn.shared',
    [vpn('vpn', { shared: '10.7.0.3' }), vpn('vpn.shared', { main: '10.0.0.9' })],
    '10.0.0.9',
  ],
] as const) {
  test(`${what} lead to the container's address there`, () => {
    const { way, diagnostics } = lead(to, others);
    assert.deepEqual([way, diagnostics], [expected, []]);
  });
}

test('a network may be named as the Compose file of the project has it', () => {
  const app = routed({ shop_a: '10.0.0.2', shop_b: '10.7.0.2' }, { [TO]: 'vpn.b' }, { service: 'shop/app' });
  const other = project('shop-vpn-1', { shop_a: '10.0.0.3', shop_b: '10.7.0.3' }, 'shop/vpn');
  assert.deepEqual(routesOf(only([app, other]))[0], '0.0.0.0/0 via 10.7.0.3');
});

test('a container that is on another network than the named one is not reached by it, nor the resolver asked', () => {
  const app = routed({ main: '10.0.0.2', shared: '10.7.0.2' }, { [TO]: 'vpn.shared' });
  const { diagnostics, externalNames, ...sandbox } = only([app, vpn('vpn', { main: '10.0.0.3' })]);
  assert.deepEqual([routesOf(sandbox), externalNames], [['unreachable 0.0.0.0/0'], []]);
  assert.match(diagnostics[0]!, /vpn\.shared has no address on a network of this container/);
});

test('a name with a dot that no container and no network has is the resolver’s', () => {
  const app = routed({ main: '10.0.0.2' }, { [TO]: 'vpn.example' });
  assert.deepEqual(only([app]).externalNames, ['vpn.example']);
});

test('a link leads to its container, whoever else has that name', () => {
  const links = { gw: 'shop-vpn-1' };
  const others = [vpn('gw', { main: '10.0.0.9' }), vpn('shop-vpn-1', { main: '10.0.0.3' })];
  assert.deepEqual(lead('gw', others, { links }).way, '10.0.0.3');
  assert.deepEqual(lead('gw', others).way, '10.0.0.9');
});

for (const [name, expected] of [
  ['vpn', '10.0.0.3'],
  ['shop_vpn', '10.0.0.3'],
  ['shop_vpn.2', '10.0.0.4'],
  ['shop_vpn.2.bbb', '10.0.0.4'],
] as const) {
  test(`${name} is a task of a service of Swarm`, () => {
    const task = (n: number, id: string, ip: string) =>
      container(`shop_vpn.${n}.${id}`, {
        networks: { main: ip },
        service: 'shop/vpn',
        taskNames: ['shop_vpn', `shop_vpn.${n}`],
      });
    const others = [task(1, 'aaa', '10.0.0.3'), task(2, 'bbb', '10.0.0.4')];
    const { way, diagnostics } = lead(name, others, { service: 'shop/app' });
    assert.deepEqual([way, diagnostics], [expected, []]);
  });
}

const [ONE, TWO] = [{ main: '10.0.0.3' }, { main: '10.0.0.4' }];
for (const [what, others, expected] of [
  ['both healthy', [vpn('vpn1', ONE), vpn('vpn2', TWO)], '10.0.0.3'],
  ['the first unhealthy', [vpn('vpn1', ONE, { health: 'unhealthy' }), vpn('vpn2', TWO)], '10.0.0.4'],
  ['the first starting', [vpn('vpn1', ONE, { health: 'starting' }), vpn('vpn2', TWO)], '10.0.0.4'],
  [
    'the first unhealthy and the second starting',
    [vpn('vpn1', ONE, { health: 'unhealthy' }), vpn('vpn2', TWO, { health: 'starting' })],
    '10.0.0.4',
  ],
  [
    'both unhealthy',
    [vpn('vpn1', ONE, { health: 'unhealthy' }), vpn('vpn2', TWO, { health: 'unhealthy' })],
    '10.0.0.3',
  ],
  ['the first stopped', [vpn('vpn1', { main: '' }, { netns: null }), vpn('vpn2', TWO)], '10.0.0.4'],
  [
    'the first on no network of the container',
    [vpn('vpn1', { far: '10.9.0.3' }), vpn('vpn2', TWO)],
    '10.0.0.4',
  ],
] as const) {
  test(`of a list with ${what} the route leads to ${expected}, and nothing is wrong`, () => {
    const { way, diagnostics } = lead('vpn1,vpn2', others);
    assert.deepEqual([way, diagnostics], [expected, []]);
  });
}

test('of the replicas of a service a healthy one is taken first', () => {
  const others = [
    container('shop-vpn-1', { networks: ONE, service: 'shop/vpn', health: 'unhealthy' }),
    container('shop-vpn-2', { networks: TWO, service: 'shop/vpn' }),
  ];
  assert.equal(lead('vpn', others, { service: 'shop/app' }).way, '10.0.0.4');
});

test('a list of which one is unknown is used as far as it is known, and told, under twine.strict too', () => {
  const app = routed({ main: '10.0.0.2' }, { [TO]: 'vqn,vpn', 'twine.strict': 'true' });
  const { diagnostics, isClosed, ...sandbox } = only([app, vpn('vpn', ONE)], {
    external: new Map([['vqn', []]]),
  });
  assert.deepEqual([routesOf(sandbox)[0], isClosed], ['0.0.0.0/0 via 10.0.0.3', undefined]);
  assert.deepEqual(diagnostics, [
    `app ${TO}: vqn is no container on a network of this one (there is vpn), and no host that the resolver knows; the others of the list count`,
  ]);
});

test('of a list of which none is there nothing is reached, and that is told', () => {
  const { way, diagnostics } = lead('vpn1,vpn2', [
    vpn('vpn1', { main: '' }, { netns: null }),
    vpn('vpn2', { main: '' }, { netns: null }),
  ]);
  assert.equal(way, 'unreachable 0.0.0.0/0');
  assert.deepEqual(diagnostics, [
    `app ${TO}: none of vpn1,vpn2 can be used; of the first, vpn1 is not running: start it; until then 0.0.0.0/0 is unreachable`,
  ]);
});

test('a list waits for the resolver only where nothing else of it is there', () => {
  const app = (to: string) => routed({ main: '10.0.0.2' }, { [TO]: to });
  const there = only([app('far.example,vpn'), vpn('vpn', ONE)]);
  assert.deepEqual([routesOf(there)[0], there.externalNames], ['0.0.0.0/0 via 10.0.0.3', ['far.example']]);
  const none = only([app('far.example,near.example')]);
  assert.deepEqual([routesOf(none), none.diagnostics], [['unreachable 0.0.0.0/0'], []]);
});

test('a forward to a list leads to the first that is healthy', () => {
  const app = routed({ main: '10.0.0.2' }, { 'twine.nat.forward.53/udp': 'vpn1,vpn2:54' });
  const { udpForwards } = only([app, vpn('vpn1', ONE, { health: 'unhealthy' }), vpn('vpn2', TWO)]);
  assert.deepEqual(udpForwards![0]!.destinations, [{ address: address('10.0.0.4'), port: 54 }]);
});

/** Gateways that do not answer, in the namespace of `app`. */
const silent = (...texts: string[]) => ({
  revision: 1,
  silenceOf: (key: string, gateway: ReturnType<typeof address>) =>
    key === '4:app' && texts.some(text => formatAddress(gateway) === text)
      ? ('neighbour' as const)
      : undefined,
});
/** As lead(), with what is watched. */
function leadBeside(silentOnes: readonly string[], to: string, others: readonly ContainerView[], rest = {}) {
  const app = routed({ main: '10.0.0.2' }, { [TO]: to }, rest);
  const { diagnostics, watchedGateways, sandboxes } = plan([app, ...others], {
    silent: silent(...silentOnes),
  });
  const sandbox = sandboxes.find(({ containers }) => containers.includes('app'))!;
  const watched = watchedGateways.flatMap(({ netns, gateways }) => [
    netns.key,
    ...gateways.map(formatAddress),
  ]);
  const told = diagnostics.map(({ container, key, message }) => `${container} ${key}: ${message}`);
  return { way: routesOf(sandbox)[0]?.replace('0.0.0.0/0 via ', ''), diagnostics: told, watched };
}

const whySilent = (gateway: string): string =>
  `app ${TO}: the gateway ${gateway} does not answer (ARP); the others of the list count`;
for (const [what, silentOnes, to, others, expected, told] of [
  ['no one', [], '10.0.0.3,10.0.0.4', [], '10.0.0.3', []],
  ['the first', ['10.0.0.3'], '10.0.0.3,10.0.0.4', [], '10.0.0.4', [whySilent('10.0.0.3')]],
  ['the second', ['10.0.0.4'], '10.0.0.3,10.0.0.4', [], '10.0.0.3', [whySilent('10.0.0.4')]],
  ['both', ['10.0.0.3', '10.0.0.4'], '10.0.0.3,10.0.0.4', [], '10.0.0.3', [whySilent('10.0.0.4')]],
  [
    'the first by its name',
    ['10.0.0.3'],
    'vpn1,vpn2',
    [vpn('vpn1', ONE), vpn('vpn2', TWO)],
    '10.0.0.4',
    [whySilent('10.0.0.3')],
  ],
  [
    'the first, and the second unhealthy,',
    ['10.0.0.3'],
    'vpn1,vpn2',
    [vpn('vpn1', ONE), vpn('vpn2', TWO, { health: 'unhealthy' })],
    '10.0.0.4',
    [whySilent('10.0.0.3')],
  ],
] as const) {
  test(`of the list ${to} with ${what} silent the route leads to ${expected}, and both are watched`, () => {
    assert.deepEqual(leadBeside(silentOnes, to, others), {
      way: expected,
      diagnostics: told,
      watched: ['4:app', '10.0.0.3', '10.0.0.4'],
    });
  });
}

test('of the replicas of a service one that answers is taken, and all are watched', () => {
  const others = [
    container('shop-vpn-1', { networks: ONE, service: 'shop/vpn' }),
    container('shop-vpn-2', { networks: TWO, service: 'shop/vpn' }),
  ];
  const { way, watched } = leadBeside(['10.0.0.3'], 'vpn', others, { service: 'shop/app' });
  assert.deepEqual([way, watched.toSorted()], ['10.0.0.4', ['10.0.0.3', '10.0.0.4', '4:app']]);
});

test('a gateway that no other stands in for is not watched, and stays', () => {
  assert.deepEqual(leadBeside(['10.0.0.3'], '10.0.0.3', []), {
    way: '10.0.0.3',
    diagnostics: [],
    watched: [],
  });
  assert.deepEqual(leadBeside(['10.0.0.3'], 'vpn1', [vpn('vpn1', ONE)]).watched, []);
});

for (const [what, to] of [
  ['its tunnel is down', 'vpn1,vpn2'],
  ['its tunnel is down and it is a replica', 'vpn'],
] as const) {
  test(`a gateway on a network of dwgd is left when ${what}, and its namespace alone is asked`, () => {
    const tunnelled = (name: string, main: string, vpn?: string) => {
      const view = container(name, { networks: { main, ...(vpn && { vpn }) }, service: 'shop/vpn' });
      const driverOf = (network: string): string => (network === 'vpn' ? 'dwgd' : 'bridge');
      const attachments = view.attachments.map(one => ({ ...one, driver: driverOf(one.networkName) }));
      return { ...view, attachments };
    };
    const { diagnostics, watchedGateways, sandboxes } = plan(
      [
        routed({ main: '10.0.0.2' }, { [TO]: to }, { service: 'shop/app' }),
        tunnelled('vpn1', '10.0.0.3', '10.250.0.2'),
        tunnelled('vpn2', '10.0.0.4'),
      ],
      {
        silent: {
          revision: 1,
          silenceOf: (_, gateway) => (formatAddress(gateway) === '10.0.0.3' ? 'tunnel' : undefined),
        },
      },
    );
    const sandbox = sandboxes.find(({ containers }) => containers.includes('app'))!;
    assert.equal(routesOf(sandbox)[0], '0.0.0.0/0 via 10.0.0.4');
    const asked = watchedGateways.flatMap(({ gateways, tunnels }) =>
      gateways.map((gateway, n) => `${formatAddress(gateway)} ${tunnels[n]?.key}`),
    );
    assert.deepEqual(asked.toSorted(), ['10.0.0.3 4:vpn1', '10.0.0.4 undefined']);
    const told = diagnostics.map(({ message }) => message);
    assert.deepEqual(
      told,
      to === 'vpn'
        ? []
        : [
            'the tunnel of the gateway 10.0.0.3 is down (no link, or no handshake for three minutes); the others of the list count',
          ],
    );
  });
}

// Whose name a destination is, which address it comes to, and what is said when there is none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/base/ip.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { NETWORKS_REFUSED } from '../../../../src/labels/discovery/docker-view.js';
import {
  address,
  container,
  forwardsOf,
  gw,
  only,
  plan,
  prefix,
  routed,
  routesOf,
  showRoute,
} from '../../../support/label-world.js';

for (const [what, networks, gateway, labels, expected] of [
  [
    'of its own family',
    { main: '10.0.0.2 fd00::2' },
    { main: '10.0.0.3 fd00::3' },
    { 'twine.route.10.8.0.0/16': 'gw', 'twine.route.::/0': 'gw' },
    ['10.8.0.0/16 via 10.0.0.3', 'unreachable 10.8.0.0/16', '::/0 via fd00::3', 'unreachable ::/0'],
  ],
  [
    'on the first shared network of the container',
    { b: '10.2.0.2', a: '10.1.0.2' },
    { a: '10.1.0.3', b: '10.2.0.3' },
    { 'twine.route.0.0.0.0/1': 'gw', 'twine.route.128.0.0.0/1': 'gw' },
    [
      '0.0.0.0/1 via 10.2.0.3',
      'unreachable 0.0.0.0/1',
      '128.0.0.0/1 via 10.2.0.3',
      'unreachable 128.0.0.0/1',
    ],
  ],
  [
    'on the first shared network that has the family',
    { b: '10.2.0.2', a: '10.1.0.2 fd01::2' },
    { a: '10.1.0.3 fd01::3', b: '10.2.0.3' },
    { 'twine.route.fd08::/16': 'gw' },
    ['fd08::/16 via fd01::3', 'unreachable fd08::/16'],
  ],
] as const) {
  test(`a route takes the gateway's address ${what}`, () => {
    const sandbox = only([routed(networks, labels), gw(gateway)]);
    assert.deepEqual(routesOf(sandbox), expected);
    assert.deepEqual(sandbox.diagnostics, []);
  });
}

for (const [what, given, name, shared] of [
  ['its name', container('vpn', { networks: { main: '10.0.0.3' } }), 'vpn', true],
  ['an alias', container('vpn', { networks: { main: '10.0.0.3 gate' } }), 'gate', true],
  [
    'its id',
    container('vpn', { networks: { main: '10.0.0.3' }, id: 'ab'.repeat(32) }),
    'ab'.repeat(32),
    true,
  ],
  [
    'its short id',
    container('vpn', { networks: { main: '10.0.0.3' }, id: 'ab'.repeat(32) }),
    'abababababab',
    true,
  ],
  ['its service', container('p-vpn-1', { networks: { main: '10.0.0.3' }, service: 'p/vpn' }), 'vpn', true],
  ['an alias of another network', container('vpn', { networks: { side: '10.9.0.3 gate' } }), 'gate', false],
] as const) {
  test(`a gateway is ${shared ? '' : 'not '}found by ${what}`, () => {
    const { routes, externalNames, diagnostics } = only([
      routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': name }, { service: 'p/app' }),
      given,
    ]);
    assert.equal(routes.length, shared ? 2 : 1);
    // What is no name of Docker's is one for the DNS.
    assert.deepEqual([externalNames, diagnostics], [shared ? [] : [name], []]);
  });
}

/** The route of an `app` of project p to `x`, and what is said. */
function leadsTo(...containers: ContainerView[]): string[] {
  const { routes, diagnostics, externalNames } = only([
    routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'x' }, { service: 'p/app' }),
    ...containers,
  ]);
  assert.deepEqual(externalNames, [], 'a name that somebody bears is not asked of the DNS');
  return [routes.map(showRoute)[0]!, ...diagnostics.map(text => text.replace(/^.*?: /, ''))];
}

test('the own service comes before a container name, that before an alias; then by name', () => {
  const alias = container('a', { networks: { main: '10.0.0.3 x' } });
  const service2 = container('p-x-2', { networks: { main: '10.0.0.4 x' }, service: 'p/x' });
  const service10 = container('p-x-10', { networks: { main: '10.0.0.5 x' }, service: 'p/x' });
  const named = container('x', { networks: { main: '10.0.0.6' } });
  assert.deepEqual(leadsTo(alias, service10, service2, named), ['0.0.0.0/0 via 10.0.0.4']);
  assert.deepEqual(leadsTo(alias, named), ['0.0.0.0/0 via 10.0.0.6']);
  assert.deepEqual(leadsTo(alias), ['0.0.0.0/0 via 10.0.0.3']);
});

const STOPPED = { netns: null, networks: { main: 'x' } };
const CLOSED = 'unreachable 0.0.0.0/0';
const ELSE = {
  'another container with the alias': container('other', { networks: { main: '10.0.0.66 x' } }),
  "another project's service": container('q-x-1', { networks: { main: '10.0.0.66 x' }, service: 'q/x' }),
  'a one-off container of the service': container('p-x-run-1', {
    networks: { main: '10.0.0.66 x' },
    service: 'p/x',
    isOneOff: true,
  }),
};
const BEARERS = {
  'a service': container('p-x-1', { ...STOPPED, service: 'p/x' }),
  'a container of that name': container('x', STOPPED),
  'a container with the alias': container('first', STOPPED),
  'a container with the alias that never ran': {
    ...container('first', STOPPED),
    attachments: [{ networkId: '', networkName: 'main', driver: '', addresses: [], aliases: ['x'] }],
  },
};
for (const [holder, stopped] of Object.entries(BEARERS)) {
  for (const [who, other] of Object.entries(ELSE)) {
    test(`while ${holder} is stopped, nothing goes to ${who}`, () => {
      const [route, ...said] = leadsTo(stopped, other);
      assert.equal(route, CLOSED);
      assert.deepEqual(said, ['x is not running: start it; until then 0.0.0.0/0 is unreachable']);
    });
  }
}

test('a service that is connected to no shared network is nobody else', () => {
  const away = container('p-x-1', { networks: { side: '10.9.0.3 x' }, service: 'p/x' });
  for (const other of [container('x', { networks: { main: '10.0.0.66' } }), ...Object.values(ELSE)]) {
    assert.equal(leadsTo(away, other)[0], CLOSED, other.name);
  }
});

test('while one replica of a service is stopped, another stands in', () => {
  const replica = (n: number, text: string, netns?: null) =>
    container(`p-x-${n}`, { networks: { main: text }, service: 'p/x', ...(netns === null && { netns }) });
  assert.deepEqual(leadsTo(replica(1, 'x', null), replica(2, '10.0.0.4 x')), ['0.0.0.0/0 via 10.0.0.4']);
});

for (const [who, other, said] of [
  [
    "another project's service",
    ELSE["another project's service"],
    'x is a service of the Compose project q, to which this container does not belong: give the name of its container, q-x-1',
  ],
  [
    "another project's alias",
    container('q-gate-1', { networks: { main: '10.0.0.66 x' }, service: 'q/gate' }),
    'x is an alias of q-gate-1 of the Compose project q, to which this container does not belong: give the name of its container, q-gate-1',
  ],
  [
    'a one-off container of the service',
    ELSE['a one-off container of the service'],
    'x exists only as p-x-run-1, a one-off container of `docker compose run`, which does not stand in for a service: start the service, or give the name of that container',
  ],
] as const) {
  test(`with the service removed, nothing goes to ${who}, and the way to reach it is told`, () => {
    assert.deepEqual(leadsTo(other), [CLOSED, `${said}; until then 0.0.0.0/0 is unreachable`]);
  });

  test(`${who} is found by the name of its container`, () => {
    const { routes } = only([
      routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': other.name }, { service: 'p/app' }),
      other,
    ]);
    assert.equal(routes.map(showRoute)[0], '0.0.0.0/0 via 10.0.0.66');
  });
}

for (const [who, service, alias, leads] of [
  ['a service of a project', 'q/x', 'x', false],
  ['an alias that a project chose', 'q/gate', 'x', true],
  ['an alias of a container of no project', undefined, 'x', true],
] as const) {
  const verb = leads ? 'leads' : 'does not lead';
  test(`a label of a container of no Compose project ${verb} to ${who}`, () => {
    const other = container('q-1', {
      networks: { main: `10.0.0.66 ${alias}` },
      ...(service && { service }),
    });
    const { routes, diagnostics } = only([
      routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'x' }),
      other,
    ]);
    assert.equal(routes.map(showRoute)[0], leads ? '0.0.0.0/0 via 10.0.0.66' : 'unreachable 0.0.0.0/0');
    assert.deepEqual(
      diagnostics,
      leads
        ? []
        : [
            'app twine.route.0.0.0.0/0: x is a service of the Compose project q, to which this container does not belong: give the name of its container, q-1; until then 0.0.0.0/0 is unreachable',
          ],
    );
  });
}

test('a forward goes to nobody else either', () => {
  const { table, diagnostics } = only([
    routed({ main: '10.0.0.2' }, { 'twine.nat.forward.80': 'x' }, { service: 'p/app' }),
    BEARERS['a service'],
    ...Object.values(ELSE),
  ]);
  assert.deepEqual(forwardsOf(table, 'prerouting'), []);
  assert.deepEqual(diagnostics, [
    'app twine.nat.forward.80: x is not running: start it; until then the port is not forwarded',
  ]);
});

const IGNORED = (who: string) =>
  `${who} cannot be a gateway: on the network wg (driver dwgd) the kernel ignores gateways, and packets would go elsewhere: connect both containers to a network of driver bridge; until then 0.0.0.0/0 is unreachable`;

test('a gateway on a network that ignores gateways is refused', () => {
  const gateway = container('x', { networks: { wg: '10.8.0.3' }, ignoring: ['wg'] });
  const app = routed({ wg: '10.8.0.2' }, { 'twine.route.0.0.0.0/0': 'x' }, { ignoring: ['wg'] });
  const { routes, diagnostics } = only([app, gateway]);
  assert.deepEqual(
    [routes.map(showRoute), diagnostics],
    [[CLOSED], [`app twine.route.0.0.0.0/0: ${IGNORED('x')}`]],
  );
});

test('a gateway on a network of which Docker does not tell is refused', () => {
  const unknown = (view: ContainerView): ContainerView => ({
    ...view,
    attachments: view.attachments.map(main => ({ ...main, ...NETWORKS_REFUSED })),
  });
  const { routes, diagnostics } = only(
    [routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw' }), gw({ main: '10.0.0.3' })].map(unknown),
  );
  assert.deepEqual(routes.map(showRoute), [CLOSED]);
  assert.deepEqual(diagnostics, [
    'app twine.route.0.0.0.0/0: gw cannot be a gateway: on the network main (driver unknown, since Docker does not list its networks) the kernel may ignore gateways, and packets would go elsewhere: connect both containers to a network of driver bridge; until then 0.0.0.0/0 is unreachable',
  ]);
});

test('another shared network is taken instead of one that ignores gateways', () => {
  const networks = (n: number) => ({ wg: `10.8.0.${n}`, main: `10.0.0.${n}` });
  const gateway = container('x', { networks: networks(3), ignoring: ['wg'] });
  const app = routed(networks(2), { 'twine.route.0.0.0.0/0': 'x' }, { ignoring: ['wg'] });
  const { routes, diagnostics } = only([app, gateway]);
  assert.deepEqual([routes.map(showRoute), diagnostics], [['0.0.0.0/0 via 10.0.0.3', CLOSED], []]);
});

for (const [what, text] of [
  ['an address', '10.8.0.3'],
  ['a host', 'far.example'],
] as const) {
  test(`${what} on a network that ignores gateways is refused as a gateway`, () => {
    const app = routed({ wg: '10.8.0.2' }, { 'twine.route.0.0.0.0/0': text }, { ignoring: ['wg'] });
    const attachments = app.attachments.map(wg => ({ ...wg, subnets: [prefix('10.8.0.0/24')] }));
    const { routes, diagnostics } = only([{ ...app, attachments }], {
      external: new Map([['far.example', [address('10.8.0.3')]]]),
    });
    assert.deepEqual(
      [routes.map(showRoute), diagnostics],
      [[CLOSED], [`app twine.route.0.0.0.0/0: ${IGNORED('10.8.0.3')}`]],
    );
  });
}

test('a forward may go to a network that ignores gateways', () => {
  const web = container('web', { networks: { wg: '10.8.0.3' }, ignoring: ['wg'] });
  const { table } = only([routed({ wg: '10.8.0.2' }, { 'twine.nat.forward.80': 'web' }), web]);
  assert.deepEqual(forwardsOf(table, 'prerouting'), ['80/tcp → 10.8.0.3 80']);
});

test('who has no network, as in the namespace of a container that was started anew, is told what to do', () => {
  const { diagnostics } = only([routed({}, { 'twine.route.0.0.0.0/0': 'gw' }), gw({ main: '10.0.0.3' })]);
  assert.deepEqual(diagnostics, [
    `app twine.route.0.0.0.0/0: gw cannot be reached, because this container has no address on any network: connect both to one network, or, if it shares the network of a container that was restarted, restart this one too; ${UNTIL}`,
  ]);
});

const UNTIL = 'until then 0.0.0.0/0 is unreachable';
for (const [what, others, name, message] of [
  ['stopped', [gw({ main: '' }, { netns: null })], 'gw', `gw is not running: start it; ${UNTIL}`],
  [
    'elsewhere',
    [gw({ side: '10.9.0.3' })],
    'gw',
    `gw has no address on a network of this container: connect both to one network; ${UNTIL}`,
  ],
  [
    'without the family',
    [gw({ main: 'fd00::3' })],
    'gw',
    `gw has no IPv4 address on a network of this container; ${UNTIL}`,
  ],
  [
    'in the network of the host',
    [gw({}, { hostNetwork: true })],
    'gw',
    `gw is in the host's network and has no address of its own: give an address of the host; ${UNTIL}`,
  ],
  ['the container itself', [], 'app', `app is this container itself: name another one; ${UNTIL}`],
  [
    'a name that the resolver does not know',
    [container('wireguard', { networks: { main: '10.0.0.3' } })],
    'wiregard',
    `wiregard is no container on a network of this one (there is wireguard), and no host that the resolver knows; ${UNTIL}`,
  ],
  [
    'a service of another project',
    [
      container('q-vpn-2', { networks: { main: '10.0.0.4' }, service: 'q/vpn' }),
      container('q-vpn-1', { networks: { main: '10.0.0.3' }, service: 'q/vpn' }),
    ],
    'vpn',
    `vpn is a service of the Compose project q, to which this container does not belong: give the name of its container, q-vpn-1; ${UNTIL}`,
  ],
  [
    'a number',
    [],
    '2130706433',
    `2130706433 is no container on a network of this one, and no host that the resolver knows; ${UNTIL}`,
  ],
] as const) {
  test(`a gateway that is ${what} is reported, and its network is unreachable`, () => {
    const sandbox = only([routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': name }), ...others], {
      external: new Map([['wiregard', []]]),
    });
    assert.deepEqual(sandbox.diagnostics, [`app twine.route.0.0.0.0/0: ${message}`]);
    assert.deepEqual(routesOf(sandbox), ['unreachable 0.0.0.0/0']);
    assert.deepEqual(sandbox.externalNames, name === 'wiregard' ? [name] : []);
  });
}

test('a host name waits for the resolver, and takes what it says', () => {
  const app = routed(
    { main: '10.0.0.2' },
    { 'twine.nat.forward.80': 'Nas.Example.', 'twine.route.::/0': 'nas.example' },
  );
  const first = only([app]);
  assert.deepEqual([first.externalNames, first.diagnostics], [['nas.example'], []]);
  assert.deepEqual([routesOf(first), forwardsOf(first.table, 'prerouting')], [['unreachable ::/0'], []]);
  const answer = ['192.0.2.7', '192.0.2.8', '2001:db8::7'].map(address);
  const second = only([app], { external: new Map([['nas.example', answer]]) });
  assert.deepEqual([second.externalNames, second.diagnostics], [['nas.example'], []]);
  assert.deepEqual(routesOf(second), ['::/0 via 2001:db8::7', 'unreachable ::/0']);
  assert.deepEqual(forwardsOf(second.table, 'prerouting'), [
    '80/tcp → 192.0.2.7 80',
    '80/tcp → 2001:db8::7 80',
  ]);
});

for (const [answer, why] of [
  ['0.0.0.0', 'no address of a host'],
  ['127.0.0.1', 'a loopback address'],
  ['::1', 'a loopback address'],
  ['::ffff:169.254.169.254', 'an IPv4-mapped address'],
  ['fe80::a9fe:a9fe', 'a link-local address, which means nothing without an interface'],
  ['169.254.0.0', 'a link-local address'],
  ['169.254.169.254', 'a link-local address'],
  ['64:ff9b::169.254.169.254', 'a link-local address behind NAT64'],
  ['100.100.100.200', "the address of a cloud's metadata service"],
  ['168.63.129.16', "the address of a cloud's metadata service"],
  ['192.0.0.192', "the address of a cloud's metadata service"],
  ['fd00:ec2::254', "the address of a cloud's metadata service"],
  ['fd00:42::42', "the address of a cloud's metadata service"],
  ['fd20:ce::254', "the address of a cloud's metadata service"],
] as const) {
  test(`a name that the DNS leads to ${answer} leads neither a forward nor a route there`, () => {
    const { table, routes, diagnostics } = only(
      [
        routed(
          { main: '10.0.0.2' },
          { 'twine.nat.forward.80': 'evil.example', 'twine.route.0.0.0.0/0': 'evil.example' },
        ),
      ],
      { external: new Map([['evil.example', [address(answer)]]]) },
    );
    assert.deepEqual(forwardsOf(table, 'prerouting'), []);
    assert.deepEqual(routes.map(showRoute), ['unreachable 0.0.0.0/0']);
    const because = `the host evil.example resolves to ${formatAddress(address(answer))}, ${why}, which is refused as an answer of the DNS: give another host`;
    assert.deepEqual(diagnostics, [
      `app twine.route.0.0.0.0/0: ${because}; until then 0.0.0.0/0 is unreachable`,
      `app twine.nat.forward.80: ${because}; until then the port is not forwarded`,
    ]);
  });
}

test('of the answers of the DNS the first counts that a packet may be sent to', () => {
  const { table, diagnostics } = only(
    [routed({ main: '10.0.0.2' }, { 'twine.nat.forward.80': 'two.example' })],
    { external: new Map([['two.example', ['169.254.169.254', '192.0.2.7'].map(address)]]) },
  );
  assert.deepEqual([forwardsOf(table, 'prerouting'), diagnostics], [['80/tcp → 192.0.2.7 80'], []]);
});

test('a link-local address that the label itself gives is taken', () => {
  const { routes, diagnostics } = only([
    routed({ main: '169.254.7.2' }, { 'twine.route.10.8.0.0/16': '169.254.7.1' }),
  ]);
  assert.deepEqual(
    [routes.map(showRoute), diagnostics],
    [['10.8.0.0/16 via 169.254.7.1', 'unreachable 10.8.0.0/16'], []],
  );
});

test('the name of a container that is stopped is never asked of the resolver', () => {
  const { externalNames } = plan(
    [
      routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw', 'twine.nat.forward.80': 'gw' }),
      gw({ main: '' }, { netns: null }),
    ],
    { external: new Map([['gw', [address('192.0.2.1')]]]) },
  );
  assert.deepEqual(externalNames, []);
});

/** The container `app` on a bridge whose gateway is the host. */
const onBridge = (labels: Record<string, string>) => {
  const app = routed({ main: '172.18.0.2 fd00::2' }, labels);
  const gateways = ['172.18.0.1', 'fd00::1'].map(address);
  return { ...app, attachments: app.attachments.map(one => ({ ...one, gateways })) };
};

for (const [what, name, network, answer, host] of [
  ["Docker's gateway", 'wireguard', '0.0.0.0/0', '172.18.0.1', []],
  ["Docker's gateway", 'gone.example', '10.0.0.0/8', '172.18.0.1', []],
  ["Docker's gateway of IPv6", 'wireguard', '::/0', 'fd00::1', []],
  ['another address of the host', 'wireguard', '0.0.0.0/0', '172.18.0.7', ['172.18.0.7/16']],
] as const) {
  test(`a route to ${network} by ${name}, which the DNS leads to ${what}, is unreachable and said to be`, () => {
    const { routes, diagnostics } = only([onBridge({ [`twine.route.${network}`]: name })], {
      external: new Map([[name, [address(answer)]]]),
      hostInterfaceAddresses: host.map(text => ({ prefix: prefix(text), mac: '02:42:00:00:00:01' })),
    });
    assert.deepEqual(routes.map(showRoute), [`unreachable ${network}`]);
    assert.match(
      diagnostics.join(),
      /resolves to \S+, by which packets leave as if there were no label: start the/,
    );
  });
}

test("of the DNS's answers the first counts for a route that is not the host's", () => {
  const { routes } = only([onBridge({ 'twine.route.10.0.0.0/8': 'gw.example' })], {
    external: new Map([['gw.example', ['172.18.0.1', '172.18.0.9'].map(address)]]),
  });
  assert.deepEqual(routes.map(showRoute), ['10.0.0.0/8 via 172.18.0.9', 'unreachable 10.0.0.0/8']);
});

test("Docker's gateway is a gateway where the label itself gives its address, and a forward may lead to it", () => {
  const { routes, table } = only(
    [onBridge({ 'twine.route.10.0.0.0/8': '172.18.0.1', 'twine.nat.forward.80': 'host.example' })],
    { external: new Map([['host.example', [address('172.18.0.1')]]]) },
  );
  assert.deepEqual(routes.map(showRoute), ['10.0.0.0/8 via 172.18.0.1', 'unreachable 10.0.0.0/8']);
  assert.deepEqual(forwardsOf(table, 'prerouting'), ['80/tcp → 172.18.0.1 80']);
});

// What namespaces and the host shall hold, from whole worlds of containers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../../src/base/ip.js';
import { FIRST_PRIORITY_BEFORE_TUNNEL } from '../../../../src/base/ownership.js';
import { whyBypassed, whyOvertaken } from '../../../../src/labels/diff/bypass.js';
import { withDigest } from '../../../../src/labels/diff/digest.js';
import { routingRules } from '../../../../src/labels/diff/policy-routing.js';
import type { DesiredSysctl } from '../../../../src/labels/diff/state.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { NETWORKS_REFUSED } from '../../../../src/labels/discovery/docker-view.js';
import type { Rule } from '../../../../src/netlink/route/policy-rule.js';
import {
  address,
  chain,
  container,
  forwardsOf,
  gw,
  only,
  plan,
  prefix,
  routed,
  routesOf,
  showMistake,
  showRoute,
} from '../../../support/label-world.js';

const showSysctl = ({ name, value, towards }: DesiredSysctl): string =>
  `${name}=${value}${towards ? ` towards ${formatAddress(towards)}` : ''}`;

test('a route leads to the address of its gateway on a shared network, with a fallback beneath', () => {
  const sandbox = only([
    routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw' }),
    gw({ other: '10.7.0.3', main: '10.0.0.3' }),
  ]);
  assert.deepEqual(routesOf(sandbox), ['0.0.0.0/0 via 10.0.0.3', 'unreachable 0.0.0.0/0']);
  assert.deepEqual(sandbox.diagnostics, []);
  assert.deepEqual(sandbox.netns, { key: '4:app', path: '/proc/app/ns/net' });
});

test('an address is taken as it is', () => {
  const sandbox = only([routed({ main: '10.0.0.2' }, { 'twine.route.10.8.0.0/16': '10.0.0.77' })]);
  assert.deepEqual(routesOf(sandbox), ['10.8.0.0/16 via 10.0.0.77', 'unreachable 10.8.0.0/16']);
});

test('a gateway with a new address leaves no route by its old one, and without it the network is unreachable', () => {
  const world = (...gateway: ContainerView[]) =>
    routesOf(only([routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw' }), ...gateway]));
  assert.deepEqual(world(gw({ main: '10.0.0.3' })), ['0.0.0.0/0 via 10.0.0.3', 'unreachable 0.0.0.0/0']);
  assert.deepEqual(world(gw({ main: '10.0.0.9' })), ['0.0.0.0/0 via 10.0.0.9', 'unreachable 0.0.0.0/0']);
  assert.deepEqual(world(gw({ main: '' }, { netns: null })), ['unreachable 0.0.0.0/0']);
  assert.deepEqual(world(), ['unreachable 0.0.0.0/0']);
});

test('a forward without a destination is left out and reported, and the others stay', () => {
  const { table, diagnostics } = only([
    routed({ main: '10.0.0.2' }, { 'twine.nat.forward.80': 'gw', 'twine.nat.forward.81': 'web' }),
    container('web', { networks: { main: '10.0.0.4' } }),
    gw({ main: '' }, { netns: null }),
  ]);
  assert.deepEqual(forwardsOf(table, 'prerouting'), ['81/tcp → 10.0.0.4 81']);
  assert.deepEqual(diagnostics, [
    'app twine.nat.forward.80: gw is not running: start it; until then the port is not forwarded',
  ]);
});

test('one unresolvable name leaves every other label as it is', () => {
  const labels = { 'twine.route.10.8.0.0/16': 'web', 'twine.nat.interfaces': 'eth+' };
  const others = [container('web', { networks: { main: '10.0.0.4' } })];
  const good = only([routed({ main: '10.0.0.2' }, labels), ...others]);
  const bad = only([
    routed({ main: '10.0.0.2' }, { ...labels, 'twine.route.10.9.0.0/16': 'gone' }),
    ...others,
  ]);
  assert.deepEqual(bad.table, good.table);
  assert.deepEqual(bad.routes.slice(0, 2), good.routes);
});

const NAT = { 'twine.nat.interfaces': 'wg+' };
for (const [what, networks, labels, expected] of [
  ['forwarding interfaces', '10.0.0.2', NAT, ['ipv4/ip_forward=1']],
  [
    'forwarding interfaces, with IPv6',
    '10.0.0.2 fd00::2',
    NAT,
    ['ipv4/ip_forward=1', 'ipv6/conf/all/forwarding=1'],
  ],
  ['a forward alone', '10.0.0.2', { 'twine.nat.forward.80': 'web' }, ['ipv4/ip_forward=1']],
  [
    'a forward of lo',
    '10.0.0.2',
    { 'twine.nat.forward.lo.80': 'web' },
    ['ipv4/conf/*/route_localnet=1 towards 10.0.0.4'],
  ],
  ['a forward that leads nowhere', '10.0.0.2', { 'twine.nat.forward.80': 'gone' }, []],
  ['a rule', '10.0.0.2', { 'twine.iptables.rule.a': 'TWINE_INPUT -j ACCEPT' }, []],
  ['a route', '10.0.0.2', { 'twine.route.10.8.0.0/16': 'web' }, []],
  [
    'a default route',
    '10.0.0.2',
    { 'twine.route.0.0.0.0/0': 'web' },
    ['ipv4/conf/all/src_valid_mark=1', 'ipv4/tcp_fwmark_accept=1'],
  ],
] as const) {
  test(`the sysctls for ${what}`, () => {
    const { sysctls } = only([
      routed({ main: networks }, labels),
      container('web', { networks: { main: '10.0.0.4' } }),
    ]);
    assert.deepEqual(sysctls.map(showSysctl), expected);
  });
}

test('a forward of lo says where connections to ::1 go', () => {
  const { loopbackTowards } = only([
    routed({ main: '10.0.0.2' }, { 'twine.nat.forward.lo.80': 'web', 'twine.nat.forward.81': 'gw' }),
    container('web', { networks: { main: '10.0.0.4 fd00::4' } }),
    gw({ main: 'fd00::3' }),
  ]);
  assert.deepEqual(loopbackTowards?.map(formatAddress), ['fd00::4']);
});

test('containers of one namespace are one sandbox, with the networks of the one that made it', () => {
  const { sandboxes, diagnostics } = plan([
    container('side', {
      netns: '4:vpn',
      labels: { 'twine.route.10.8.0.0/16': 'gw', 'twine.nat.forward.80': 'web' },
    }),
    container('vpn', {
      netns: '4:vpn',
      networks: { main: '10.0.0.2' },
      labels: { 'twine.nat.interfaces': 'wg+' },
    }),
    container('web', { networks: { main: '10.0.0.4' } }),
    gw({ main: '10.0.0.3' }),
  ]);
  assert.deepEqual(diagnostics, []);
  assert.equal(sandboxes.length, 1);
  assert.deepEqual(sandboxes[0]!.containers, ['vpn', 'side']);
  assert.deepEqual(routesOf(sandboxes[0]!), ['10.8.0.0/16 via 10.0.0.3', 'unreachable 10.8.0.0/16']);
  assert.deepEqual(forwardsOf(sandboxes[0]!.table, 'prerouting'), ['80/tcp → 10.0.0.4 80']);
});

test('a name of a container in a shared namespace is that of the namespace', () => {
  const sandbox = only([
    routed({ main: '10.0.0.2' }, { 'twine.route.10.8.0.0/16': 'side' }),
    container('side', { netns: '4:vpn' }),
    container('vpn', { netns: '4:vpn', networks: { main: '10.0.0.3' } }),
  ]);
  assert.deepEqual(routesOf(sandbox)[0], '10.8.0.0/16 via 10.0.0.3');
});

test('labels of one namespace that contradict each other are reported, and those of its owner count', () => {
  const labels = (to: string, target: string) => ({
    'twine.route.10.8.0.0/16': to,
    'twine.nat.forward.80': to,
    'twine.iptables.rule.a': `TWINE_INPUT -j ${target}`,
    'twine.iptables.rule.same': 'TWINE_INPUT -m limit --limit 1/s -j ACCEPT',
  });
  const { sandboxes, diagnostics } = plan([
    container('a-side', { netns: '4:vpn', labels: labels('other', 'ACCEPT') }),
    container('vpn', { netns: '4:vpn', networks: { main: '10.0.0.2' }, labels: labels('gw', 'DROP') }),
    container('other', { networks: { main: '10.0.0.4' } }),
    gw({ main: '10.0.0.3' }),
  ]);
  const rest = (key: string) =>
    `a-side ${key}: vpn shares this network namespace, and its label ${key} takes precedence: remove one of the two labels`;
  assert.deepEqual(diagnostics.map(showMistake).sort(), [
    rest('twine.iptables.rule.a'),
    rest('twine.nat.forward.80'),
    rest('twine.route.10.8.0.0/16'),
  ]);
  assert.deepEqual(routesOf(sandboxes[0]!)[0], '10.8.0.0/16 via 10.0.0.3');
  const input = chain(sandboxes[0]!.table, 'TWINE_INPUT')?.rules ?? [];
  assert.deepEqual([...new Set(input.map(({ comment }) => comment))], ['a', 'same']);
  assert.match(JSON.stringify(input[0]), /"drop"/);
});

test('a container in the network of the host is refused, and one without labels is ignored', () => {
  const { sandboxes, diagnostics, hostRoutes } = plan([
    container('host-one', {
      hostNetwork: true,
      netns: '4:host',
      labels: { 'twine.nat.interfaces': 'eth+', 'twine.host.routes': '10.8.0.0/16' },
    }),
    container('side', { hostNetwork: true, netns: '4:host', labels: { 'twine.nat.interfaces': 'eth+' } }),
    container('plain', { networks: { main: '10.0.0.4' } }),
  ]);
  assert.deepEqual([sandboxes, hostRoutes], [[], []]);
  const because =
    "the container is in the host's network, so its labels are not applied: they would change the host itself";
  assert.deepEqual(diagnostics.map(showMistake), [
    `host-one twine.*: ${because}`,
    `side twine.nat.interfaces: ${because}`,
  ]);
});

test('labels of an image are reported as skipped', () => {
  const { sandboxes, diagnostics } = plan([
    container('app', { networks: { main: '10.0.0.2' }, imageLabels: ['twine.nat.interfaces'] }),
  ]);
  assert.deepEqual(sandboxes, []);
  assert.deepEqual(diagnostics.map(showMistake), [
    'app twine.nat.interfaces: the label came with the image, so it is not applied: set it on the container, or start the daemon with --trust-image-labels',
  ]);
});

test('of labels that may be those of an image the networks of routes get fallbacks, and nothing else is planned', () => {
  const app = container('app', {
    networks: { main: '10.0.0.2' },
    netns: '4:shared',
    unverified: {
      'twine.nat.interfaces': 'wg+',
      'twine.nat.forward.80': 'gw',
      'twine.route.0.0.0.0/0': 'gw',
      'twine.route.10.8.0.0/16': 'nobody',
      'twine.route.10.0.0.0/24': 'gw',
      'twine.host.routes': '10.20.0.0/24',
    },
  });
  const attachments = app.attachments.map(main => ({ ...main, subnets: [prefix('10.0.0.0/24')] }));
  const side = container('side', {
    netns: '4:shared',
    labels: {
      'twine.route.10.9.0.0/16': 'gw',
      'twine.nat.forward.81': 'gw',
      'twine.host.routes': '10.21.0.0/24',
    },
  });
  const { sandboxes, hostRoutes, diagnostics, externalNames } = plan([
    { ...app, attachments },
    side,
    gw({ main: '10.0.0.3' }),
  ]);
  assert.deepEqual(sandboxes, [
    withDigest({
      netns: { key: '4:shared', path: '/proc/app/ns/net' },
      containers: ['app', 'side'],
      routes: ['0.0.0.0/0', '10.8.0.0/16', '10.9.0.0/16'].map(text => ({ network: prefix(text) })),
      sysctls: [],
      isFrozen: true,
    }),
  ]);
  // The label that counts counts, on the host.
  assert.deepEqual([hostRoutes.map(showRoute), externalNames], [['10.21.0.0/24 via 10.0.0.2'], []]);
  assert.deepEqual(diagnostics.map(showMistake), [
    "app twine.*: the container's image is gone, so it is not known which labels came with it: what is in force stays, networks of its route labels that have no route yet are unreachable, and nothing else is applied; recreate the container from an image that exists, or start the daemon with --trust-image-labels",
  ]);
});

const IPV6_OPEN = (to: string) =>
  `app twine.route.0.0.0.0/0: IPv6 still uses Docker's own default route: set the label twine.route.::/0=${to}, which sends it the same way, or nowhere while the gateway has no IPv6; twine.route.::/0=unreachable sends it nowhere at all`;
for (const [what, labels, hasGateway6, expected] of [
  ['the default route of IPv4', { '0.0.0.0/0': 'gw' }, true, [IPV6_OPEN('gw')]],
  ['the same by an address', { '0.0.0.0/0': '10.0.0.3' }, true, [IPV6_OPEN('<gateway>')]],
  [
    'both halves of IPv4',
    { '0.0.0.0/1': 'gw', '128.0.0.0/1': 'gw' },
    true,
    [IPV6_OPEN('gw').replace('/0:', '/1:')],
  ],
  ['one half of IPv4', { '0.0.0.0/1': 'gw' }, true, []],
  ['both families', { '0.0.0.0/0': 'gw', '::/0': 'gw' }, true, []],
  ['IPv4, and both halves of IPv6', { '0.0.0.0/0': 'gw', '::/1': 'gw', '8000::/1': 'gw' }, true, []],
  ['IPv4, and one half of IPv6', { '0.0.0.0/0': 'gw', '::/1': 'gw' }, true, [IPV6_OPEN('gw')]],
  ['both families, and IPv6 nowhere', { '0.0.0.0/0': 'gw', '::/0': 'unreachable' }, true, []],
  ['IPv4 by a list', { '0.0.0.0/0': 'gw,gw.main' }, true, [IPV6_OPEN('gw,gw.main')]],
  [
    'IPv4, which is nowhere',
    { '0.0.0.0/0': 'unreachable' },
    true,
    [
      "app twine.route.0.0.0.0/0: IPv6 still uses Docker's own default route: set the label twine.route.::/0=unreachable for it, too",
    ],
  ],
  ['IPv4 by Docker’s gateway', { '0.0.0.0/0': 'host-gateway' }, true, []],
  ['IPv6 by Docker’s gateway', { '0.0.0.0/0': 'gw', '::/0': 'host-gateway' }, true, []],
  ['a part of IPv4', { '10.8.0.0/16': 'gw' }, true, []],
  ['IPv4 where Docker has no way for IPv6', { '0.0.0.0/0': 'gw' }, false, []],
] as const) {
  test(`with a label for ${what}, IPv6 is ${expected.length > 0 ? 'told to be open' : 'nothing to tell of'}`, () => {
    const keyed = Object.entries(labels).map(([network, to]) => [`twine.route.${network}`, to]);
    const app = routed({ main: '10.0.0.2 fd00::2' }, Object.fromEntries(keyed));
    const attachments = app.attachments.map(main => ({
      ...main,
      gateways: [address('10.0.0.1'), ...(hasGateway6 ? [address('fd00::1')] : [])],
    }));
    const { diagnostics } = only([{ ...app, attachments }, gw({ main: '10.0.0.3 fd00::3' })]);
    assert.deepEqual(diagnostics, expected);
  });
}

for (const [network, isTold] of [
  ['0.0.0.0/0', true],
  ['::/0', true],
  ['10.8.0.0/16', false],
] as const) {
  test(`with a label for ${network}, DNS that Docker asks from the host is ${isTold ? '' : 'not '}told`, () => {
    const app = routed({ main: '10.0.0.2 fd00::2' }, { [`twine.route.${network}`]: 'gw' });
    const { diagnostics } = only([{ ...app, hostDns: '127.0.0.53' }, gw({ main: '10.0.0.3 fd00::3' })]);
    assert.deepEqual(
      diagnostics,
      isTold
        ? [
            `app twine.route.${network}: Docker resolves this container's names through 127.0.0.53 on the host, so these queries bypass the label's route: give the container a \`dns:\` of its own, such as the VPN's`,
          ]
        : [],
    );
  });
}

for (const [what, labels, privateDns, isTold] of [
  ['a default route by a gateway', { '0.0.0.0/0': 'gw' }, '192.168.1.1', true],
  ['both halves', { '0.0.0.0/1': 'gw', '128.0.0.0/1': 'gw' }, '192.168.1.1', true],
  ['a default route that is nowhere', { '0.0.0.0/0': 'unreachable' }, '192.168.1.1', true],
  ['IPv6 by a gateway', { '::/0': 'gw' }, 'fd77::1', true],
  ['a default route of the other family', { '0.0.0.0/0': 'gw' }, 'fd77::1', false],
  ['the LAN left to Docker', { '0.0.0.0/0': 'gw', '192.168.0.0/16': 'host-gateway' }, '192.168.1.1', false],
  ['the resolver left to Docker', { '0.0.0.0/0': 'gw', '192.168.1.1': 'host-gateway' }, '192.168.1.1', false],
  ['a default route by Docker’s gateway', { '0.0.0.0/0': 'host-gateway' }, '192.168.1.1', false],
  ['a resolver on a network of its own', { '0.0.0.0/0': 'gw' }, '10.0.0.53', false],
  ['a longer route', { '10.8.0.0/16': 'gw' }, '192.168.1.1', false],
] as const) {
  test(`with ${what}, the resolver ${privateDns} of the LAN is ${isTold ? '' : 'not '}told`, () => {
    const keyed = Object.entries(labels).map(([network, to]) => [`twine.route.${network}`, to]);
    const app = routed({ main: '10.0.0.2 fd00::2' }, Object.fromEntries(keyed), {
      gateways: { main: '::/0' in labels ? '10.0.0.1 fd00::1' : '10.0.0.1' },
    });
    const attachments = app.attachments.map(main => ({ ...main, subnets: [prefix('10.0.0.0/24')] }));
    const { diagnostics } = only([{ ...app, attachments, privateDns }, gw({ main: '10.0.0.3 fd00::3' })]);
    const said = diagnostics.filter(text => text.includes(`twine.route.${privateDns}=host-gateway`));
    assert.deepEqual([said.length, diagnostics.length], isTold ? [1, 1] : [0, 0]);
  });
}

test('where Docker tells no gateway of a container, as on Swarm’s overlay networks, it is given a `dns:`', () => {
  const app = routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw' });
  const { diagnostics } = only([{ ...app, privateDns: '192.168.1.1' }, gw({ main: '10.0.0.3' })]);
  assert.deepEqual(diagnostics, [
    "app twine.route.0.0.0.0/0: this container's names are asked of 192.168.1.1, and these queries take the label's route: if that is a resolver of the LAN, which the gateway does not reach, give the container a `dns:` of its own",
  ]);
});

const rule = (priority: number, table: number, rest: Partial<Rule> = {}): Rule => ({
  family: 4,
  priority,
  table,
  protocol: 0,
  ...rest,
});
const KERNELS = [rule(0, 255), rule(32_766, 254), rule(32_767, 253)];
const OURS = routingRules({ routes: [{ network: prefix('0.0.0.0/0') }] });
for (const [what, routes, rules, expected, above] of [
  ['one that leads to a table of its own', ['0.0.0.0/0'], [rule(100, 200)], '100 (table 200)'],
  ["one that leads by Docker's routes", ['0.0.0.0/0'], [rule(100, 254)], '100 (table 254)'],
  [
    'many',
    ['0.0.0.0/0'],
    [1, 2, 3, 4, 5].map(n => rule(n, 200)),
    '1 (table 200), 2 (table 200), 3 (table 200) and 2 more',
  ],
  ['one of IPv6', ['::/0'], [rule(100, 200, { family: 6 })], '100 (table 200)'],
  ['one of the other family', ['::/0'], [rule(100, 200)], undefined],
  ['one that comes after', ['0.0.0.0/0'], [rule(32_766, 254), rule(32_800, 200)], undefined],
  ['one that was there before ours', ['0.0.0.0/0'], [rule(32_765, 200)], '32765 (table 200)'],
  [
    'one that was there before ours and still is',
    ['0.0.0.0/0'],
    [rule(32_765, 200), ...OURS],
    '32765 (table 200)',
  ],
  ['one that came after ours with their priority', ['0.0.0.0/0'], [...OURS, rule(32_765, 200)], undefined],
  ['one between those of ours', ['0.0.0.0/0'], [rule(32_763, 200)], '32763 (table 200)'],
  ['one between those of ours, but behind the halves', ['128.0.0.0/1'], [rule(32_764, 200)], undefined],
  ['one with the priority of the halves', ['128.0.0.0/1'], [rule(32_763, 200)], '32763 (table 200)', 32_763],
  ['one that goes on behind ours', ['0.0.0.0/0'], [rule(100, 0, { goto: 32_766 })], '100 (goto 32766)'],
  ['one that goes on before ours', ['0.0.0.0/0'], [rule(100, 0, { goto: 200 })], undefined],
  ["the kernel's own", ['0.0.0.0/0'], [rule(0, 255)], undefined],
  ['main without its default route', ['0.0.0.0/0'], [rule(100, 254, { suppressPrefixLength: 0 })], undefined],
  ['one before routes of main', ['10.8.0.0/16'], [rule(100, 200), ...KERNELS], '100 (table 200)', 32_766],
  ['main for some packets, before routes of main', ['10.8.0.0/16'], [rule(100, 254), ...KERNELS], undefined],
  [
    "one behind main's longer routes",
    ['10.8.0.0/16'],
    [rule(99, 254, { suppressPrefixLength: 0 }), rule(100, 200), ...KERNELS],
    undefined,
  ],
  [
    "one behind main's longer routes for some packets",
    ['10.8.0.0/16'],
    [rule(99, 254, { suppressPrefixLength: 0, isSelective: true }), rule(100, 200), ...KERNELS],
    '100 (table 200)',
    32_766,
  ],
] as const) {
  test(`of policy rules of the container's own ${what} is ${expected === undefined ? 'no matter' : 'told'}`, () => {
    const desired = { routes: routes.map(text => ({ network: prefix(text) })) };
    assert.equal(
      whyBypassed(desired, () => rules),
      expected &&
        `policy rules of the container's own come before the labels' routes: ${expected}; packets that they match bypass the label's gateway: remove them, or give them priorities above ${above ?? 32_765}`,
    );
  });
}

const wgQuick = (family: 4 | 6 = 4): Rule[] => [
  rule(32_764, 254, { family, suppressPrefixLength: 0 }),
  rule(32_765, 51_820, { family, isSelective: true, fwmark: { value: 51_820, mask: 0xffff_ffff } }),
];
const halves = ['0.0.0.0/1', '128.0.0.0/1'];
for (const [what, routes, rules, told, remedy] of [
  ['of wg-quick beside one half', ['0.0.0.0/1'], wgQuick(), '32765 (table 51820)', 'or set labels for both'],
  ['of wg-quick beside one half of IPv6', ['8000::/1'], wgQuick(6), '32765 (table 51820)', 'or set labels'],
  ['of wg-quick beside one half of the other family', ['128.0.0.0/1'], wgQuick(6)],
  ['of wg-quick beside the halves', halves, wgQuick()],
  ['of wg-quick beside a label for the whole', ['0.0.0.0/0'], wgQuick()],
  ['of wg-quick beside the whole and a half', ['0.0.0.0/0', '0.0.0.0/1'], wgQuick()],
  ['of wg-quick beside a label for a network', ['10.0.0.0/8'], wgQuick()],
  ['that leads nowhere', ['0.0.0.0/1'], [rule(32_764, 0, { unreachable: true })], '32764 (unreachable)'],
  ['behind main', ['0.0.0.0/1'], [rule(32_800, 200)]],
  ['before ours, which is told otherwise', ['0.0.0.0/1'], [rule(100, 200)]],
  ['at the place of ours', ['0.0.0.0/0'], [rule(32_765, 200)]],
  ['of a full tunnel of dwgd', ['0.0.0.0/1'], [rule(32_765, 230, { protocol: 230 })]],
] as const) {
  test(`a policy rule ${what} is ${told ? 'told' : 'no matter'} where it comes after ours`, () => {
    const desired = { routes: routes.map(text => ({ network: prefix(text) })) };
    const why = whyOvertaken(desired, () => [...KERNELS, ...routingRules(desired), ...rules]);
    assert.equal(/own \((.*)\) come after/.exec(why ?? '')?.[1], told);
    assert.ok((why ?? '').includes(remedy ?? ''));
  });
}

test('behind rules that come before a full tunnel of dwgd those of wg-quick are told, with the one remedy', () => {
  const desired = { routes: [{ network: prefix('0.0.0.0/0') }], firstPriority: FIRST_PRIORITY_BEFORE_TUNNEL };
  assert.equal(
    whyOvertaken(desired, () => [...KERNELS, ...routingRules(desired), ...wgQuick()]),
    "policy rules of the container's own (32765 (table 51820)) come after the labels' routes, and before them once they are made anew: for one result in either order remove them",
  );
});

for (const [what, filtered, options, told] of [
  ['is filtered', [4, 6], {}, ['10.0.0.3', 'fd00::3']],
  ['is filtered in IPv4', [4], {}, ['10.0.0.3']],
  ['is not filtered', [], {}, []],
  ['is filtered, but not internal', [4, 6], { isInternal: false }, []],
  ['is filtered, but no bridge', [4, 6], { driver: 'macvlan' }, []],
] as const) {
  test(`gateways on an internal network that ${what}: ${told.join(' and ') || 'none'} told, once for all routes`, () => {
    const networks = { main: '10.0.0.2 fd00::2' };
    const app = container('app', {
      networks,
      driver: 'bridge',
      labels: {
        'twine.route.0.0.0.0/0': 'gw',
        'twine.route.10.8.0.0/16': 'gw',
        'twine.route.::/0': 'gw',
      },
      ...options,
    });
    const subnets = [prefix('10.0.0.0/24'), prefix('fd00::/64')];
    const attachments = app.attachments.map(one => ({
      ...one,
      subnets,
      ...(!('isInternal' in options) && { isInternal: true as const }),
    }));
    const gw = container('gw', { networks: { main: '10.0.0.3 fd00::3' } });
    const { diagnostics, sandboxes } = plan([{ ...app, attachments }, gw], { bridgeFiltered: [...filtered] });
    const texts = diagnostics.map(({ message }) => message);
    assert.deepEqual(
      texts.map(text => /^the gateway (\S+) is on the internal network main, /.exec(text)?.[1]),
      told,
    );
    for (const text of texts)
      assert.match(text, /(inhibit_ipv4=true: there nothing leaks either|not internal)$/);
    // It is told, and the route is there: only the host's administrator knows what else is set.
    assert.equal(sandboxes[0]!.routes.length, 6);
  });
}

for (const [networks, driver, expected] of [
  ['a bridge alone', 'bridge', undefined],
  ['a network of dwgd', 'dwgd', 32_758],
] as const) {
  for (const [what, kind] of [
    ['whose labels count', 'labels'],
    ["whose labels may be the image's", 'unverified'],
  ] as const) {
    test(`policy rules of a container on ${networks} ${what} begin at ${expected ?? 'their usual place'}`, () => {
      const labels = { 'twine.route.0.0.0.0/0': '10.0.0.3' };
      const { sandboxes } = plan([
        container('app', { networks: { main: '10.0.0.2' }, driver, [kind]: labels }),
      ]);
      assert.deepEqual(
        sandboxes.map(({ firstPriority }) => firstPriority),
        [expected],
      );
    });
  }
}

test('a container of a runtime with a network stack of its own is an error, and so is one beside a labelled one', () => {
  const own = (name: string, keys: string[], netns: string) => ({
    ...container(name, { networks: { main: '10.0.0.2' }, netns }),
    ownStack: { runtime: 'runsc', keys },
  });
  const { sandboxes, diagnostics } = plan([
    own('app', ['twine.route.0.0.0.0/0'], '4:app'),
    own('guest', [], '4:vpn'),
    own('plain', [], '4:plain'),
    container('vpn', { netns: '4:vpn', labels: { 'twine.nat.interfaces': 'wg+' } }),
  ]);
  assert.deepEqual(
    sandboxes.map(({ containers }) => containers),
    [['guest', 'vpn']],
  );
  const because =
    "the container uses the runtime runsc, which has its own network stack, so labels have no effect on it and its packets leave by Docker's routes: use runc";
  assert.deepEqual(
    diagnostics.map(({ isError, ...rest }) => [showMistake(rest), isError]),
    [
      [`app twine.*: ${because}`, true],
      [`guest twine.*: ${because}`, true],
    ],
  );
});

test('a container that is not running needs nothing', () => {
  const { sandboxes, diagnostics } = plan([
    routed({ main: '' }, { 'twine.route.0.0.0.0/0': 'gw' }, { netns: null }),
  ]);
  assert.deepEqual([sandboxes, diagnostics], [[], []]);
});

test('labels that come to nothing leave a sandbox that holds nothing', () => {
  const { table, routes, sysctls } = only([routed({ main: '10.0.0.2' }, { 'twine.x': 'y' })]);
  assert.deepEqual([table, routes, sysctls], [undefined, [], []]);
});

test('policy rules of a container whose networks Docker does not list begin where a full tunnel leaves room', () => {
  const app = container('app', {
    networks: { main: '10.0.0.2' },
    labels: { 'twine.route.0.0.0.0/0': '10.0.0.3' },
  });
  const attachments = app.attachments.map(main => ({ ...main, ...NETWORKS_REFUSED }));
  const { sandboxes } = plan([{ ...app, attachments }]);
  assert.deepEqual(
    sandboxes.map(({ firstPriority }) => firstPriority),
    [32_758],
  );
});

test('routes that lead in a circle are reported on every container of it', () => {
  const hop = (name: string, n: number, to: string, network: string) =>
    container(name, { networks: { main: `10.0.0.${n}` }, labels: { [`twine.route.${network}`]: to } });
  const { diagnostics, sandboxes } = plan([
    hop('a', 2, 'b', '10.8.0.0/16'),
    hop('b', 3, 'c', '10.8.0.0/17'),
    hop('c', 4, '10.0.0.2', '10.0.0.0/8'),
    hop('d', 5, 'a', '10.8.0.0/16'),
    hop('e', 6, 'f', '10.8.0.0/16'),
    hop('f', 7, 'gone.example', '10.8.0.0/16'),
  ]);
  assert.deepEqual(diagnostics.map(showMistake), [
    'a twine.route.10.8.0.0/16: packets to 10.8.0.0/16 are routed in a loop: a -> b -> c -> a',
    'b twine.route.10.8.0.0/17: packets to 10.8.0.0/17 are routed in a loop: b -> c -> a -> b',
  ]);
  // They are reported, no more.
  assert.equal(sandboxes.flatMap(({ routes }) => routes.filter(({ gateway }) => gateway)).length, 5);
});

test('two by way of each other are a circle, unless one of them knows a narrower way', () => {
  const two = (more: Record<string, string>) =>
    plan([
      container('a', { networks: { main: '10.0.0.2' }, labels: { 'twine.route.0.0.0.0/0': 'b' } }),
      container('b', { networks: { main: '10.0.0.3' }, labels: { 'twine.route.0.0.0.0/0': 'a', ...more } }),
    ]).diagnostics.map(showMistake);
  assert.deepEqual(two({}), [
    'a twine.route.0.0.0.0/0: packets to 0.0.0.0/0 are routed in a loop: a -> b -> a',
    'b twine.route.0.0.0.0/0: packets to 0.0.0.0/0 are routed in a loop: b -> a -> b',
  ]);
  assert.deepEqual(two({ 'twine.route.0.0.0.0/1': '10.0.0.99' }), []);
});

test('a wider route of a container that goes round by a narrower one is not told', () => {
  const { diagnostics } = plan([
    container('a', {
      networks: { main: '10.0.0.2' },
      labels: { 'twine.route.10.8.0.0/16': 'c', 'twine.route.10.8.0.0/24': 'b' },
    }),
    container('b', { networks: { main: '10.0.0.3' }, labels: { 'twine.route.10.8.0.0/16': 'a' } }),
    container('c', { networks: { main: '10.0.0.4' } }),
  ]);
  assert.deepEqual(diagnostics.map(showMistake), [
    'a twine.route.10.8.0.0/24: packets to 10.8.0.0/24 are routed in a loop: a -> b -> a',
    'b twine.route.10.8.0.0/16: packets to 10.8.0.0/16 are routed in a loop: b -> a -> b',
  ]);
});

test('of a long circle the beginning is told', () => {
  const ring = Array.from({ length: 12 }, (_, i) =>
    container(`c${i}`, {
      networks: { main: `10.0.0.${i + 2}` },
      labels: { 'twine.route.10.8.0.0/16': `c${(i + 1) % 12}` },
    }),
  );
  const { diagnostics } = plan(ring);
  assert.equal(diagnostics.length, 12);
  assert.equal(
    diagnostics[5]?.message,
    'packets to 10.8.0.0/16 are routed in a loop: c5 -> c6 -> c7 -> c8 -> c9 -> c10 -> c11 -> c0 -> …',
  );
});

test('very many names of one container that nobody has are told together', () => {
  const labels = Object.fromEntries(
    Array.from({ length: 150 }, (_, i) => [`twine.nat.forward.${i + 1}`, 'gone']),
  );
  const { diagnostics } = plan([routed({ main: '10.0.0.2' }, labels)], { external: new Map([['gone', []]]) });
  assert.deepEqual([diagnostics.length, diagnostics.at(-1)?.key], [101, 'twine.*']);
});

test('the same world in another order is the same plan', () => {
  const containers = [
    routed(
      { main: '10.0.0.2' },
      { 'twine.nat.forward.80': 'web', 'twine.nat.forward.wg+.80': 'gw', 'twine.host.routes': '10.8.0.0/16' },
    ),
    container('web', { networks: { main: '10.0.0.4' }, labels: { 'twine.route.::/0': 'gone', ...NAT } }),
    gw({ main: '10.0.0.3' }, { labels: { 'twine.host.routes': '10.8.0.0/16' } }),
  ];
  const back = [...containers].reverse();
  assert.deepEqual(plan(containers).sandboxes, plan(back).sandboxes);
  assert.deepEqual(plan(containers).hostRoutes, plan(back).hostRoutes);
});

for (const [network, wanted] of [
  ['10.0.0.0/16', 0],
  ['10.0.0.0/24', 0],
  ['10.0.0.3/32', 0],
  ['fd00::/64', 0],
  ['10.0.7.0/24', 2],
  ['10.0.0.0/8', 2],
  ['0.0.0.0/0', 2],
] as const) {
  test(`on 10.0.0.0/16 and fd00::/64, ${network} by way of a neighbour is ${wanted ? 'routed' : 'told, and not routed'}`, () => {
    const labels = { [`twine.route.${network}`]: 'gateway' };
    const view = container('a', { networks: { main: '10.0.0.2 fd00::2' }, labels });
    const subnets = [prefix('10.0.0.0/16'), prefix('fd00::/64')];
    const attachments = view.attachments.map(attachment => ({ ...attachment, subnets }));
    const { sandboxes, diagnostics } = plan([
      { ...view, attachments },
      container('gateway', { networks: { main: '10.0.0.3 fd00::3' } }),
    ]);
    assert.equal(sandboxes[0]!.routes.length, wanted);
    assert.deepEqual(
      diagnostics.map(({ message }) =>
        message.startsWith(`no route to ${network} is made: the container is on `),
      ),
      wanted ? [] : [true],
    );
  });
}

test('a gateway comes before those that it is the gateway of, whatever their names', () => {
  const { sandboxes } = plan([
    container('a', { networks: { main: '10.9.0.2' }, labels: { 'twine.route.0.0.0.0/0': 'gateway' } }),
    container('gateway', { networks: { main: '10.9.0.3' }, labels: { 'twine.nat.interfaces': 'wg+' } }),
  ]);
  assert.deepEqual(
    sandboxes.map(({ containers }) => containers),
    [['gateway'], ['a']],
  );
});

test('a forward whose destination is not there yet belongs to what a firewall of the gateway is to let pass', () => {
  const labels = { 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.80': 'web:80' };
  const { forwarding } = only([container('gw', { networks: { main: '10.0.0.3' }, labels })]);
  assert.deepEqual(forwarding?.ingress, [{ name: 'wg', prefix: true }]);
});

const BESIDE = { network: prefix('10.20.0.0/24'), gateway: address('10.0.0.4') };
const LOST =
  "app twine.route.0.0.0.0/0: clients in 10.20.0.0/24 that come in by the router 10.0.0.4 are answered by this label's gateway, and not by that router: if they are to be served, set the label twine.route.10.20.0.0/24=";
for (const [what, { labels = {}, router = {}, ...world }, told] of [
  ['is a neighbour by whom the host has a route', { nextHops: [BESIDE] }, [`${LOST}10.0.0.4`]],
  [
    'is a container whose label asks the host for one',
    { router: { 'twine.host.routes': '10.20.0.0/24,fd20::/64' } },
    [
      `${LOST}router`,
      `${LOST.replaceAll('0.0.0.0/0', '::/0').replaceAll('10.20.0.0/24', 'fd20::/64').replace('10.0.0.4', 'fd00::4')}router`,
    ],
  ],
  [
    'is covered by a longer route',
    { labels: { 'twine.route.10.0.0.0/8': '10.0.0.9' }, nextHops: [BESIDE] },
    [],
  ],
  ["is Docker's gateway", { nextHops: [{ ...BESIDE, gateway: address('10.0.0.1') }] }, []],
  ["is the label's gateway", { nextHops: [{ ...BESIDE, gateway: address('10.0.0.3') }] }, []],
  ['is on another network', { nextHops: [{ ...BESIDE, gateway: address('10.7.0.4') }] }, []],
  [
    "leads to a part of the container's own network",
    { nextHops: [{ ...BESIDE, network: prefix('10.0.0.128/25') }] },
    [],
  ],
  ["is the host's default gateway", { nextHops: [{ ...BESIDE, network: prefix('0.0.0.0/0') }] }, []],
] as const satisfies readonly (readonly [
  string,
  Partial<Parameters<typeof plan>[1]> & { labels?: Record<string, string>; router?: Record<string, string> },
  readonly string[],
])[]) {
  test(`of clients by a router that ${what} ${told.length} notes are made, and no route`, () => {
    const places = { subnets: { main: '10.0.0.0/24 fd00::/64' }, gateways: { main: '10.0.0.1 fd00::1' } };
    const defaults = { 'twine.route.0.0.0.0/0': 'gw', 'twine.route.::/0': 'gw' };
    const { warnings, sandboxes } = plan(
      [
        // Of one network it is not known which addresses are on it.
        routed({ main: '10.0.0.2 fd00::2', side: '10.7.0.2' }, { ...defaults, ...labels }, places),
        gw({ main: '10.0.0.3 fd00::3' }),
        container('router', { networks: { main: '10.0.0.4 fd00::4' }, labels: router }),
      ],
      world,
    );
    assert.deepEqual([...warnings].map(showMistake), told);
    assert.ok([...warnings].every(({ risk }) => risk === 'answers'));
    const app = sandboxes.find(({ containers }) => containers.includes('app'))!;
    assert.equal(app.routes.length, 4 + 2 * Object.keys(labels).length);
  });
}

test('a gateway is brought about before its users, also where it is a user itself', () => {
  const exit = { 'twine.route.10.1.0.0/16': 'zz' };
  const { sandboxes } = plan([
    routed({ main: '10.9.0.2' }, { 'twine.route.10.1.0.0/16': 'vpn' }, { name: 'app' }),
    container('vpn', { networks: { main: '10.9.0.3' }, labels: exit }),
    container('zz', { networks: { main: '10.9.0.4' }, labels: { 'twine.nat.interfaces': 'wg0' } }),
  ]);
  assert.deepEqual(
    sandboxes.map(({ containers: [name] }) => name),
    ['zz', 'vpn', 'app'],
  );
});

const [MAIN, BEING_STARTED] = [{ main: '10.9.0.3' }, { netns: null }] as const;
const FORMER = { networks: { main: '' }, netns: null, former: MAIN } as const;
for (const { what, gateways, isLed, byName = isLed } of [
  {
    what: 'is being started, and has an address',
    gateways: [{ networks: MAIN, ...BEING_STARTED }],
    isLed: false,
  },
  { what: 'runs', gateways: [{ networks: MAIN }], isLed: true },
  { what: 'has ended, and may have its address again', gateways: [FORMER], isLed: false },
  {
    what: 'has ended, and its address is now that of one that runs',
    gateways: [FORMER, { networks: MAIN }],
    ...{ isLed: true, byName: false },
  },
  {
    what: 'has ended, and its address is now that of one that is being started',
    gateways: [FORMER, { networks: MAIN, ...BEING_STARTED }],
    isLed: false,
  },
  {
    what: 'has ended, with the same address on another network',
    gateways: [{ networks: { other: '' }, netns: null, former: { other: '10.9.0.3' } }],
    ...{ isLed: true, byName: false },
  },
  { what: 'is no container', gateways: [], ...{ isLed: true, byName: false } },
] as const) {
  for (const [destination, leads] of [
    ['vpn0', byName],
    ['10.9.0.3', isLed],
    ['10.9.0.7,10.9.0.3', isLed],
  ] as const) {
    test(`packets are led to ${destination}, a gateway that ${what}: ${leads}`, () => {
      const { sandboxes, diagnostics } = plan([
        routed({ main: '10.9.0.2' }, { 'twine.route.10.1.0.0/16': destination }),
        ...gateways.map((gateway, n) => container(`vpn${n}`, gateway)),
        container('off', { networks: { main: '' }, netns: null, former: { main: '10.9.0.7' } }),
      ]);
      assert.deepEqual(
        sandboxes.flatMap(({ routes }) => routes.map(showRoute)),
        [...(leads ? ['10.1.0.0/16 via 10.9.0.3'] : []), 'unreachable 10.1.0.0/16'],
      );
      if (leads || destination !== '10.9.0.3') return;
      const waiting = `vpn${gateways.length - 1}`;
      assert.deepEqual(diagnostics.map(showMistake), [
        `app twine.route.10.1.0.0/16: 10.9.0.3 is the address of ${waiting}, which is not running: start it; until then 10.1.0.0/16 is unreachable`,
      ]);
    });
  }
}

test('where the networks of a container are known none is made of clients by a router: it is seen who that is', () => {
  const { warnings } = plan(
    [
      routed({ main: '10.0.0.2' }, { 'twine.route.0.0.0.0/0': 'gw' }, { subnets: { main: '10.0.0.0/24' } }),
      gw({ main: '10.0.0.3' }),
    ],
    { nextHops: [BESIDE] },
  );
  assert.deepEqual([...warnings], []);
});

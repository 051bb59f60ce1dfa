// Tables of labels as data: what is in which chain, and when one is built anew.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { planWorld } from '../../../../src/labels/planner/plan.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import type { ResolvedForward } from '../../../../src/labels/table/forward-rules.js';
import { TableCache } from '../../../../src/labels/table/table-cache.js';
import type { NftChain, NftTable } from '../../../../src/nft/table.js';
import { address, chain, container, only, plan, prefix, showMistake } from '../../../support/label-world.js';

type Labels = Readonly<Record<string, string>>;

const others = [
  container('web', { networks: { main: '10.0.0.3 fd00::3' } }),
  container('gw', { networks: { main: '10.0.0.4' } }),
];

function planned(labels: Labels) {
  const { sandboxes, diagnostics } = plan([
    container('c', { networks: { main: '10.0.0.2 fd00::2' }, labels }),
    ...others,
  ]);
  return { table: sandboxes[0]?.table, diagnostics: diagnostics.map(showMistake) };
}

const hooked = (table: NftTable | undefined): string[] =>
  (table?.chains ?? []).flatMap(({ name, hook }) => (hook ? [`${name} ${hook.hook} ${hook.priority}`] : []));
const rulesOf = (table: NftTable | undefined, name: string): NftChain['rules'] =>
  table?.chains.find(chain => chain.name === name)?.rules ?? [];
const text = (value: unknown): string => JSON.stringify(value);

test('beside a route ICMP redirects are dropped, before all else, and without one they are not', () => {
  const redirects = rulesOf(planned({ 'twine.route.10.9.0.0/16': 'gw' }).table, 'raw').map(({ expr }) =>
    text(expr),
  );
  assert.equal(redirects.length, 2);
  for (const [n, type] of ['"redirect"', '"nd-redirect"'].entries()) {
    assert.ok(redirects[n]!.includes(type) && redirects[n]!.endsWith('{"drop":null}]'), redirects[n]);
  }
  assert.deepEqual(rulesOf(planned({ 'twine.nat.interfaces': '+' }).table, 'raw'), []);
});

for (const [what, labels, expected] of [
  ['interfaces', { 'twine.nat.interfaces': 'eth+' }, ['forward forward 0', 'postrouting postrouting 100']],
  ['lo alone', { 'twine.nat.interfaces': 'lo' }, ['forward forward 0']],
  [
    'a forward',
    { 'twine.nat.forward.80': 'web' },
    ['prerouting prerouting -100', 'nat-output output -100', 'postrouting postrouting 100'],
  ],
  [
    'a forward of lo',
    { 'twine.nat.forward.lo.80': 'web' },
    ['raw prerouting -300', 'nat-output output -100', 'postrouting postrouting 100'],
  ],
] as const) {
  test(`the hooks that ${what} needs, and no other`, () => {
    assert.deepEqual(hooked(planned(labels).table), expected);
  });
}

for (const [chain, hook, rest] of [
  ['TWINE_INPUT', 'input input 0', '-j DROP'],
  ['TWINE_OUTPUT', 'output output 0', '-j DROP'],
  ['TWINE_FORWARD', 'forward forward 0', '-j DROP'],
  ['TWINE_NAT_PREROUTING', 'prerouting prerouting -100', '-p tcp --dport 80 -j REDIRECT --to-ports 81'],
  ['TWINE_NAT_OUTPUT', 'nat-output output -100', '-p tcp --dport 80 -j REDIRECT --to-ports 81'],
  ['TWINE_NAT_POSTROUTING', 'postrouting postrouting 100', '-j MASQUERADE'],
  ['TWINE_MANGLE_PREROUTING', 'mangle-prerouting prerouting -150', '-m rpfilter -j DROP'],
  ['TWINE_MANGLE_INPUT', 'mangle-input input -150', '-j DROP'],
  ['TWINE_MANGLE_FORWARD', 'mangle-forward forward -150', '-4 -j TTL --ttl-set 5'],
  ['TWINE_MANGLE_OUTPUT', 'mangle-output output -150', '-j MARK --set-mark 5'],
  ['TWINE_MANGLE_POSTROUTING', 'mangle-postrouting postrouting -150', '-j DSCP --set-dscp-class EF'],
  ['TWINE_RAW_PREROUTING', 'raw-prerouting prerouting -300', '-p udp -j NOTRACK'],
  ['TWINE_RAW_OUTPUT', 'raw-output output -300', '-j TRACE'],
] as const) {
  test(`${chain} hangs where iptables has its chain, and nowhere else`, () => {
    const { table, diagnostics } = planned({ 'twine.iptables.rule.a-b': `${chain} ${rest}` });
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(hooked(table), [hook]);
    const [jump] = rulesOf(table, hook.split(' ')[0]!);
    assert.deepEqual(jump?.expr, [{ jump: { target: chain } }]);
    assert.equal(rulesOf(table, chain).length > 0, true);
    assert.deepEqual(table?.chains.filter(({ rules }) => text(rules).includes(chain)).length, 1);
  });
}

test('rules of labels come before what the other labels bring', () => {
  const { table } = planned({
    'twine.nat.interfaces': 'eth+',
    'twine.nat.forward.80': 'web',
    'twine.iptables.rule.a': 'TWINE_FORWARD -j DROP',
    'twine.iptables.rule.b': 'TWINE_NAT_PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 81',
    'twine.iptables.rule.c': 'TWINE_NAT_POSTROUTING -j ACCEPT',
    'twine.iptables.rule.d': 'TWINE_NAT_OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 81',
  });
  for (const name of ['forward', 'prerouting', 'postrouting', 'nat-output']) {
    const rules = rulesOf(table, name);
    assert.match(text(rules[0]), /jump/, name);
    assert.ok(rules.length > 1, name);
  }
});

test('interfaces are matched by name, whole or by its beginning, and never by index', () => {
  const { table } = planned({
    'twine.nat.interfaces': 'eth+,wg0',
    'twine.nat.forward.eth+.80': 'web',
    'twine.nat.forward.wg0.81': 'web',
  });
  const names = [...text(table).matchAll(/"key":"([io]if\w*)"\}\},"right":"([^"]+)"/g)].map(
    ([, key, name]) => `${key} ${name}`,
  );
  assert.deepEqual([...new Set(names)].sort(), [
    'iifname eth*',
    'iifname wg0',
    'oifname eth*',
    'oifname wg0',
  ]);
  assert.doesNotMatch(text(table), /"key":"[io]if"/);
});

/** The interfaces of the rules of prerouting, in order. */
const ingress = (labels: Labels): string[] =>
  rulesOf(planned(labels).table, 'prerouting')
    .filter(rule => !text(rule).includes('ip6'))
    .map(rule =>
      [...text(rule).matchAll(/"op":"(..)","left":\{"meta":\{"key":"iifname"\}\},"right":"([^"]+)"/g)]
        .map(([, op, name]) => (op === '!=' ? `not ${name}` : name))
        .join(' '),
    );

for (const [what, labels, expected] of [
  ['a forward is by every interface but lo', { 'twine.nat.forward.80': 'web' }, ['not lo']],
  ['a forward by + is by every interface but lo', { 'twine.nat.forward.+.80': 'web' }, ['not lo']],
  ['a prefix that lo begins with leaves out lo', { 'twine.nat.forward.l+.80': 'web' }, ['l* not lo']],
  [
    'the narrowest pattern goes first',
    {
      'twine.nat.forward.80': 'web',
      'twine.nat.forward.e+.80': 'web',
      'twine.nat.forward.eth+.80': 'web',
      'twine.nat.forward.eth0.80': 'web',
    },
    ['eth0', 'eth*', 'e*', 'not lo'],
  ],
  [
    'beside nat.interfaces an interface is of both',
    {
      'twine.nat.interfaces': 'wg+,eth0,lo',
      'twine.nat.forward.80': 'web',
      'twine.nat.forward.wg0.81': 'web',
    },
    ['eth0', 'wg0', 'wg*'],
  ],
  [
    'of interfaces that cover one another one rule is made',
    { 'twine.nat.interfaces': 'eth+,eth0,+', 'twine.nat.forward.80': 'web' },
    ['not lo'],
  ],
] as const) {
  test(what, () => assert.deepEqual(ingress(labels), expected));
}

for (const [nat, inward, tunnel, way] of [
  ['wg+,eth0', undefined, 'wg+', 'eth0'],
  ['eth0,tun0', undefined, 'tun0', 'eth0'],
  ['wg0,eth+,lo', undefined, 'wg0', 'eth+'],
  ['wg0,e+', 'eth0', 'wg0', 'eth+'],
  ['wg0,+', 'tun+', 'wg0', 'eth+'],
] as const) {
  test(`nat.interfaces=${nat} beside in-interfaces=${inward ?? ''} opens a way past the tunnel, which is told`, () => {
    const { diagnostics } = planned({
      'twine.nat.interfaces': nat,
      ...(inward && { 'twine.nat.in-interfaces': inward }),
    });
    assert.equal(diagnostics.length, 1);
    const [told] = diagnostics;
    assert.ok(
      told!.startsWith(`c twine.nat.interfaces: while ${tunnel} is down, what comes in by ${way} `),
      told,
    );
    assert.ok(told!.includes(`set the label twine.nat.in-interfaces=${way}, `), told);
  });
}

for (const [nat, inward] of [
  ['wg+', undefined],
  ['wg+', 'eth0'],
  ['wg+,eth0', 'eth0'],
  ['wg+,eth+', '+'],
  ['wg+,+', 'eth+'],
  ['eth0', undefined],
  ['eth0,eth1', undefined],
  ['eth+,lo', undefined],
  ['+', undefined],
] as const) {
  test(`nat.interfaces=${nat} beside in-interfaces=${inward ?? ''} is nothing to warn of`, () => {
    const labels = { 'twine.nat.interfaces': nat, ...(inward && { 'twine.nat.in-interfaces': inward }) };
    assert.deepEqual(planned(labels).diagnostics, []);
  });
}

for (const [labels, given] of [
  [{ 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.eth0.80': 'web' }, 'eth0'],
  [{ 'twine.nat.interfaces': 'lo', 'twine.nat.forward.80': 'web' }, undefined],
  [{ 'twine.nat.interfaces': 'lo', 'twine.nat.forward.+.80': 'web' }, '+'],
  [{ 'twine.nat.interfaces': 'eth+', 'twine.nat.forward.lo.80': 'web' }, 'lo'],
] as const) {
  test(`a forward of ${given ?? 'every interface'} beside nat.interfaces=${labels['twine.nat.interfaces']} says that it does nothing`, () => {
    const { diagnostics, table } = planned(labels);
    const [, key] = Object.keys(labels);
    const remedy = given
      ? `set twine.nat.in-interfaces=${given}, by which only forwards come in`
      : 'give one that matches both';
    assert.deepEqual(diagnostics, [
      `c ${key}: the port is forwarded for no interface: none matches both ${given ?? 'every interface but lo'} and twine.nat.interfaces=${labels['twine.nat.interfaces']}: ${remedy}`,
    ]);
    if (given)
      assert.deepEqual(
        planned({ ...labels, 'twine.nat.in-interfaces': given }).diagnostics,
        [],
        'the remedy',
      );
    assert.deepEqual(rulesOf(table, 'prerouting'), []);
  });
}

test('lo is meant where it is written out, and + of nat.interfaces is no hindrance', () => {
  const { table, diagnostics } = planned({ 'twine.nat.interfaces': '+', 'twine.nat.forward.lo.80': 'web' });
  assert.deepEqual(diagnostics, []);
  assert.match(text(rulesOf(table, 'nat-output')), /127\.0\.0\.0/);
});

test('what leaves by lo is never masqueraded, so that the DNS of Docker works', () => {
  const { table } = planned({ 'twine.nat.interfaces': '+' });
  assert.deepEqual(rulesOf(table, 'postrouting'), [
    {
      expr: [{ match: { op: '!=', left: { meta: { key: 'oifname' } }, right: 'lo' } }, { masquerade: null }],
    },
  ]);
});

for (const [what, rules, message] of [
  ['between the tables of iptables', { a: 'TWINE_INPUT -j TWINE_NAT_OUTPUT' }, /rule\.a: /],
  ['to itself', { a: 'TWINE_INPUT -j TWINE_INPUT' }, /rule\.a: /],
  [
    'in a circle',
    {
      a: 'TWINE_INPUT -j TWINE_OUTPUT',
      b: 'TWINE_OUTPUT -j TWINE_FORWARD',
      c: 'TWINE_FORWARD -j TWINE_INPUT',
    },
    /rule\.c: /,
  ],
] as const) {
  test(`a jump ${what} is a mistake, and the other rules stay`, () => {
    const { table, diagnostics } = planned({
      ...Object.fromEntries(
        Object.entries(rules).map(([name, rule]) => [`twine.iptables.rule.${name}`, rule]),
      ),
      'twine.iptables.rule.z': 'TWINE_INPUT -j DROP',
    });
    assert.equal(diagnostics.length, 1, diagnostics.join());
    assert.match(diagnostics[0]!, message);
    assert.match(text(rulesOf(table, 'TWINE_INPUT')), /"comment":"z"/);
  });
}

test('a table is built once, and anew when a label or an address differs', () => {
  const tables = new TableCache();
  const labels = new Map([['twine.nat.forward.80', 'web']]);
  const { intent } = decodeLabels('c', labels);
  const tableFor = (asked: typeof intent, web: ContainerView) => {
    const c = container('c', { networks: { main: '10.0.0.2' }, labels: Object.fromEntries(labels) });
    const world = { containers: [c, web], intents: new Map([[c.id, asked]]), external: new Map() };
    return planWorld(
      { ...world, allowHostRoutes: [], hostAddresses: [], nextHops: [], hostInterfaceAddresses: [] },
      tables,
    ).sandboxes[0]!;
  };
  const web = container('web', { networks: { main: '10.0.0.3' } });
  const first = tableFor(intent, web);
  assert.equal(tableFor(intent, web).table, first.table);
  assert.equal(tableFor(intent, web).stamp, first.stamp);
  const moved = tableFor(intent, container('web', { networks: { main: '10.0.0.9' } }));
  assert.notEqual(moved.stamp, first.stamp);
  assert.equal(tableFor(intent, container('web')).table, undefined);
  const { intent: other } = decodeLabels('c', new Map([['twine.nat.forward.81', 'web']]), 1);
  assert.notEqual(tableFor(other, web).stamp, first.stamp);
  assert.equal(tableFor(intent, web).stamp, first.stamp);
});

for (const [what, labels] of [
  ['by itself', {}],
  ['beside a forward of lo', { 'twine.nat.forward.lo.80': '10.0.0.9' }],
  ['beside a rule', { 'twine.iptables.rule.a': 'TWINE_INPUT -p icmp -j ACCEPT' }],
] as const) {
  test(`twine.nat.interfaces=lo switches no forwarding on and forwards nothing: ${what}`, () => {
    const c = container('c', {
      networks: { main: '10.0.0.2 fd00::2' },
      labels: { 'twine.nat.interfaces': 'lo', ...labels },
    });
    const { table, sysctls } = only([c]);
    assert.deepEqual(
      sysctls.filter(({ name }) => name.includes('forward')),
      [],
    );
    assert.match(JSON.stringify(chain(table, 'forward')?.rules), /"drop"/);
  });
}

test('a table that was made while a route had no effect is not used when the route has one', () => {
  const tables = new TableCache();
  const labels = { 'twine.route.172.18.0.0/16': '10.0.0.1' };
  const { intent } = decodeLabels('c', new Map(Object.entries(labels)));
  const desired = (networks: Record<string, string>, subnets: readonly string[], cache: TableCache) => {
    const c = container('c', { networks, labels });
    const attachments = c.attachments.map((one, n) => ({ ...one, subnets: [prefix(subnets[n]!)] }));
    const world = {
      containers: [{ ...c, attachments }],
      intents: new Map([[c.id, intent]]),
      external: new Map(),
    };
    const rest = { allowHostRoutes: [], hostAddresses: [], nextHops: [], hostInterfaceAddresses: [] };
    return planWorld({ ...world, ...rest }, cache).sandboxes[0]!;
  };
  const both = { main: '10.0.0.2', own: '172.18.0.5' };
  assert.equal(desired(both, ['10.0.0.0/24', '172.18.0.0/16'], tables).table, undefined);
  const after = desired({ main: '10.0.0.2' }, ['10.0.0.0/24'], tables);
  assert.match(JSON.stringify(chain(after.table, 'raw')?.rules), /redirect/);
  assert.equal(after.stamp, desired({ main: '10.0.0.2' }, ['10.0.0.0/24'], new TableCache()).stamp);
});

const MAC = '02:00:00:00:00:01';
const HOP = { network: prefix('10.0.0.0/24'), from: address('10.0.0.1') };
const FORWARD: ResolvedForward = {
  key: 'twine.nat.forward.80',
  pattern: { name: '', prefix: true },
  ingress: [{ name: '', prefix: true }],
  protocol: 'tcp',
  ports: { first: 80, last: 80 },
  addresses: [address('10.0.0.3')],
  destinationPort: 80,
};

for (const [what, one, other] of [
  ['routes', { hasRoutes: false, isForwardingClosed: true }, { hasRoutes: true, isForwardingClosed: true }],
  [
    'replies that are led back, by no known address',
    { hasRoutes: true },
    { hasRoutes: true, ingress: { macs: [], hops: [], near: [] } },
  ],
  [
    "a neighbour's address for udp",
    { hasRoutes: true, ingress: { macs: [MAC], hops: [], near: [] } },
    { hasRoutes: true, ingress: { macs: [MAC], hops: [HOP], near: [] } },
  ],
  [
    'the networks by which routers are seen',
    { hasRoutes: true, ingress: { macs: [MAC], hops: [], near: [] } },
    { hasRoutes: true, ingress: { macs: [MAC], hops: [], near: [{ network: HOP.network }] } },
  ],
  [
    'clients that are kept',
    { hasRoutes: false, forwards: [FORWARD] },
    { hasRoutes: false, forwards: [{ ...FORWARD, kept: { 4: { networks: [], isSaid: true } } }] },
  ],
  ['forwarding that is closed', { hasRoutes: true }, { hasRoutes: true, isForwardingClosed: true }],
  ['a namespace that is closed', { hasRoutes: true }, { hasRoutes: true, isClosed: true }],
] as const) {
  test(`a table that was made without ${what} is not used for one with, nor the other way round`, () => {
    const parts = { natInterfaces: [], forwards: [], rules: [] };
    const stamps = (cache: () => TableCache): (string | undefined)[] =>
      [one, other, one].map(which => cache().get('ns', [], { ...parts, ...which }, {}).stamp);
    const tables = new TableCache();
    const found = stamps(() => tables);
    assert.deepEqual(
      found,
      stamps(() => new TableCache()),
    );
    assert.notEqual(found[0], found[1]);
  });
}

test('lists of addresses are sets of the table, one for each time that some rule asks for', () => {
  const rule = (name: string, value: string) =>
    [`twine.iptables.rule.${name}`, `TWINE_INPUT -4 ${value}`] as const;
  const { table, diagnostics } = planned(
    Object.fromEntries([
      rule('a', '-m recent --rcheck --seconds 60 --name knock -j ACCEPT'),
      rule('b', '-p udp --dport 99 -m recent --set --name knock'),
      rule('c', '-m recent --rcheck --seconds 5 --name knock -j LOG'),
    ]),
  );
  assert.deepEqual(diagnostics, []);
  assert.deepEqual(
    table!.sets.map(({ name, timeout }) => [name, timeout]),
    [
      ['recent4.5.knock', 5],
      ['recent4.60.knock', 60],
    ],
  );
  const written = text(rulesOf(table, 'TWINE_INPUT')[1]).match(/@recent4[\w.]+/g);
  assert.deepEqual(written, ['@recent4.5.knock', '@recent4.60.knock']);
});

test('a list that is asked for at too many times is told with the label that is one too many, which is left out', () => {
  const labels = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [
      `twine.iptables.rule.r${n}`,
      `TWINE_INPUT -4 -m recent --rcheck --seconds ${n + 1} --name knock -j DROP`,
    ]),
  );
  const { table, diagnostics } = planned(labels);
  assert.match(
    diagnostics.join('\n'),
    /^[^\n]*rule\.r8[^\n]* list of addresses knock [^\n]*more than 8 [^\n]*$/,
  );
  assert.equal(rulesOf(table, 'TWINE_INPUT').length, 8);
});

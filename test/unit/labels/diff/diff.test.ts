// From what is to what shall be: which steps, in which order, and what a packet takes after each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RTPROT_DWGD, STAMP_CHAIN, TABLE } from '../../../../src/base/ownership.js';
import { diff } from '../../../../src/labels/diff/diff.js';
import { diffRoutes } from '../../../../src/labels/diff/diff-routes.js';
import { routingRules } from '../../../../src/labels/diff/policy-routing.js';
import { readStamp, stampedTable, stampOf } from '../../../../src/labels/diff/stamp.js';
import type { DesiredState, SandboxObserved, Sysctl } from '../../../../src/labels/diff/state.js';
import { CLOSED_STAMP, isClosing, NOT_FORWARDING_STAMP } from '../../../../src/labels/diff/strict.js';
import { type Route, RT_TABLE_MAIN, RTN_LOCAL } from '../../../../src/netlink/route/route.js';
import type { NftTable } from '../../../../src/nft/table.js';
import { desired, observed, route, show } from '../../../support/label-states.js';
import { address, prefix } from '../../../support/label-world.js';

const TABLE_A: NftTable = { ...TABLE, sets: [], chains: [{ name: 'a', rules: [] }] };
const TABLE_B: NftTable = { ...TABLE, sets: [], chains: [{ name: 'b', rules: [] }] };
const forward = { name: 'ipv4/ip_forward', value: '1' };

/** Observed with a table in place. */
const withTable = (table: NftTable, part: Partial<SandboxObserved> = {}): SandboxObserved =>
  observed({ stamp: stampOf(table), hasTable: true, ...part });

const steps = (want: Partial<DesiredState>, have: SandboxObserved): string[] =>
  diff(desired(want), have).map(show);

const now = (value: string, wanted = '1') => ({ name: forward.name, value, wanted });
const WAS: Sysctl = { name: forward.name, value: '0' };

for (const [what, want, have, expected] of [
  ['nothing of nothing', {}, observed({}), []],
  ['a table that is there', { table: TABLE_A }, withTable(TABLE_A), []],
  ['a new table', { table: TABLE_A }, observed({}), ['table a']],
  ['another table', { table: TABLE_B }, withTable(TABLE_A), ['table b']],
  ['a table that was flushed', { table: TABLE_A }, observed({ hasTable: true }), ['table a']],
  [
    'a table that was changed beneath its stamp',
    { table: TABLE_A },
    withTable(TABLE_A, { isTampered: true }),
    ['table a'],
  ],
  ['what a probe left, where nothing is wanted', {}, observed({ hasProbe: true }), ['no probe']],
  [
    'what a probe left beside a table',
    { table: TABLE_A },
    withTable(TABLE_A, { hasProbe: true }),
    ['no probe'],
  ],
  ['no table any more', {}, withTable(TABLE_A), ['no table']],
  ['no table, of one that is not whole', {}, observed({ hasTable: true }), ['no table']],
  [
    'a sysctl: what it was is written down before it changes',
    { table: TABLE_A, sysctls: [forward] },
    observed({ sysctls: [now('0')] }),
    ['table a ipv4/ip_forward=0', 'ipv4/ip_forward=1'],
  ],
  [
    'a sysctl that is as it shall be: it is not ours to put back',
    { table: TABLE_A, sysctls: [forward] },
    observed({ sysctls: [now('1')] }),
    ['table a'],
  ],
  [
    'a sysctl that somebody has changed back',
    { table: TABLE_A, sysctls: [forward] },
    withTable(TABLE_A, { sysctls: [now('0')], before: [WAS] }),
    ['ipv4/ip_forward=1'],
  ],
  [
    'a sysctl that we have changed',
    { table: TABLE_A, sysctls: [forward] },
    withTable(TABLE_A, { sysctls: [now('1')], before: [WAS] }),
    [],
  ],
  [
    'a new table keeps what a sysctl was',
    { table: TABLE_B, sysctls: [forward] },
    withTable(TABLE_A, { sysctls: [now('1')], before: [WAS] }),
    ['table b ipv4/ip_forward=0'],
  ],
  [
    'a sysctl that is not wanted any more is put back before that is forgotten',
    { table: TABLE_A },
    withTable(TABLE_A, { before: [WAS] }),
    ['ipv4/ip_forward=0', 'table a'],
  ],
  [
    'with the labels all goes, the sysctl first',
    {},
    withTable(TABLE_A, { before: [WAS] }),
    ['ipv4/ip_forward=0', 'no table'],
  ],
] as const) {
  test(`table and sysctls: ${what}`, () => {
    assert.deepEqual(steps(want, have), expected);
  });
}

const ZERO = ['0.0.0.0/0', '10.8.0.0/16', '::/0'].map(text => ({ network: prefix(text) }));
for (const [what, have, expected] of [
  [
    'that holds nothing is closed',
    observed({}),
    [
      'add 0.0.0.0/0 nowhere',
      'add 10.8.0.0/16 nowhere',
      'add ::/0 nowhere',
      ...[32761, 32762, 32763, 32764, 32765].map(priority => `addRule 4 ${priority}`),
      ...[32761, 32762, 32763, 32764, 32765].map(priority => `addRule 6 ${priority}`),
    ],
  ],
  [
    'that is as it was stays so: table, sysctls, routes and all',
    withTable(TABLE_A, {
      before: [WAS],
      sysctls: [now('1')],
      rules: routingRules({ routes: ZERO }),
      routes: [
        route('0.0.0.0/0', '10.0.0.3'),
        route('0.0.0.0/0'),
        route('10.8.0.0/16', '10.0.0.3'),
        route('10.8.0.0/16'),
        route('10.9.0.0/16', '10.0.0.4'),
        route('::/0', 'fd00::3', 1),
        route('::/0', undefined, 3),
      ],
    }),
    [],
  ],
  [
    'that lacks a part gets the fallback of that, and no more',
    withTable(TABLE_A, {
      rules: routingRules({ routes: ZERO }).slice(1),
      routes: [route('0.0.0.0/0', '10.0.0.3'), route('::/0', undefined, 3)],
    }),
    ['add 10.8.0.0/16 nowhere', 'addRule 4 32761'],
  ],
] as const) {
  test(`a namespace whose labels are not known for sure and ${what}`, () => {
    assert.deepEqual(steps({ routes: ZERO, isFrozen: true }, have), expected);
  });
}

for (const [what, have, expected] of [
  ['holds nothing', {}, true],
  ['has a table without a stamp', { hasTable: true }, true],
  ['forwards nothing and no more', { hasTable: true, stamp: NOT_FORWARDING_STAMP }, true],
  ['has a table', { hasTable: true, stamp: stampOf(TABLE_A) }, false],
  ['is closed', { hasTable: true, stamp: CLOSED_STAMP }, false],
] as const) {
  test(`a strict namespace whose labels are not known for sure and which ${what} is ${expected ? 'closed before all else' : 'left as it is'}`, () => {
    const tables = (want: Partial<DesiredState>): boolean[] =>
      diff(desired({ routes: ZERO, isFrozen: true, ...want }), observed(have)).map(
        change => 'table' in change && isClosing(change.table),
      );
    assert.equal(tables({ isStrict: true })[0], expected);
    assert.ok(!tables({ isStrict: true }).slice(1).includes(true));
    assert.ok(!tables({}).includes(true));
  });
}

test('a namespace gets its fallbacks first, then programmed, then led to its gateways', () => {
  const routes = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') },
    { network: prefix('0.0.0.0/0') },
  ];
  const want = { routes, table: TABLE_A, sysctls: [forward] };
  assert.deepEqual(steps(want, observed({ sysctls: [now('0')] })), [
    'add 0.0.0.0/0 nowhere',
    ...[32761, 32762, 32763, 32764, 32765].map(priority => `addRule 4 ${priority}`),
    'table a ipv4/ip_forward=0',
    'ipv4/ip_forward=1',
    'add 0.0.0.0/0 10.0.0.3',
  ]);
});

test('a namespace without labels any more gets everything back, the routes last', () => {
  const routes: Route[] = [route('0.0.0.0/0', '10.0.0.3'), route('0.0.0.0/0')];
  const rules = routingRules({ routes: [{ network: prefix('0.0.0.0/0') }] });
  assert.deepEqual(steps({}, withTable(TABLE_A, { routes, rules, before: [WAS] })), [
    'ipv4/ip_forward=0',
    'no table',
    ...[32765, 32764, 32763, 32762, 32761].map(priority => `deleteRule 4 ${priority}`),
    'delete 0.0.0.0/0 nowhere',
    'delete 0.0.0.0/0 10.0.0.3',
  ]);
});

test('the next gateway is there before the last one goes', () => {
  const have = [route('0.0.0.0/0', '10.0.0.3'), route('0.0.0.0/0')];
  const want = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.0.0.4') },
    { network: prefix('0.0.0.0/0') },
  ];
  const rules = routingRules({ routes: want });
  assert.deepEqual(steps({ routes: want }, observed({ routes: have, rules })), [
    'add 0.0.0.0/0 10.0.0.4',
    'delete 0.0.0.0/0 10.0.0.3',
  ]);
  const settled = [route('0.0.0.0/0', '10.0.0.4'), route('0.0.0.0/0')];
  assert.deepEqual(steps({ routes: want }, observed({ routes: settled, rules })), []);
});

test('::1 is local on the links that lead where its connections go, as long as they do', () => {
  const local = (index: number): Route => ({ ...route('::1/128'), type: RTN_LOCAL, index, metric: 1024 });
  const want = { table: TABLE_A };
  const have = (links: readonly number[], ...routes: Route[]) =>
    withTable(TABLE_A, { loopbackLinks: links, routes });
  const added = diff(desired(want), have([1, 2, 3], local(3)));
  assert.deepEqual(added, [
    {
      kind: 'addRoute',
      route: {
        destination: prefix('::1/128'),
        type: RTN_LOCAL,
        index: 2,
        protocol: RTPROT_DWGD,
        table: RT_TABLE_MAIN,
      },
    },
  ]);
  assert.deepEqual(diff(desired(want), have([2], local(2))), []);
  assert.deepEqual(diff(desired(want), have([2], local(2), local(4))), [
    { kind: 'deleteRoute', route: local(4) },
  ]);
  assert.deepEqual(diff(desired({}), observed({ routes: [local(2)] })), [
    { kind: 'deleteRoute', route: local(2) },
  ]);
});

test("a gateway's route without its fallback serves until the moment of the exchange", () => {
  const want = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') },
    { network: prefix('0.0.0.0/0') },
  ];
  const { fallbacks, gateways, removals } = diffRoutes(want, [route('0.0.0.0/0', '10.0.0.3')]);
  assert.deepEqual(
    [fallbacks, gateways.map(show), removals],
    [[], ['add 0.0.0.0/0 nowhere', 'delete 0.0.0.0/0 10.0.0.3', 'add 0.0.0.0/0 10.0.0.3'], []],
  );
});

test('a route of ours for some packets only is none, and goes', () => {
  const want = [{ network: prefix('0.0.0.0/0') }];
  const selective = { ...route('0.0.0.0/0'), tos: 8 };
  const { fallbacks, gateways, removals } = diffRoutes(want, [selective]);
  assert.deepEqual([fallbacks.map(show), gateways], [['add 0.0.0.0/0 nowhere'], []]);
  assert.deepEqual(removals, [{ kind: 'deleteRoute', route: selective }]);
});

test('a host route stands alone in the main table, whatever its length', () => {
  const want = [{ network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') }];
  const inMain = () => RT_TABLE_MAIN;
  const { fallbacks, gateways, removals } = diffRoutes(want, [], inMain);
  assert.deepEqual([fallbacks, removals, gateways.map(show)], [[], [], ['add 0.0.0.0/0 10.0.0.3']]);
  assert.deepEqual(
    gateways.map(change => change.kind === 'addRoute' && change.route.table),
    [RT_TABLE_MAIN],
  );
  const there = [{ ...route('0.0.0.0/0', '10.0.0.3'), table: RT_TABLE_MAIN }];
  assert.deepEqual(diffRoutes(want, there, inMain), { fallbacks: [], gateways: [], removals: [] });
});

test('a route of ours in a table where it does not count is put where it does, and goes there', () => {
  const misplaced = { ...route('0.0.0.0/0'), table: RT_TABLE_MAIN };
  const want = [{ network: prefix('0.0.0.0/0') }];
  const changes = diff(
    desired({ routes: want }),
    observed({ routes: [misplaced], rules: routingRules({ routes: want }) }),
  );
  assert.deepEqual(changes.map(show), ['add 0.0.0.0/0 nowhere', 'delete 0.0.0.0/0 nowhere']);
  assert.deepEqual(changes.at(-1), { kind: 'deleteRoute', route: misplaced });
});

test('a table that is put in place is the one that is found there', () => {
  const before = [
    WAS,
    ...['eth0', 'a=b'].map(link => ({ name: `ipv4/conf/${link}/route_localnet`, value: '0' })),
  ];
  const stamped = stampedTable(TABLE_A, before);
  const comments = stamped.chains
    .find(({ name }) => name === STAMP_CHAIN)!
    .rules.map(({ comment }) => comment);
  assert.deepEqual(readStamp(comments), {
    stamp: stampOf(TABLE_A),
    before,
  });
  assert.notEqual(stampOf(TABLE_A), stampOf(TABLE_B));
});

for (const comment of [
  'before ../../kernel/core_pattern=1',
  'before ipv4/conf/../route_localnet=1',
  'before ipv4/conf/a/b/route_localnet=1',
  'before ipv4/conf/eth0/rp_filter=0',
  'before ipv4/ip_forward=2',
  'before ipv4/ip_forward=0\n',
  'before =0',
  'ipv4/ip_forward=0',
]) {
  test(`a container cannot have us write ${JSON.stringify(comment)}`, () => {
    assert.deepEqual(readStamp([undefined, comment]), { before: [] });
  });
}

for (const [what, want, have] of [
  ['a gateway is made', { table: TABLE_A, sysctls: [forward] }, observed({ sysctls: [now('0')] })],
  [
    'a strict one is made',
    { table: TABLE_A, sysctls: [forward], isStrict: true },
    observed({ sysctls: [now('0')] }),
  ],
  ['it forwards no more', { table: TABLE_B }, withTable(TABLE_A, { before: [WAS] })],
  ['its labels are gone', {}, withTable(TABLE_A, { before: [WAS] })],
] as const) {
  test(`forwarding is on at no step without the table that filters it: ${what}`, () => {
    let filters = have.stamp === stampOf(TABLE_A);
    let forwards = have.before.length > 0;
    for (const change of diff(desired(want), have)) {
      if (change.kind === 'setSysctl') forwards = change.sysctl.value === '1';
      if (change.kind === 'deleteTable') filters = false;
      if ('table' in change) filters = change.table.chains[0]?.name === TABLE_A.chains[0]!.name;
      assert.ok(filters || !forwards, show(change));
    }
    assert.equal(forwards, want !== undefined && 'sysctls' in want);
  });
}

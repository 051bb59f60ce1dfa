// From what is to what shall be: which steps, in which order, and what a packet takes after each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, formatPrefix } from '../../src/ip.js';
import { diff } from '../../src/labels/diff.js';
import { diffRoutes } from '../../src/labels/routes.js';
import { routingRules, routingTable } from '../../src/labels/routing.js';
import { readStamp, STAMP_CHAIN, stampedTable, stampOf, TABLE } from '../../src/labels/stamp.js';
import type {
  Change,
  DesiredRoute,
  SandboxDesired,
  SandboxObserved,
  Sysctl,
} from '../../src/labels/words.js';
import {
  type Route,
  RT_TABLE_MAIN,
  RTN_LOCAL,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTPROT_DWGD,
} from '../../src/netlink/route.js';
import type { NftTable } from '../../src/nft/ruleset.js';
import { address, prefix } from './labels-world.js';

const TABLE_A: NftTable = { ...TABLE, sets: [], chains: [{ name: 'a', rules: [] }] };
const TABLE_B: NftTable = { ...TABLE, sets: [], chains: [{ name: 'b', rules: [] }] };
const forward = { name: 'ipv4/ip_forward', value: '1' };

const desired = (part: Partial<SandboxDesired>): SandboxDesired => ({
  netns: { key: '4:1', path: '' },
  containers: ['c'],
  routes: [],
  sysctls: [],
  ...part,
});

/** A namespace that holds nothing of ours but what is said. */
const observed = (part: Partial<SandboxObserved>): SandboxObserved => ({
  before: [],
  hasTable: false,
  routes: [],
  rules: [],
  sysctls: [],
  ...part,
});

/** Observed with a table in place. */
const withTable = (table: NftTable, part: Partial<SandboxObserved> = {}): SandboxObserved =>
  observed({ stamp: stampOf(table), hasTable: true, ...part });

function show(change: Change): string {
  switch (change.kind) {
    case 'setSysctl':
      return `${change.sysctl.name}=${change.sysctl.value}`;
    case 'replaceTable': {
      const comments = change.table.chains.find(({ name }) => name === STAMP_CHAIN)!.rules;
      const { before } = readStamp(comments.map(({ comment }) => comment));
      return `table ${change.table.chains[0]!.name}${before.map(({ name, value }) => ` ${name}=${value}`).join('')}`;
    }
    case 'deleteTable':
      return 'no table';
    case 'addRoute':
    case 'deleteRoute': {
      const { destination, gateway } = change.route;
      const via = gateway ? formatAddress(gateway) : 'nowhere';
      return `${change.kind === 'addRoute' ? 'add' : 'delete'} ${formatPrefix(destination)} ${via}`;
    }
    case 'addRule':
    case 'deleteRule':
      return `${change.kind} ${change.rule.family} ${change.rule.priority}`;
  }
}

const steps = (want: Partial<SandboxDesired>, have: SandboxObserved): string[] =>
  diff(desired(want), have).map(show);

const now = (value: string, wanted = '1') => ({ name: forward.name, value, wanted });
const WAS: Sysctl = { name: forward.name, value: '0' };

for (const [what, want, have, expected] of [
  ['nothing of nothing', {}, observed({}), []],
  ['a table that is there', { table: TABLE_A }, withTable(TABLE_A), []],
  ['a new table', { table: TABLE_A }, observed({}), ['table a']],
  ['another table', { table: TABLE_B }, withTable(TABLE_A), ['table b']],
  ['a table that was flushed', { table: TABLE_A }, observed({ hasTable: true }), ['table a']],
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

test('a namespace is guarded first, then programmed, then led to its gateways', () => {
  const routes = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') },
    { network: prefix('0.0.0.0/0') },
  ];
  const want = { routes, table: TABLE_A, sysctls: [forward] };
  assert.deepEqual(steps(want, observed({ sysctls: [now('0')] })), [
    'add 0.0.0.0/0 nowhere',
    ...[32762, 32763, 32764, 32765].map(priority => `addRule 4 ${priority}`),
    'table a ipv4/ip_forward=0',
    'ipv4/ip_forward=1',
    'add 0.0.0.0/0 10.0.0.3',
  ]);
});

test('a namespace without labels any more gets everything back, the routes last', () => {
  const routes: Route[] = [route('0.0.0.0/0', '10.0.0.3'), route('0.0.0.0/0')];
  const rules = routingRules([{ network: prefix('0.0.0.0/0') }]);
  assert.deepEqual(steps({}, withTable(TABLE_A, { routes, rules, before: [WAS] })), [
    'ipv4/ip_forward=0',
    'no table',
    ...[32765, 32764, 32763, 32762].map(priority => `deleteRule 4 ${priority}`),
    'delete 0.0.0.0/0 nowhere',
    'delete 0.0.0.0/0 10.0.0.3',
  ]);
});

/** A route of ours as the kernel lists it. */
function route(network: string, gateway?: string, metric = 0): Route {
  const destination = prefix(network);
  return {
    destination,
    ...(gateway !== undefined && { gateway: address(gateway), index: 2 }),
    type: gateway === undefined ? RTN_UNREACHABLE : RTN_UNICAST,
    protocol: RTPROT_DWGD,
    metric,
    table: routingTable(destination),
  };
}

/** The routes to one network in one table, as the kernel keeps them: in order, or in IPv6 by metric. */
class Fib {
  constructor(
    readonly family: 4 | 6,
    readonly routes: Route[],
  ) {}

  apply(change: Change): void {
    if (change.kind === 'addRoute') {
      const added = { type: RTN_UNICAST, protocol: 0, metric: 0, table: RT_TABLE_MAIN, ...change.route };
      assert.ok(!this.routes.some(other => sameRoute(other, added)), 'EEXIST');
      const multipath = this.routes.some(
        other => this.family === 6 && other.metric === added.metric && other.type === RTN_UNICAST,
      );
      assert.ok(!multipath || added.type !== RTN_UNICAST, 'a multipath route');
      this.routes.unshift(added);
      if (this.family === 6) this.routes.sort((a, b) => a.metric - b.metric);
    } else if (change.kind === 'deleteRoute') {
      const at = this.routes.findIndex(other => sameRoute(other, change.route as Route));
      assert.ok(at >= 0, 'ESRCH');
      this.routes.splice(at, 1);
    } else if (change.kind !== 'addRule' && change.kind !== 'deleteRule') assert.fail(change.kind);
  }

  /** Where a packet goes. */
  get way(): string {
    const [first] = this.routes;
    return first === undefined ? 'elsewhere' : whereTo(first);
  }

  /** As a dump of our protocol gives it. */
  get ours(): Route[] {
    return this.routes.filter(({ protocol }) => protocol === RTPROT_DWGD);
  }
}

function whereTo({ protocol, gateway }: Route): string {
  if (protocol !== RTPROT_DWGD) return 'docker';
  return gateway ? formatAddress(gateway) : 'unreachable';
}

function sameRoute(a: Route, b: Route): boolean {
  return whereTo(a) === whereTo(b) && a.type === b.type && a.metric === b.metric && a.protocol === b.protocol;
}

const FAMILIES = [
  {
    family: 4,
    network: '10.8.0.0/16',
    gateways: ['10.0.0.3', '10.0.0.4', '10.0.0.5'],
    metrics: [0],
    docker: 0,
  },
  {
    family: 6,
    network: 'fd08::/16',
    gateways: ['fd00::3', 'fd00::4', 'fd00::5'],
    metrics: [1, 2, 3, 4],
    docker: 1024,
  },
] as const;

for (const { family, network, gateways, metrics, docker } of FAMILIES) {
  const guard: DesiredRoute = { network: prefix(network) };
  const via = (gateway: string): DesiredRoute => ({ network: prefix(network), gateway: address(gateway) });
  const wanted = fc.oneof(
    fc.constant([guard]),
    fc.constantFrom(...gateways).map(gateway => [via(gateway), guard]),
  );
  /** Whatever of ours may be there, in any order, above or (where that can be) below Docker's. */
  const fib = fc
    .tuple(
      fc.uniqueArray(fc.tuple(fc.constantFrom(undefined, ...gateways), fc.constantFrom(...metrics)), {
        maxLength: 4,
        selector: ([gateway, metric]) => (family === 4 ? (gateway ?? '') : String(metric)),
      }),
      fc.boolean(),
    )
    .map(([ours, hasDocker]) => {
      const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
      const routes = [
        ...ours.map(([gateway, metric]) => route(network, gateway, metric)),
        ...(hasDocker ? [theirs] : []),
      ];
      if (family === 6) routes.sort((a, b) => a.metric - b.metric);
      return new Fib(family, routes);
    });

  const bring = (fib: Fib, routes: readonly DesiredRoute[]): { before: string; ways: string[] } => {
    const before = fib.way;
    const ways = diff(desired({ routes }), observed({ routes: fib.ours })).map(change => {
      fib.apply(change);
      return fib.way;
    });
    assert.deepEqual(diff(desired({ routes }), observed({ routes: fib.ours })), [], 'a second look');
    return { before, ways };
  };
  const copy = (fib: Fib): Fib => new Fib(family, [...fib.routes]);

  test(`IPv${family}: whatever is there, the right route wins in the end and Docker's never in between`, () => {
    fc.assert(
      fc.property(fib, wanted, (start, routes) => {
        const end = copy(start);
        const { before, ways } = bring(end, routes);
        const gateway = routes.find(({ gateway }) => gateway)?.gateway;
        assert.equal(end.way, gateway ? formatAddress(gateway) : 'unreachable');
        assert.equal(end.ours.length, routes.length);
        assert.ok(end.routes.filter(({ protocol }) => protocol === 3).length <= 1);
        const leaks = ways.filter(way => way === 'docker' || way === 'elsewhere');
        if (before !== 'docker' && before !== 'elsewhere') assert.deepEqual(leaks, []);
        else assert.ok(leaks.length <= 1);
      }),
    );
  });

  test(`IPv${family}: from a state of ours to the next, a packet takes the old way or the new one`, () => {
    fc.assert(
      fc.property(fc.boolean(), wanted, wanted, (hasDocker, from, to) => {
        const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
        const fib = new Fib(family, hasDocker ? [theirs] : []);
        bring(fib, from);
        const { before, ways } = bring(fib, to);
        for (const way of ways) assert.ok(way === before || way === fib.way, ways.join());
      }),
    );
  });

  test(`IPv${family}: without labels what is left is Docker's, untouched`, () => {
    fc.assert(
      fc.property(fib, start => {
        const theirs = start.routes.filter(({ protocol }) => protocol === 3);
        const end = copy(start);
        bring(end, []);
        assert.deepEqual(end.routes, theirs);
      }),
    );
  });

  test(`IPv${family}: when the kernel has dropped the gateway's route, the guard holds until it is back`, () => {
    const theirs: Route = { ...route(network, gateways[0]), protocol: 3, metric: docker };
    const fib = new Fib(family, [theirs]);
    bring(fib, [via(gateways[1]), guard]);
    const dropped = new Fib(
      family,
      fib.routes.filter(route => whereTo(route) !== gateways[1]),
    );
    assert.equal(dropped.way, 'unreachable');
    assert.deepEqual(bring(dropped, [via(gateways[1]), guard]).ways, [gateways[1]]);
  });
}

test('defect 6: the next gateway is there before the last one goes', () => {
  const have = [route('0.0.0.0/0', '10.0.0.3'), route('0.0.0.0/0')];
  const want = [
    { network: prefix('0.0.0.0/0'), gateway: address('10.0.0.4') },
    { network: prefix('0.0.0.0/0') },
  ];
  const rules = routingRules(want);
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

test('a host route stands alone in the main table, whatever its length', () => {
  const want = [{ network: prefix('0.0.0.0/0'), gateway: address('10.0.0.3') }];
  const inMain = () => RT_TABLE_MAIN;
  const { guards, gateways, removals } = diffRoutes(want, [], inMain);
  assert.deepEqual([guards, removals, gateways.map(show)], [[], [], ['add 0.0.0.0/0 10.0.0.3']]);
  assert.deepEqual(
    gateways.map(change => change.kind === 'addRoute' && change.route.table),
    [RT_TABLE_MAIN],
  );
  const there = [{ ...route('0.0.0.0/0', '10.0.0.3'), table: RT_TABLE_MAIN }];
  assert.deepEqual(diffRoutes(want, there, inMain), { guards: [], gateways: [], removals: [] });
});

test('a route of ours in a table where it does not count is put where it does, and goes there', () => {
  const astray = { ...route('0.0.0.0/0'), table: RT_TABLE_MAIN };
  const want = [{ network: prefix('0.0.0.0/0') }];
  const changes = diff(desired({ routes: want }), observed({ routes: [astray], rules: routingRules(want) }));
  assert.deepEqual(changes.map(show), ['add 0.0.0.0/0 nowhere', 'delete 0.0.0.0/0 nowhere']);
  assert.deepEqual(changes.at(-1), { kind: 'deleteRoute', route: astray });
});

test('a table that is put in place is the one that is found there', () => {
  const stamped = stampedTable(TABLE_A, [WAS, { name: 'ipv4/conf/eth0/route_localnet', value: '0' }]);
  const comments = stamped.chains
    .find(({ name }) => name === STAMP_CHAIN)!
    .rules.map(({ comment }) => comment);
  assert.deepEqual(readStamp(comments), {
    stamp: stampOf(TABLE_A),
    before: [WAS, { name: 'ipv4/conf/eth0/route_localnet', value: '0' }],
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

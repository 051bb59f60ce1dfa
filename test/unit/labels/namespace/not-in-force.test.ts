// What keeps labels from being in force that only the namespace itself shows: it is told, and closes a strict one. On a
// namespace that is not there; no test needs root.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDigest } from '../../../../src/labels/diff/digest.js';
import { netnsAt } from '../../../../src/labels/discovery/proc-netns.js';
import { newRuleRequest } from '../../../../src/netlink/route/policy-rule.js';
import { MAX_OBJECTS } from '../../../../src/nft/client.js';
import type { ForwardChain } from '../../../../src/nft/filter-chain.js';
import { FakeNamespace } from '../../../support/fake-namespace.js';
import { accepting, withFallback } from '../../../support/label-namespace.js';

const [IFF_UP, IFF_POINTOPOINT, IFF_NOARP] = [0x1, 0x10, 0x80];
const FALLBACK = '0.0.0.0/0 unreachable metric 0 table 229';
const ROUTE = '0.0.0.0/0 via 10.9.0.3 metric 0 table 229';
const UNTIL = "; until then the container sends and forwards nothing but loopback and Docker's DNS";
const PAST =
  "policy rules of the container's own come before the labels' routes: 32765 (table 200); packets that they match bypass the label's gateway: remove them, or give them priorities above 32765";
const ignored = (flags: string): string =>
  `10.9.0.3 cannot be a gateway: its link eth0 is ${flags}, where the kernel ignores gateways and packets would go elsewhere, so 0.0.0.0/0 is unreachable: give a gateway on a network of driver bridge`;
const theirs = newRuleRequest({ family: 4, priority: 32_765, table: 200, protocol: 3 }).payload;

for (const [what, spoil, routes, warning] of [
  [
    'a policy rule that was there first',
    (ns: FakeNamespace) => ns.rules.push(theirs),
    [FALLBACK, ROUTE],
    PAST,
  ],
  [
    'a point-to-point link',
    (ns: FakeNamespace) => {
      ns.linkFlags = IFF_UP | IFF_POINTOPOINT | IFF_NOARP;
    },
    [FALLBACK],
    ignored('point-to-point (POINTOPOINT)'),
  ],
  [
    'a link without neighbours',
    (ns: FakeNamespace) => {
      ns.linkFlags = IFF_UP | IFF_NOARP;
    },
    [FALLBACK],
    ignored('without neighbours (NOARP)'),
  ],
] as const) {
  for (const isStrict of [false, true]) {
    const closes = isStrict ? 'closes a strict container' : 'closes no other';
    test(`${what} is told, and ${closes}`, t => {
      const ns = new FakeNamespace();
      const sandboxes = ns.sandboxes();
      t.after(() => sandboxes.close());
      const desired = withDigest({
        netns: netnsAt('/proc/self/ns/net')!,
        containers: ['app'],
        table: accepting(80),
        routes: withFallback('0.0.0.0/0', '10.9.0.3'),
        sysctls: [],
        ...(isStrict && { isStrict }),
      });
      spoil(ns);
      const chains = (): boolean | undefined => ns.chainsOf('dwgd')?.includes('strict-output 1');
      const outcome = sandboxes.reconcile(desired)!;
      assert.deepEqual([outcome.failures, outcome.warnings], [[], [warning + (isStrict ? UNTIL : '')]]);
      assert.equal(outcome.isClosed ?? false, isStrict);
      assert.deepEqual(ns.routeWords.sort(), [...routes].sort());
      assert.equal(chains(), isStrict);
      // The next look changes nothing and says the same.
      const { changes, warnings } = sandboxes.reconcile(desired)!;
      assert.deepEqual([changes, warnings], [[], outcome.warnings]);
      ns.rules = ns.rules.filter(rule => rule !== theirs);
      ns.linkFlags = IFF_UP;
      assert.equal(sandboxes.reconcile(desired)?.warnings, undefined);
      assert.deepEqual([chains(), ns.routeWords.sort()], [false, [FALLBACK, ROUTE].sort()]);
    });
  }
}

test('a strict container of which the kernel tells what nobody can read is closed', t => {
  const ns = new FakeNamespace();
  const sandboxes = ns.sandboxes();
  t.after(() => sandboxes.close());
  ns.rules.push(Buffer.from([2, 0, 0]));
  const desired = withDigest({
    netns: netnsAt('/proc/self/ns/net')!,
    containers: ['app'],
    table: accepting(80),
    routes: withFallback('0.0.0.0/0', '10.9.0.3'),
    sysctls: [],
    isStrict: true,
  });
  assert.throws(() => sandboxes.reconcile(desired));
  assert.ok(ns.chainsOf('dwgd')?.includes('strict-output 1'));
});

for (const isStrict of [false, true]) {
  const [closes, routes] = isStrict
    ? ['closes a strict container by its routes', [FALLBACK]]
    : ['leaves all routes in force', [FALLBACK, ROUTE]];
  test(`a namespace full of tables has libnftables asked for nothing, is told, and ${closes}`, t => {
    const ns = new FakeNamespace();
    const sandboxes = ns.sandboxes();
    t.after(() => sandboxes.close());
    for (let n = 0; n <= MAX_OBJECTS; n++) ns.tables.set(`t${n}`, []);
    ns.refuse = () => assert.fail('libnftables was asked');
    const desired = withDigest({
      netns: netnsAt('/proc/self/ns/net')!,
      containers: ['app'],
      table: accepting(80),
      routes: withFallback('0.0.0.0/0', '10.9.0.3'),
      sysctls: [],
      ...(isStrict && { isStrict }),
    });
    for (let n = 0; n < 2; n++) {
      const { failures } = sandboxes.reconcile(desired)!;
      assert.match(
        String(failures[0]),
        /more than \d+ chains and sets, .* remove those that the container does not need/,
      );
      const ofFour = ns.routeWords.filter(words => !words.startsWith('::'));
      assert.deepEqual(ofFour.sort(), [...routes].sort());
    }
    assert.equal(ns.routeWords.length, isStrict ? 2 : routes.length);
    ns.tables.clear();
    ns.refuse = () => undefined;
    assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
    assert.deepEqual(ns.routeWords.sort(), [FALLBACK, ROUTE].sort());
    assert.ok(ns.chainsOf('dwgd'));
  });
}

test('a firewall that drops what is to be forwarded is told by every look, and read by none that finds nothing new', t => {
  const ns = new FakeNamespace();
  const sandboxes = ns.sandboxes();
  t.after(() => sandboxes.close());
  const desired = withDigest({
    netns: netnsAt('/proc/self/ns/net')!,
    containers: ['gw'],
    table: accepting(80),
    routes: [],
    sysctls: [],
    forwarding: { families: [4], outside: [{ name: 'wg', prefix: true }], ingress: [] },
  });
  const dropping: ForwardChain = {
    family: 'ip',
    table: 'filter',
    name: 'FORWARD',
    isDropping: true,
    isLegacy: true,
    rules: [],
    others: new Map(),
  };
  const look = () => sandboxes.reconcile(desired)?.notices?.map(text => text.slice(0, 53));
  const told = ["a firewall of the container's own drops what its labe"];
  assert.equal(look(), undefined);
  ns.legacy = [dropping];
  assert.deepEqual(look(), told);
  const read = ns.requests.filter(what => what === 'listing nftables of firewalls').length;
  assert.deepEqual([look(), look()], [told, told]);
  assert.equal(ns.requests.filter(what => what === 'listing nftables of firewalls').length, read);
  // What cannot be read is no reason to fail.
  ns.generation++;
  ns.fault = what => (what === 'listing nftables of firewalls' ? 'cut short' : undefined);
  assert.deepEqual([look(), sandboxes.reconcile(desired)?.failures], [undefined, []]);
  ns.fault = () => undefined;
  ns.generation++;
  ns.legacy = [];
  assert.equal(look(), undefined);
});

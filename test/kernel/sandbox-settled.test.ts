// A namespace in which look after look finds nothing to do, and then something: nothing is overlooked because it was
// right before.
import assert from 'node:assert/strict';
import type { SandboxDesired } from '../../src/labels/diff/state.js';
import { IP_FORWARD, routeLocalnet } from '../../src/labels/diff/sysctls.js';
import type { Sandboxes } from '../../src/labels/namespace/sandbox.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { address } from '../support/label-world.js';
import { kernelTest, type Namespace } from '../support/namespace.js';

const NOTHING = { changes: [], failures: [] };

/** Everything that a look looks at. */
function all(inside: Namespace): SandboxDesired {
  return desire(inside, {
    table: accepting(80),
    routes: [
      ...withFallback('10.20.0.0/16', '10.9.0.1'),
      ...withFallback('0.0.0.0/1', '10.9.0.1'),
      ...withFallback('fd20::/32', 'fd09::1'),
    ],
    sysctls: [IP_FORWARD],
  });
}

function kinds(sandboxes: Sandboxes, desired: SandboxDesired): string[] {
  const { changes, failures } = sandboxes.reconcile(desired)!;
  assert.deepEqual(failures, []);
  return changes.map(({ kind }) => kind);
}

for (const [what, command, expected] of [
  ['a route taken away', 'ip route del 10.20.0.0/16 via 10.9.0.1', ['addRoute']],
  ['a fallback taken away', 'ip route del unreachable 10.20.0.0/16', ['addRoute', 'deleteRoute', 'addRoute']],
  ['an IPv6 route taken away', 'ip -6 route del fd20::/32 via fd09::1', ['addRoute']],
  ['a route of ours to elsewhere', 'ip route add 10.21.0.0/16 via 10.9.0.1 proto 229', ['deleteRoute']],
  ['a policy rule taken away', 'ip rule del priority 32763', ['addRule']],
  ['a sysctl changed', 'echo 0 > /proc/sys/net/ipv4/ip_forward', ['setSysctl']],
  ['the ruleset flushed', 'nft flush ruleset', ['createTable']],
  ['a chain flushed', 'nft flush chain inet dwgd input', ['replaceTable']],
  ['a table of somebody else', 'nft add table ip other', []],
  ['a route of somebody else', 'ip route add 10.22.0.0/16 via 10.9.0.1', []],
] as const) {
  kernelTest(
    `${what}, after passes that found nothing to do: ${expected.join(', ') || 'nothing'}`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes } = await programmer(t);
      const desired = all(inside);
      assert.ok(kinds(sandboxes, desired).length > 0);
      for (let look = 0; look < 3; look++) assert.deepEqual(sandboxes.reconcile(desired), NOTHING);
      for (let time = 0; time < 2; time++) {
        inside.exec('sh', '-c', command);
        assert.deepEqual(kinds(sandboxes, desired), expected);
        for (let look = 0; look < 3; look++) assert.deepEqual(sandboxes.reconcile(desired), NOTHING);
        if (expected.length === 0) break;
      }
    },
    'nft',
  );
}

kernelTest(
  "a policy rule of the container's own is told as long as it comes before ours, and no longer",
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = all(inside);
    const told = () => sandboxes.reconcile(desired)!.warnings;
    assert.equal(told(), undefined);
    inside.exec('sh', '-c', 'ip rule add pref 100 from 10.9.0.2 lookup 200');
    for (let look = 0; look < 3; look++) {
      const warnings = told();
      assert.match(
        String(warnings),
        /^policy rules of the container's own come before .*: 100 \(table 200\); /,
      );
    }
    inside.exec('sh', '-c', 'ip rule del pref 100; ip rule add pref 32800 lookup 200');
    for (let look = 0; look < 3; look++) assert.equal(told(), undefined);
  },
  'nft',
);

for (const held of [false, true]) {
  kernelTest(
    `a namespace whose labels are not known for sure ${held ? 'keeps all that it holds' : 'is closed where its routes lead'}`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes } = await programmer(t);
      const desired = all(inside);
      if (held) kinds(sandboxes, desired);
      const before = inside.exec('sh', '-c', 'ip route show table all; nft list ruleset; ip rule');
      const fallbacks = desired.routes.filter(({ gateway }) => !gateway);
      const frozen = desire(inside, { routes: fallbacks, isFrozen: true });
      const changed = kinds(sandboxes, frozen);
      assert.equal(changed.length > 0, !held);
      const way = (to: string) => inside.exec('sh', '-c', `ip route get ${to} 2>&1 || true`);
      if (held) {
        assert.equal(inside.exec('sh', '-c', 'ip route show table all; nft list ruleset; ip rule'), before);
        assert.match(way('1.1.1.1'), / via 10\.9\.0\.1 /);
      } else {
        for (const to of ['1.1.1.1', '10.20.0.1', 'fd20::1'])
          assert.match(way(to), /unreachable|No route to host/, to);
      }
      assert.deepEqual(sandboxes.reconcile(frozen), NOTHING);
      // When it is known that there are no labels at all, everything goes.
      assert.ok(kinds(sandboxes, desire(inside)).length > 0);
      assert.match(way('10.20.0.1'), / via 10\.9\.0\.1 /);
    },
    'nft',
  );
}

kernelTest(
  'other labels, after passes that found nothing to do for the ones before',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = all(inside);
    kinds(sandboxes, desired);
    for (let look = 0; look < 2; look++) assert.deepEqual(sandboxes.reconcile(desired), NOTHING);
    assert.deepEqual(kinds(sandboxes, desire(inside, { ...desired, table: accepting(81) })), [
      'replaceTable',
    ]);
    assert.deepEqual(kinds(sandboxes, desired), ['replaceTable']);
    assert.deepEqual(sandboxes.reconcile(desired), NOTHING);
    assert.ok(sandboxes.clear(inside.ref)!.changes.length > 0);
    assert.ok(kinds(sandboxes, desired).length > 0);
  },
  'nft',
);

kernelTest(
  'a destination that is behind another interface now, after passes that found nothing to do',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    inside.ip('link', 'add', 'other0', 'type', 'veth', 'peer', 'name', 'other1');
    inside.ip('link', 'set', 'other0', 'up');
    const desired = desire(inside, { table: accepting(80), sysctls: [routeLocalnet(address('10.30.0.1'))] });
    kinds(sandboxes, desired);
    for (let look = 0; look < 2; look++) assert.deepEqual(sandboxes.reconcile(desired), NOTHING);
    inside.ip('route', 'add', '10.30.0.0/16', 'dev', 'other0');
    assert.ok(kinds(sandboxes, desired).includes('setSysctl'));
    assert.equal(inside.exec('cat', '/proc/sys/net/ipv4/conf/other0/route_localnet').trim(), '1');
  },
);

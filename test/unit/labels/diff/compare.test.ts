// A namespace beside its desired state, thing by thing.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { compareState } from '../../../../src/labels/diff/compare.js';
import { DESIRED, type World, world } from '../../../support/fake-sandbox.js';

/** What differs now, as `what: desired | observed`. */
function differing({ sandboxes }: World): string[] {
  const found = sandboxes.compare(DESIRED)!;
  return compareState(found.desired, found.observed, found.changes)
    .filter(({ isSame }) => !isSame)
    .map(({ what, desired = '-', observed = '-' }) => `${what}: ${desired} | ${observed}`);
}

function settled(t: TestContext): World {
  const found = world(t);
  found.sandboxes.reconcile(DESIRED);
  found.sandboxes.recordBaselines();
  return found;
}

test('of an empty namespace all is missing, and nothing is changed by looking', t => {
  const found = world(t);
  const first = differing(found);
  assert.ok(first.includes('route: 10.0.0.0/8 via 10.9.0.3 | -'), first.join('\n'));
  assert.ok(first.includes('route: unreachable 0.0.0.0/0 | -'));
  assert.ok(first.includes('sysctl ipv4/ip_forward: 1 | 0'));
  assert.ok(first.some(line => /^table inet dwgd: \d+ chains with \d+ rules \| -$/.test(line)));
  assert.equal(first.filter(line => line.startsWith('policy rule: ')).length, 5);
  assert.deepEqual(differing(found), first);
});

test('of a namespace that has its desired state nothing differs, and each thing is there', t => {
  const found = settled(t);
  assert.deepEqual(differing(found), []);
  const { desired, observed, changes } = found.sandboxes.compare(DESIRED)!;
  const whats = compareState(desired, observed, changes).map(({ what }) => what);
  assert.deepEqual([...new Set(whats)], ['table inet dwgd', 'route', 'sysctl ipv4/ip_forward']);
});

for (const [what, damage, line] of [
  [
    'a sysctl that somebody has changed',
    ({ ns }: World) => ns.sysctls.set('ipv4/ip_forward', '0'),
    /^sysctl ipv4\/ip_forward: 1 \| 0$/,
  ],
  [
    'a table that is gone',
    ({ ns }: World) => ns.tables.clear(),
    /^table inet dwgd: \d+ chains with \d+ rules \| -$/,
  ],
] as const) {
  test(`${what} differs`, t => {
    const found = settled(t);
    damage(found);
    assert.ok(
      differing(found).some(text => line.test(text)),
      differing(found).join('\n'),
    );
  });
}

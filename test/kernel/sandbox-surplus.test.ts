// A container fills its namespace with rules and routes that are marked as ours: what its labels ask for is in force at the
// first look, the event loop waits for a part of the others at a time, and in the end they are gone.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnfinishedError } from '../../src/netlink/route/deletions.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest } from '../support/namespace.js';

const COUNT = 2000;
const address = (n: number): string => `11.0.${n >> 8}.${n & 255}`;

for (const [what, line] of [
  ['routes to networks of no label', (n: number) => `route add unreachable ${address(n)} proto 229`],
  ['routes in tables of its own', (n: number) => `route add unreachable ${address(n)} proto 229 table 1000`],
  ['routes for some packets only', (n: number) => `route add unreachable ${address(n)} tos 4 proto 229`],
  ['policy rules', (n: number) => `rule add from ${address(n)} lookup main prio ${1000 + n} protocol 229`],
] as const) {
  kernelTest(
    `${COUNT} ${what}: labels come first, the rest is deleted a part at a time, and then there is none`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes } = await programmer(t);
      const folder = mkdtempSync(join(tmpdir(), 'dwgd-crowded-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const batch = join(folder, 'batch');
      writeFileSync(batch, Array.from({ length: COUNT }, (_, n) => `${line(n)}\n`).join(''));
      inside.exec('ip', '-batch', batch);
      const routes = withFallback('10.20.0.0/16', '10.9.0.3');
      const desired = desire(inside, { table: accepting(80), routes });
      const first = sandboxes.reconcile(desired)!;
      assert.equal(first.failures.length, 1);
      assert.ok(first.failures[0] instanceof UnfinishedError);
      assert.deepEqual(inside.ip('route', 'show', '10.20.0.0/16', 'proto', '229').trim().split(' \n'), [
        '10.20.0.0/16 via 10.9.0.3 dev eth0',
        'unreachable 10.20.0.0/16',
      ]);
      let looks = 1;
      for (let result = first; result.failures.length > 0; looks++) result = sandboxes.reconcile(desired)!;
      assert.ok(looks <= COUNT / 64 + 1, `${looks} looks`);
      assert.deepEqual(sandboxes.reconcile(desired)!.changes, []);
      const left = inside.ip('route', 'show', 'table', 'all', 'proto', '229').trim().split('\n');
      assert.equal(left.length, 2, left.join('\n'));
      assert.doesNotMatch(inside.ip('rule', 'show'), /from 11\./);
    },
    'nft',
  );
}

kernelTest(
  'a route for some packets only does not count as a fallback: the one for all of them is put in place',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    inside.ip('route', 'add', 'unreachable', '10.20.0.0/16', 'tos', '4', 'proto', '229');
    const desired = desire(inside, { routes: withFallback('10.20.0.0/16') });
    assert.deepEqual(sandboxes.reconcile(desired)!.failures, []);
    assert.equal(inside.ip('route', 'show', '10.20.0.0/16').trim(), 'unreachable 10.20.0.0/16 proto 229');
    assert.deepEqual(sandboxes.reconcile(desired)!.changes, []);
  },
);

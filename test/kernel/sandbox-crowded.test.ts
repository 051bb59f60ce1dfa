// A namespace that its container has filled with tables, chains or routes: what of ours is put there even so, and what not.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NftTable } from '../../src/nft/table.js';
import { accepting, container, desire, programmer, withFallback } from '../support/label-namespace.js';
import { kernelTest } from '../support/namespace.js';

/** What the container makes, in a table of its own, in one of ours, or as tables. */
const CROWDS: readonly (readonly [what: string, line: (n: number) => string])[] = [
  ['chains in a table of its own', n => `add chain inet own c${n}`],
  ['chains in our table', n => `add chain inet dwgd c${n}`],
  ['tables of another family', n => `add table ip t${n}`],
];

for (const [what, line] of CROWDS) {
  kernelTest(
    `a namespace with 2200 ${what} has no table installed by libnftables, but its routes, and is told what to do`,
    async t => {
      const { inside } = await container(t);
      const { sandboxes, said } = await programmer(t);
      const table = accepting(80);
      assert.deepEqual(sandboxes.reconcile(desire(inside, { table }))?.failures, []);
      const file = join(tmpdir(), `dwgd-crowd-${process.pid}`);
      const lines = Array.from({ length: 2_200 }, (_, n) => line(n));
      writeFileSync(file, ['add table inet own', ...lines, 'flush chain inet dwgd stamp'].join('\n'));
      inside.exec('nft', '-f', file);
      said.splice(0);
      const desired = desire(inside, { table, routes: withFallback('10.20.0.0/16', '10.9.0.3') });
      const { failures } = sandboxes.reconcile(desired)!;
      assert.match(String(failures[0]), /more than \d+ chains and sets, .*: remove those that the container/);
      assert.deepEqual(
        said.filter(command => command.includes('nft -j')),
        [],
      );
      assert.match(inside.ip('route', 'show', 'proto', '229'), /10\.20\.0\.0\/16 via 10\.9\.0\.3/);
      inside.exec('nft', 'flush', 'ruleset');
      assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
    },
    'nft',
  );
}

/** A table that shifts ports in so many chains, each with a rule that libnftables has no words for. */
function shifting(count: number): NftTable {
  const table = accepting(80);
  const late = { dnat: { family: 4, addr: '10.9.0.3', min: 1000, max: 65535 } } as const;
  const chains = Array.from({ length: count }, (_, n) => ({
    name: `shift${n}`,
    rules: [{ expr: [], late }, { expr: [{ drop: null }] }],
  }));
  return { ...table, chains: [...table.chains, ...chains] };
}

kernelTest(
  'labels that ask for nearly as many chains as they may are in force, replaced by others, and taken away',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const many = desire(inside, { table: shifting(500) });
    assert.deepEqual(sandboxes.reconcile(many)?.failures, []);
    assert.deepEqual(sandboxes.reconcile(many)?.changes, []);
    assert.deepEqual(sandboxes.reconcile(desire(inside, { table: accepting(80) }))?.failures, []);
    assert.doesNotMatch(inside.exec('nft', 'list', 'table', 'inet', 'dwgd'), /shift/);
    assert.deepEqual(sandboxes.reconcile(many)?.failures, []);
    assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []);
    assert.equal(inside.exec('nft', 'list', 'tables').trim(), '');
  },
  'nft',
);

kernelTest(
  'labels that ask for more chains than they may are told so, a strict container is closed, and other labels open it',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const result = sandboxes.reconcile(desire(inside, { table: shifting(600), isStrict: true }))!;
    assert.match(
      String(result.failures[0]),
      /ask for 60\d chains and sets, and 512 are the most: give fewer/,
    );
    assert.equal(result.isClosed, true);
    assert.match(inside.exec('nft', 'list', 'table', 'inet', 'dwgd'), /chain strict-output/);
    const few = sandboxes.reconcile(desire(inside, { table: shifting(2), isStrict: true }))!;
    assert.deepEqual([few.failures, few.isClosed], [[], undefined]);
    assert.doesNotMatch(inside.exec('nft', 'list', 'table', 'inet', 'dwgd'), /strict/);
  },
  'nft',
);

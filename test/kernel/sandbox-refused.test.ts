// A rule that libnftables understands and the kernel refuses: it is left out and said, and all other labels apply.
import assert from 'node:assert/strict';
import { stampOf } from '../../src/labels/diff/stamp.js';
import type { LabelledRules } from '../../src/labels/diff/state.js';
import type { RuleIntent } from '../../src/labels/spec/intent.js';
import { buildTable } from '../../src/labels/table/nft-table.js';
import type { Statement } from '../../src/nft/expression.js';
import type { TwineChain } from '../../src/nft/iptables/syntax/rule.js';
import { container, desire, programmer } from '../support/label-namespace.js';
import { kernelTest } from '../support/namespace.js';

const rule = (name: string, chain: TwineChain, ...exprs: Statement[][]): RuleIntent => ({
  key: `twine.iptables.rule.${name}`,
  name,
  rule: { chain, targets: [], rules: exprs.map(expr => ({ expr })) },
});
const port = (number: number): Statement => ({
  match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: number },
});
const DROP: Statement = { drop: null };
/** Source NAT, which the kernel has in a chain of type nat only. */
const MASQUERADE: Statement = { masquerade: null };

function wanted(rules: readonly RuleIntent[]) {
  const table = buildTable({
    natInterfaces: [{ name: 'wg', prefix: true }],
    forwards: [],
    rules,
    hasRoutes: true,
  })!;
  const labelled = rules.map(
    ({ key, rule }): LabelledRules => ({
      container: 'app',
      key,
      chain: rule.chain,
      count: rule.rules.length,
    }),
  );
  return { table, stamp: stampOf(table), labelled };
}

kernelTest(
  'of many rules those that the kernel refuses are left out and told once; the others apply, in their order',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const desired = desire(
      inside,
      wanted([
        rule('a', 'TWINE_INPUT', [port(11), DROP], [port(12), DROP]),
        rule('bad', 'TWINE_INPUT', [port(13), DROP], [port(14), MASQUERADE]),
        rule('c', 'TWINE_OUTPUT', [port(15), MASQUERADE]),
        rule('d', 'TWINE_INPUT', [port(16), DROP]),
        rule('e', 'TWINE_NAT_POSTROUTING', [port(17), MASQUERADE]),
      ]),
    );
    const { failures, refused = [] } = sandboxes.reconcile(desired)!;
    assert.deepEqual(failures, []);
    assert.deepEqual(
      refused.map(({ container, key }) => `${container} ${key}`),
      ['app twine.iptables.rule.bad', 'app twine.iptables.rule.c'],
    );
    for (const { message } of refused)
      assert.match(message, /^the kernel refuses the rule \(.+\), so it is left out( and .+)?: /);
    const ruleset = inside.exec('nft', 'list', 'ruleset');
    const ports = [...ruleset.matchAll(/tcp dport (\d+)/g)].map(([, port]) => port);
    assert.deepEqual(ports, ['11', '12', '16', '17']);
    assert.match(ruleset, /"wg\*" masquerade|oifname "wg\*" /);
    assert.doesNotMatch(ruleset, /trial/);
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });

    // A table that stands already is replaced in the same way.
    const next = desire(
      inside,
      wanted([rule('bad', 'TWINE_INPUT', [MASQUERADE]), rule('d', 'TWINE_INPUT', [port(18), DROP])]),
    );
    assert.equal(sandboxes.reconcile(next)!.refused?.length, 1);
    assert.match(inside.exec('nft', 'list', 'ruleset'), /tcp dport 18 /);
    assert.deepEqual(sandboxes.clear(inside.ref)?.failures, []);
  },
  'nft',
);

kernelTest(
  'what is refused although every rule is taken by itself is a failure as ever, and nothing is changed',
  async t => {
    const { inside } = await container(t);
    const { sandboxes } = await programmer(t);
    const { table, labelled } = wanted([rule('a', 'TWINE_INPUT', [port(11), DROP])]);
    const chains = table.chains.map(chain =>
      chain.name === 'forward' ? { ...chain, rules: [{ expr: [MASQUERADE] }] } : chain,
    );
    const broken = { ...table, chains };
    const { failures, refused } = sandboxes.reconcile(
      desire(inside, { table: broken, stamp: stampOf(broken), labelled }),
    )!;
    assert.equal(failures.length, 1);
    assert.equal(refused, undefined);
    assert.equal(inside.exec('nft', 'list', 'ruleset'), '');
  },
  'nft',
);

for (const [what, isWanted] of [
  ['where labels are', true],
  ['where none are any more, as `dwgd cleanup` looks', false],
] as const) {
  kernelTest(
    `what a killed daemon's probe has left is taken away in the first pass, ${what}`,
    async t => {
      const { inside } = await container(t);
      const [{ sandboxes: killed }, { sandboxes }] = [await programmer(t), await programmer(t)];
      const desired = desire(inside, isWanted ? wanted([rule('a', 'TWINE_INPUT', [port(11), DROP])]) : {});
      killed.reconcile(desired);
      const whole = inside.exec('nft', '-a', 'list', 'ruleset');
      inside.exec('nft', 'add table inet dwgd-trial; add chain inet dwgd-trial c');
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [{ kind: 'deleteProbe' }], failures: [] });
      assert.equal(inside.exec('nft', '-a', 'list', 'ruleset'), whole);
      assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
    },
    'nft',
  );
}

// The rules of one label by themselves, and a table without them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROBE_TABLE } from '../../../../src/base/ownership.js';
import { stampedTable } from '../../../../src/labels/diff/stamp.js';
import { probeTable, withoutRules } from '../../../../src/labels/namespace/rule-probe.js';
import type { NftTable } from '../../../../src/nft/table.js';
import { only, routed } from '../../../support/label-world.js';

const sandbox = only([
  routed(
    { main: '10.0.0.2' },
    {
      'twine.nat.interfaces': 'wg+',
      'twine.iptables.rule.a': 'TWINE_INPUT -p tcp --dport 1 -j DROP',
      'twine.iptables.rule.b': 'TWINE_FORWARD -j TWINE_INPUT',
      'twine.iptables.rule.c': 'TWINE_INPUT -p tcp -m multiport --dports 2,3 -j DROP',
      'twine.iptables.rule.d': 'TWINE_INPUT -p tcp --dport 4 -j DROP',
    },
  ),
]);
const table = stampedTable(sandbox.table!, [], sandbox.stamp!);
const labelled = sandbox.labelled!;
/** Chains with the comments of their rules, which are the labels' names; other rules by their first word. */
const show = ({ chains }: NftTable): string[] =>
  chains.map(({ name, hook, rules }) => {
    const words = rules.map(({ expr, comment }) => comment ?? Object.keys(expr.at(-1)!).join());
    return [hook ? `${name}:` : name, ...words].join(' ');
  });

test('a plan says whose rules stand in which chain', () => {
  assert.deepEqual(
    labelled.map(({ container, key, chain, count }) => `${container} ${key.at(-1)} ${chain} ${count}`),
    ['app a TWINE_INPUT 1', 'app b TWINE_FORWARD 1', 'app c TWINE_INPUT 1', 'app d TWINE_INPUT 1'],
  );
});

test("a probe has one label's rules, behind a return in every hook that leads to them", () => {
  const probe = probeTable(table, labelled, labelled[2]!);
  assert.deepEqual([probe.family, probe.name], [PROBE_TABLE.family, PROBE_TABLE.name]);
  const [hook, ...rest] = show(probe).filter(text => !/^TWINE_\w+$/.test(text));
  assert.equal(hook, 'input: return jump');
  assert.deepEqual(rest, ['TWINE_INPUT c', 'stamp']);
  assert.ok(show(probe).includes('TWINE_FORWARD'), 'what a rule may jump to is there');
});

test('without some labels the table has all the rest, in its order and with its stamp', () => {
  const rest = withoutRules(table, labelled, [labelled[0]!, labelled[2]!]);
  assert.deepEqual(
    show(rest),
    show(table).map(text => text.replace('TWINE_INPUT a c d', 'TWINE_INPUT d')),
  );
  assert.notDeepEqual(show(rest), show(table));
});

// How many rules the labels of one namespace may come to: what is refused, whose label it is, and what goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { MAX_RULES, RuleBudget, TOO_MANY_RULES } from '../../../../src/labels/spec/rule-budget.js';
import { container, only, plan, routed } from '../../../support/label-world.js';

const addresses = (network: number): string =>
  Array.from({ length: 16 }, (_, n) => `10.${network}.0.${n}`).join();
/** A rule that becomes 256. */
const WIDE = `TWINE_INPUT -s ${addresses(1)} -d ${addresses(2)} -j DROP`;
const WIDE_RULES = 256;
const FULL = MAX_RULES / WIDE_RULES;

/** Labels of so many rules, the first of them of a number. */
const rules = (count: number, value: string, first = 1): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, n) => [
      `twine.iptables.rule.r${String(first + n).padStart(4, '0')}`,
      value,
    ]),
  );

test('one label may become 256 rules, and sixteen of them are the most that one container may have', () => {
  const { intent, diagnostics } = decodeLabels('app', new Map(Object.entries(rules(FULL, WIDE))));
  assert.equal(intent.rules.flatMap(({ rule }) => rule.rules).length, MAX_RULES);
  assert.deepEqual(diagnostics, []);
});

test('1024 labels of 256 rules each come to no more than 4096, and each of the rest is reported', () => {
  const { intent, diagnostics } = decodeLabels('app', new Map(Object.entries(rules(1024, WIDE))));
  assert.equal(intent.rules.flatMap(({ rule }) => rule.rules).length, MAX_RULES);
  assert.deepEqual(diagnostics[0], {
    container: 'app',
    key: 'twine.iptables.rule.r0017',
    message: TOO_MANY_RULES,
  });
  assert.match(diagnostics.at(-1)!.message, /908 more mistakes/);
});

test('what stands behind a rule that has no room is refused, too, though it were short', () => {
  const labels = {
    ...rules(FULL - 1, WIDE),
    ...rules(1, 'TWINE_INPUT -j ACCEPT', 100),
    ...rules(1, WIDE, 101),
  };
  const { intent, diagnostics } = decodeLabels(
    'app',
    new Map(Object.entries({ ...labels, ...rules(1, 'TWINE_INPUT -j ACCEPT', 102) })),
  );
  assert.equal(intent.rules.at(-1)!.key, 'twine.iptables.rule.r0100');
  assert.deepEqual(
    diagnostics.map(({ key }) => key),
    ['twine.iptables.rule.r0101', 'twine.iptables.rule.r0102'],
  );
});

test('containers that share a namespace share its rules', () => {
  const half = FULL / 2 + 1;
  const sandboxes = plan([
    container('a', { labels: rules(half, WIDE), netns: '4:shared' }),
    container('b', { labels: rules(half, WIDE, 101), netns: '4:shared' }),
    container('c', { labels: rules(half, WIDE) }),
  ]);
  assert.deepEqual(
    sandboxes.sandboxes.map(({ labelled = [] }) => labelled.reduce((sum, { count }) => sum + count, 0)),
    [MAX_RULES, half * WIDE_RULES],
  );
  assert.deepEqual(
    sandboxes.diagnostics.map(({ container, key }) => `${container} ${key}`),
    ['b twine.iptables.rule.r0108', 'b twine.iptables.rule.r0109'],
  );
});

test('a forward that has no room is refused, and routes stay', () => {
  const labels = { 'twine.nat.forward.80': '10.0.0.9', 'twine.route.10.8.0.0/16': '10.0.0.77' };
  const { diagnostics, routes } = only([routed({ main: '10.0.0.2' }, { ...rules(FULL, WIDE), ...labels })]);
  assert.deepEqual(diagnostics, [`app twine.nat.forward.80: ${TOO_MANY_RULES}`]);
  assert.equal(routes.length, 2);
});

test('from the first that is refused on, nothing is taken', () => {
  const budget = new RuleBudget();
  assert.deepEqual(
    [MAX_RULES - 1, 2, 1, 0].map(count => budget.take(count)),
    [true, false, false, false],
  );
  assert.equal(budget.isSpent, true);
});

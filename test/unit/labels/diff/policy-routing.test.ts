// Where label routes stand: in which table, by which policy rules, and in what order the rules change.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePrefix } from '../../../../src/base/ip.js';
import { FIRST_PRIORITY_BEFORE_TUNNEL, REPLY_MARK, RTPROT_DWGD } from '../../../../src/base/ownership.js';
import {
  diffRules,
  type RoutingDesired,
  routingRules,
  routingTable,
} from '../../../../src/labels/diff/policy-routing.js';
import type { Change } from '../../../../src/labels/diff/state.js';
import type { Rule } from '../../../../src/netlink/route/policy-rule.js';

const routes = (...texts: string[]): RoutingDesired => ({
  routes: texts.map(text => ({ network: parsePrefix(text)! })),
});
const describe = ({ family, priority, fwmark, table, suppressPrefixLength }: Rule): string =>
  `${family}: ${priority} ${table} ${fwmark ? `marked ${fwmark.value}/${fwmark.mask}` : (suppressPrefixLength ?? 'all')}`;
const describeChange = (change: Change): string =>
  'rule' in change ? `${change.kind} ${describe(change.rule)}` : change.kind;

const MARKED = `marked ${REPLY_MARK}/${REPLY_MARK}`;
const FOUR = [
  `4: 32761 254 ${MARKED}`,
  '4: 32762 254 1',
  '4: 32763 229 0',
  '4: 32764 254 0',
  '4: 32765 229 all',
];
/** Both halves are found in table 229 by the last rule. */
const FOUR_OF_HALVES = FOUR.filter(text => !text.endsWith(' 0'));
const SIX = FOUR.map(text => text.replace('4:', '6:'));

for (const [text, table] of [
  ['0.0.0.0/0', 229],
  ['0.0.0.0/1', 229],
  ['128.0.0.0/1', 229],
  ['::/0', 229],
  ['8000::/1', 229],
  ['64.0.0.0/2', 254],
  ['10.0.0.0/8', 254],
  ['2000::/3', 254],
  ['192.0.2.1/32', 254],
] as const) {
  test(`a route to ${text} is in table ${table}`, () => {
    assert.equal(routingTable(parsePrefix(text)!), table);
  });
}

for (const [texts, expected] of [
  [[], []],
  [['10.0.0.0/8', 'fd00::/8'], []],
  [['0.0.0.0/0'], FOUR],
  [['0.0.0.0/1'], FOUR],
  [
    ['0.0.0.0/1', '0.0.0.0/1', '::/1'],
    [...FOUR, ...SIX],
  ],
  [['0.0.0.0/1', '128.0.0.0/1'], FOUR_OF_HALVES],
  [['0.0.0.0/0', '128.0.0.0/1', '0.0.0.0/1'], FOUR_OF_HALVES],
  [
    ['::/1', '8000::/1', '0.0.0.0/1'],
    [...FOUR, ...SIX.filter(text => !text.endsWith(' 0'))],
  ],
  [['::/0', '10.0.0.0/8'], SIX],
  [
    ['::/1', '0.0.0.0/0'],
    [...FOUR, ...SIX],
  ],
] as const) {
  test(`routes to ${texts.join(', ') || 'nothing'} need ${expected.length} rules`, () => {
    assert.deepEqual(routingRules(routes(...texts)).map(describe), expected);
  });
}

test('with all rules in place nothing changes', () => {
  const both = routes('0.0.0.0/0', '::/0');
  assert.deepEqual(diffRules(both, routingRules(both)), []);
  assert.deepEqual(diffRules(routes('10.0.0.0/8'), []), []);
});

test('rules come in the order of their priorities and go in reverse', () => {
  assert.deepEqual(
    diffRules(routes('0.0.0.0/0'), []).map(describeChange),
    FOUR.map(text => `addRule ${text}`),
  );
  assert.deepEqual(
    diffRules(routes(), routingRules(routes('0.0.0.0/0'))).map(describeChange),
    [...FOUR].reverse().map(text => `deleteRule ${text}`),
  );
});

test('beside a full tunnel of dwgd the rules come before its own, and moving there leaves none behind', () => {
  const shifted = { ...routes('0.0.0.0/0'), firstPriority: FIRST_PRIORITY_BEFORE_TUNNEL };
  const before = ['32758', '32759', '32760', '32761', '32762'];
  const moved = FOUR.map((text, n) => text.replace(/3276\d/, before[n]!));
  assert.deepEqual(routingRules(shifted).map(describe), moved);
  assert.deepEqual(diffRules(shifted, routingRules(routes('0.0.0.0/0'))).map(describeChange), [
    ...moved.map(text => `addRule ${text}`),
    ...[...FOUR].reverse().map(text => `deleteRule ${text}`),
  ]);
});

test('the rule of marked packets is another one when its mark differs', () => {
  const wanted = routes('0.0.0.0/0');
  const [first, ...others] = routingRules(wanted);
  for (const fwmark of [undefined, { value: 1, mask: REPLY_MARK }, { value: REPLY_MARK, mask: 1 }]) {
    const { fwmark: _, ...rest } = first!;
    const strange = { ...rest, ...(fwmark && { fwmark }) };
    assert.deepEqual(diffRules(wanted, [strange, ...others]).map(describeChange), [
      `addRule ${describe(first!)}`,
      `deleteRule ${describe(strange)}`,
    ]);
  }
});

test('a rule that is missing is added, and one of ours that has no place goes', () => {
  const wanted = routes('0.0.0.0/0');
  const [first, ...others] = routingRules(wanted);
  const strange: Rule = { family: 4, priority: 5, table: 100, protocol: 229 };
  assert.deepEqual(diffRules(wanted, [strange, ...others]).map(describeChange), [
    `addRule ${describe(first!)}`,
    `deleteRule ${describe(strange)}`,
  ]);
});

test("the protocol of our routes is nobody else's: each takes away what it finds of its own", () => {
  // rt_protos of iproute2; zebra/rt_netlink.h of FRRouting for 186 to 198.
  const known = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 42, 84, 99];
  assert.ok(!known.includes(RTPROT_DWGD) && !(RTPROT_DWGD >= 186 && RTPROT_DWGD <= 198));
});

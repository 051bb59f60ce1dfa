// Policy rules: what ip(8) sends for the same, and what the kernel lists.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { NLM_F_ACK, NLM_F_REQUEST } from '../../../../src/netlink/message.js';
import {
  decodeRule,
  deleteRuleRequest,
  getPolicyRulesRequest,
  isRuleOf,
  newRuleRequest,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
  type Rule,
} from '../../../../src/netlink/route/policy-rule.js';
import { golden, replies, request, tree } from '../../../support/golden.js';

const OURS: Rule = { family: 4, priority: 19700, table: 254, suppressPrefixLength: 1, protocol: 197 };
const SIX: Rule = { family: 6, priority: 19703, table: 197, protocol: 197 };
const MARK = 0x2000_0000;
const MARKED: Rule = {
  family: 4,
  priority: 19704,
  fwmark: { value: MARK, mask: MARK },
  table: 254,
  protocol: 197,
};
const MARKED_WORDS = 'priority 19704 fwmark 0x20000000/0x20000000 lookup main protocol 197';
const WORDS = 'priority 19700 lookup main suppress_prefixlength 1 protocol 197';

function assertSame(
  ours: { type: number; payload: Buffer },
  theirs: { type: number; payload: Buffer },
): void {
  assert.equal(ours.type, theirs.type);
  assert.equal(ours.payload.toString('hex', 0, 12), theirs.payload.toString('hex', 0, 12));
  assert.deepEqual(tree(ours.payload.subarray(12)), tree(theirs.payload.subarray(12)));
}

for (const [command, rule] of [
  [`ip rule add ${WORDS}`, OURS],
  ['ip -6 rule add priority 19703 lookup 197 protocol 197', SIX],
  [`ip rule add ${MARKED_WORDS}`, MARKED],
] as const) {
  test(`"${command}" is sent`, () => {
    const theirs = request(golden('rule', command), RTM_NEWRULE);
    const ours = newRuleRequest(rule);
    assert.equal(ours.flags | NLM_F_REQUEST | NLM_F_ACK, theirs.flags);
    assertSame(ours, theirs);
  });
}

test(`"ip rule del ${WORDS}" is sent`, () => {
  assertSame(deleteRuleRequest(OURS), request(golden('rule', `ip rule del ${WORDS}`), RTM_DELRULE));
});

test('a rule that leads nowhere is told from one that looks up a table, there and back', () => {
  const rule: Rule = { family: 6, priority: 19802, table: 0, unreachable: true, protocol: 197 };
  assert.deepEqual(decodeRule(newRuleRequest(rule).payload), rule);
  assert.deepEqual(decodeRule(newRuleRequest(SIX).payload), SIX);
  // A prohibition, FR_ACT_PROHIBIT.
  const other = Buffer.from(newRuleRequest(rule).payload);
  other.writeUInt8(8, 7);
  assert.equal(decodeRule(other), undefined);
});

test('a rule that goes on at another one, and one for all packets but some, are read as such', () => {
  const target = Buffer.from([8, 0, 4, 0, 0xfe, 0x7f, 0, 0]);
  const payload = Buffer.concat([newRuleRequest({ ...SIX, table: 0 }).payload, target]);
  payload.writeUInt8(2, 7);
  assert.deepEqual(decodeRule(payload), { ...SIX, table: 0, goto: 32_766 });
  payload.writeUInt32LE(2, 8);
  assert.equal(decodeRule(payload)?.isSelective, true);
});

test('rules of every family are asked for by a header of zeros', () => {
  assert.deepEqual(getPolicyRulesRequest(), { type: RTM_GETRULE, flags: 0x300, payload: Buffer.alloc(12) });
});

for (const [command, expected] of [
  [
    'ip rule show',
    [
      { family: 4, priority: 0, table: 255, protocol: 2 },
      OURS,
      { family: 4, priority: 19800, table: 1000, isSelective: true, protocol: 0 },
      { family: 4, priority: 19801, table: 0, unreachable: true, protocol: 0 },
      { family: 4, priority: 32766, table: 254, protocol: 2 },
      { family: 4, priority: 32767, table: 253, protocol: 2 },
    ],
  ],
  [
    'ip -4 rule show',
    [
      { family: 4, priority: 0, table: 255, protocol: 2 },
      MARKED,
      { family: 4, priority: 32766, table: 254, protocol: 2 },
      { family: 4, priority: 32767, table: 253, protocol: 2 },
    ],
  ],
  [
    'ip -6 rule show',
    [
      { family: 6, priority: 0, table: 255, protocol: 2 },
      SIX,
      { family: 6, priority: 32766, table: 254, protocol: 2 },
    ],
  ],
] as const) {
  test(`the answer to "${command}" is read`, () => {
    const list = replies(golden('rule', command)).filter(({ type }) => type === RTM_NEWRULE);
    assert.deepEqual(
      list.flatMap(({ payload }) => decodeRule(payload) ?? []),
      expected,
    );
    const whose = list.filter(({ payload }) => isRuleOf(payload, OURS.protocol));
    assert.deepEqual(
      whose.flatMap(({ payload }) => decodeRule(payload) ?? []),
      expected.filter(({ protocol }) => protocol === OURS.protocol),
    );
  });
}

test('a rule of another family is passed over, and a damaged one refused', () => {
  assert.equal(decodeRule(Buffer.from(`80${'00'.repeat(6)}01${'00'.repeat(4)}`, 'hex')), undefined);
  assert.throws(() => decodeRule(Buffer.alloc(11)), DecodeError);
  assert.throws(() => isRuleOf(Buffer.alloc(11), 2), DecodeError);
});

test('a rule is read back as it was written', () => {
  const rule = fc.record(
    {
      family: fc.constantFrom(4, 6),
      priority: fc.nat(),
      fwmark: fc.record({ value: fc.nat(0xffff_ffff), mask: fc.nat(0xffff_ffff) }, { noNullPrototype: true }),
      table: fc.integer({ min: 1, max: 0xffff_ffff }),
      suppressPrefixLength: fc.nat(128),
      protocol: fc.nat(255),
    },
    { requiredKeys: ['family', 'priority', 'table', 'protocol'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(rule, rule => {
      assert.deepEqual(decodeRule(newRuleRequest(rule as Rule).payload), rule);
    }),
  );
});

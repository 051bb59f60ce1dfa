// What nf_tables is asked straight: the questions as nft(8) asks them, and the comments in the kernel's answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../src/base/errors.js';
import { attr, attrString } from '../../../src/netlink/attributes.js';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, readErrno } from '../../../src/netlink/message.js';
import {
  decodeRuleComment,
  decodeTableName,
  getChainsRequest,
  getRulesRequest,
  getTableRequest,
  getTablesRequest,
} from '../../../src/nft/messages.js';
import { decodeSnapshot } from '../../../src/nft/table-snapshot.js';
import { golden, replies, request, tree } from '../../support/golden.js';

const LIST = 'nft list chain inet dwgd stamp';
const NONE = 'nft list table inet nosuch';
/** NFNL_SUBSYS_NFTABLES and NFT_MSG_NEW*. */
const [NEWTABLE, NEWCHAIN, NEWRULE] = [0x0a00, 0x0a03, 0x0a06];
const NFTA_RULE_USERDATA = 7;

for (const [what, ours, command] of [
  ['the rules of a chain', getRulesRequest('inet', 'dwgd', 'stamp'), LIST],
  ['a table', getTableRequest('inet', 'dwgd'), LIST],
  ['a table that is not there', getTableRequest('inet', 'nosuch'), NONE],
] as const) {
  test(`${what}: the same is asked as nft(8) asks`, () => {
    const theirs = request(golden('nft', command), ours.type);
    assert.equal(ours.flags | NLM_F_REQUEST | NLM_F_ACK, theirs.flags | NLM_F_ACK);
    assert.equal(ours.payload.toString('hex', 0, 4), theirs.payload.toString('hex', 0, 4));
    assert.deepEqual(tree(ours.payload.subarray(4)), tree(theirs.payload.subarray(4)));
  });
}

test('the comments of a chain are read, and a rule without one has none', () => {
  const rules = replies(golden('nft', LIST)).filter(({ type }) => type === NEWRULE);
  assert.deepEqual(
    rules.map(({ payload }) => decodeRuleComment(payload)),
    ['sha256 0123', undefined, 'before ipv4/ip_forward=0'],
  );
});

test('the chains: the same is asked as nft(8) asks, but of one family', () => {
  const ours = getChainsRequest('inet');
  const theirs = request(golden('nft', NONE), ours.type);
  assert.equal(ours.flags | NLM_F_REQUEST, theirs.flags);
  assert.deepEqual([ours.payload.toString('hex'), theirs.payload.toString('hex')], ['01000000', '00000000']);
});

/** NFTA_LIST_ELEM of an expression `counter`, its bytes and packets as zeros. */
const COUNTER = attr(
  1,
  Buffer.concat([
    attrString(1, 'counter'),
    attr(2, Buffer.concat([attr(1, Buffer.alloc(8)), attr(2, Buffer.alloc(8))])),
  ]),
).toString('hex');

test('the tables: of one family, each by its name', () => {
  const one = getTableRequest('inet', 'dwgd');
  const all = getTablesRequest('inet');
  assert.deepEqual([all.type, all.flags], [one.type, getChainsRequest('inet').flags]);
  assert.equal(all.payload.toString('hex'), '01000000');
  const tables = replies(golden('nft', LIST)).filter(({ type }) => type === NEWTABLE);
  assert.deepEqual(
    tables.map(({ payload }) => decodeTableName(payload)),
    ['dwgd'],
  );
  assert.throws(() => decodeTableName(Buffer.alloc(3)), DecodeError);
});

test('what is in a table is read by its handles, and its generation from any answer', () => {
  const of = (type: number): Buffer[] =>
    replies(golden('nft', LIST)).flatMap(reply => (reply.type === type ? [reply.payload] : []));
  const [table] = of(NEWTABLE);
  const answers = { table: table!, chains: of(NEWCHAIN), sets: [], rules: of(NEWRULE) };
  assert.deepEqual(decodeSnapshot('dwgd', answers), {
    generation: 4,
    handle: '1',
    flags: 0,
    use: 1,
    chains: [{ name: 'stamp', handle: '1', rules: ['2', '3', '4'].map(handle => `${handle} ${COUNTER}`) }],
    sets: [],
  });
  assert.deepEqual(decodeSnapshot('another', answers).chains, [], 'chains of other tables are passed over');
  assert.throws(() => decodeSnapshot('dwgd', { ...answers, table: table!.subarray(0, 3) }), DecodeError);
  assert.throws(() => decodeSnapshot('dwgd', { ...answers, table: table!.subarray(0, 4) }), DecodeError);
});

test('a table that is not there is ENOENT', () => {
  const answer = replies(golden('nft', NONE)).find(({ type }) => type === NLMSG_ERROR);
  assert.equal(readErrno(answer!), 2);
});

const rule = (userdata: Buffer): Buffer =>
  Buffer.concat([Buffer.from([1, 0, 0, 0]), attrString(1, 'dwgd'), attr(NFTA_RULE_USERDATA, userdata)]);

for (const [what, hex, expected] of [
  ['a comment behind something else', '0502ffff00026100', 'a'],
  ['a comment without its zero', '000161', 'a'],
  ['an empty comment', '0000', ''],
  ['something else alone', '0502ffff', undefined],
  ['a length that leads outside', '00ff61', undefined],
  ['one stray byte', '00', undefined],
] as const) {
  test(`user data: ${what}`, () => {
    assert.equal(decodeRuleComment(rule(Buffer.from(hex, 'hex'))), expected);
  });
}

test('a damaged rule is refused', () => {
  assert.throws(() => decodeRuleComment(Buffer.alloc(3)), DecodeError);
  assert.throws(() => decodeRuleComment(Buffer.from('0100000009000100', 'hex')), DecodeError);
});

test('user data of any bytes is read without an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const comment = decodeRuleComment(rule(Buffer.from(bytes)));
      assert.ok(comment === undefined || comment.length <= 255);
    }),
  );
});

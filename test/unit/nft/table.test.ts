// Transactions that put a table in place: the commands in their order. And what the log says of one: short, on one line,
// and after a refusal numbered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createTable,
  deleteTable,
  type NftTable,
  type NftTransaction,
  nftCommand,
  nftScript,
  replaceTable,
} from '../../../src/nft/table.js';

const TABLE: NftTable = {
  family: 'inet',
  name: 'x',
  sets: [
    { name: 'who', type: 'ipv4_addr', timeout: 60 },
    { name: 'where', type: 'ipv4_addr', map: 'inet_service' },
  ],
  chains: [
    {
      name: 'in',
      hook: { type: 'filter', hook: 'input', priority: -150 },
      rules: [{ expr: [{ jump: { target: 'rest' } }], comment: 'first' }, { expr: [{ drop: null }] }],
    },
    { name: 'rest', rules: [{ expr: [{ accept: null }], comment: 'stamp', late: 'counter' }, { expr: [] }] },
  ],
};
const AT = { family: 'inet', table: 'x' };
/** The kernel's own policy would be the same; no packet is ever dropped for want of a rule. */
const CONTENTS = [
  { add: { set: { ...AT, name: 'who', type: 'ipv4_addr', timeout: 60 } } },
  { add: { map: { ...AT, name: 'where', type: 'ipv4_addr', map: 'inet_service' } } },
  {
    add: { chain: { ...AT, name: 'in', type: 'filter', hook: 'input', prio: -150, policy: 'accept' } },
  },
  { add: { chain: { ...AT, name: 'rest' } } },
  { add: { rule: { ...AT, chain: 'in', expr: [{ jump: { target: 'rest' } }], comment: 'first' } } },
  { add: { rule: { ...AT, chain: 'in', expr: [{ drop: null }] } } },
  { add: { rule: { ...AT, chain: 'rest', expr: [] } } },
];
const LATE = {
  table: { family: 'inet', name: 'x' },
  rules: [{ chain: 'rest', statement: 'counter', comment: 'stamp' }],
};
const NAMED = { table: { family: 'inet', name: 'x' } };

test('a table is made with its sets, then all chains, which accept, then rules; late ones are left to another transaction', () => {
  assert.deepEqual(createTable(TABLE), { nftables: [{ create: NAMED }, ...CONTENTS], late: LATE });
});

test('a table takes the place of another, or of none', () => {
  const nftables = [{ add: NAMED }, { delete: NAMED }, { add: NAMED }, ...CONTENTS];
  assert.deepEqual(replaceTable(TABLE), { nftables, late: LATE });
});

test('a table without late rules is there after one transaction', () => {
  assert.equal(replaceTable({ ...TABLE, chains: TABLE.chains.slice(0, 1) }).late, undefined);
});

test('a transaction reads as a command line of nft(8)', () => {
  assert.equal(
    nftCommand(deleteTable({ family: 'inet', name: 'x' })),
    `nft -j '{"nftables":[{"add":{"table":{"family":"inet","name":"x"}}},{"delete":{"table":{"family":"inet","name":"x"}}}]}'`,
  );
});

test('a script has each command with its number', () => {
  assert.deepEqual(nftScript(deleteTable({ family: 'inet', name: 'x' })), [
    '1: {"add":{"table":{"family":"inet","name":"x"}}}',
    '2: {"delete":{"table":{"family":"inet","name":"x"}}}',
  ]);
});

test('what is long is cut', () => {
  const transaction: NftTransaction = { nftables: [{ add: 'x'.repeat(100_000) }] };
  assert.ok(nftCommand(transaction).length < 2100);
  assert.ok(nftScript(transaction)[0]!.length < 2100);
});

test('what would end the quotes of a shell does not', () => {
  assert.equal(nftCommand({ nftables: [{ add: "it's" }] }), `nft -j '{"nftables":[{"add":"it'\\''s"}]}'`);
});

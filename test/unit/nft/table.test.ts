// What the log says of a transaction of nftables: short, on one line, and after a refusal numbered.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deleteTable, type NftTransaction, nftCommand, nftScript } from '../../../src/nft/table.js';

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

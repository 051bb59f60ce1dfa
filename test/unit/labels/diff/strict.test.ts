// Which tables close a namespace: names of chains tell, not objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stampedTable } from '../../../../src/labels/diff/stamp.js';
import { CLOSED_TABLE, closed, isClosing, NOT_FORWARDING_TABLE } from '../../../../src/labels/diff/strict.js';
import type { NftTable } from '../../../../src/nft/table.js';
import { accepting } from '../../../support/label-namespace.js';

const withoutChain = (name: string): NftTable => ({
  ...CLOSED_TABLE,
  chains: CLOSED_TABLE.chains.filter(chain => chain.name !== name),
});

for (const [what, table, expected] of [
  ['the closing chains', CLOSED_TABLE, true],
  ['a copy of them, as after JSON', JSON.parse(JSON.stringify(CLOSED_TABLE)) as NftTable, true],
  ['them with a stamp', stampedTable(CLOSED_TABLE, []), true],
  ['a table that was closed', structuredClone(closed(accepting(80))), true],
  ['an open table', accepting(80), false],
  ['a table that forwards nothing', NOT_FORWARDING_TABLE, false],
  ['all of them but that of output', withoutChain('strict-output'), false],
  ['no table', undefined, false],
] as const) {
  test(`${what}: ${expected ? 'closes' : 'does not close'} a namespace`, () => {
    assert.equal(isClosing(table), expected);
  });
}

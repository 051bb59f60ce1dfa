// Ranges of addresses that may be asked for, and which of them containers may have.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatAddress, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { forContainers, parseRange } from '../../../../src/driver/spec/address-range.js';

for (const [text, first, last, count] of [
  ['10.0.0.2', '10.0.0.2', '10.0.0.2', 1],
  ['10.0.0.2-10.0.0.9', '10.0.0.2', '10.0.0.9', 8],
  ['10.0.0.254 - 10.0.1.1', '10.0.0.254', '10.0.1.1', 4],
  ['10.0.0.5/28', '10.0.0.0', '10.0.0.15', 16],
  ['10.0.0.4/31', '10.0.0.4', '10.0.0.5', 2],
  ['10.0.0.4/32', '10.0.0.4', '10.0.0.4', 1],
  ['0.0.0.0-0.0.0.1', '0.0.0.0', '0.0.0.1', 2],
  ['fd00::/120', 'fd00::', 'fd00::ff', 256],
  ['fd00::ffff-fd00::1:0', 'fd00::ffff', 'fd00::1:0', 2],
  ['10.0.0.0/22', '10.0.0.0', '10.0.3.255', 1024],
] as const) {
  test(`the range ${text}`, () => {
    const found = parseRange(text).map(formatAddress);
    assert.deepEqual([found[0], found.at(-1), found.length], [first, last, count]);
    assert.equal(new Set(found).size, count);
  });
}

const RIGHT = 'give an address, a network such as 10.0.0.0/28, or a range such as 10.0.0.2-10.0.0.9';

for (const [text, message] of [
  ['', ` is no range of addresses: ${RIGHT}`],
  ['10.0.0', `10.0.0 is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-', `10.0.0.2- is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-fd00::1', `10.0.0.2-fd00::1 is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-10.0.0.3-10.0.0.4', `10.0.0.2-10.0.0.3-10.0.0.4 is no range of addresses: ${RIGHT}`],
  ['10.0.0.9-10.0.0.2', `10.0.0.9-10.0.0.2 ends before it begins: ${RIGHT}`],
  ['10.0.0.0/21', '10.0.0.0/21 has more than 1024 addresses: give fewer at a time'],
  ['::/0', '::/0 has more than 1024 addresses: give fewer at a time'],
] as const) {
  test(`no range: ${text}`, () => {
    assert.throws(() => parseRange(text), new UserError(message, { code: 'EINVAL' }));
  });
}

for (const [range, subnet, gateway, own] of [
  ['10.0.0.0/30', '10.0.0.0/24', '10.0.0.1', '10.0.0.2 10.0.0.3'],
  ['10.0.0.252/30', '10.0.0.0/24', '10.0.0.1', '10.0.0.252 10.0.0.253 10.0.0.254'],
  ['10.0.0.254-10.0.1.2', '10.0.0.0/24', undefined, '10.0.0.254'],
  ['10.0.0.0/31', '10.0.0.0/31', undefined, '10.0.0.0 10.0.0.1'],
  ['fd00::/126', 'fd00::/126', 'fd00::1', 'fd00::2 fd00::3'],
  ['10.9.0.1', '10.0.0.0/24', undefined, ''],
] as const) {
  test(`of ${range} containers in ${subnet} may have ${own || 'none'}`, () => {
    const pool = {
      subnet: parsePrefix(subnet)!,
      ...(gateway !== undefined && { gateway: parseAddress(gateway)! }),
    };
    assert.equal(forContainers(parseRange(range), pool).map(formatAddress).join(' '), own);
  });
}

// Neighbours as the kernel lists them, byte by byte.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../src/base/errors.js';
import { formatAddress } from '../../../../src/base/ip.js';
import { decodeNeighbour, getNeighboursRequest } from '../../../../src/netlink/route/neighbour.js';

/** struct ndmsg of link 3 in a state, and what follows. */
const neighbour = (state: string, ...attrs: string[]): Buffer =>
  Buffer.from(`02000000 03000000 ${state} 00 01 ${attrs.join('')}`.replaceAll(' ', ''), 'hex');
const TO = '0800 0100 0a090004';
const MAC = '0a00 0200 02420a090004 0000';

test('neighbours are asked for by an ndmsg of zeros', () => {
  assert.deepEqual(getNeighboursRequest(), { type: 30, flags: 0x300, payload: Buffer.alloc(12) });
});

for (const [what, state, attrs, expected] of [
  ['one that is reachable', '0200', [TO, MAC], '3 10.9.0.4 02:42:0a:09:00:04'],
  ['one that was', '0400', [TO, MAC], '3 10.9.0.4 02:42:0a:09:00:04'],
  ['one that never goes', '8000', [MAC, TO], '3 10.9.0.4 02:42:0a:09:00:04'],
  ['one that does not answer', '2000', [TO, MAC], undefined],
  ['one that is asked for', '0100', [TO], undefined],
  ['a group, or one of a link without addresses', '4000', [TO, MAC], undefined],
  ['one with a longer link-layer address', '0200', [TO, '0c00 0200 02420a0900040506'], undefined],
  ['one without its address', '0200', [MAC], undefined],
] as const) {
  test(`${what} is ${expected ?? 'left out'}`, () => {
    const found = decodeNeighbour(neighbour(state, ...attrs));
    assert.equal(found && `${found.index} ${formatAddress(found.address)} ${found.mac}`, expected);
  });
}

test('a short ndmsg is refused', () => {
  assert.throws(() => decodeNeighbour(Buffer.alloc(11)), DecodeError);
});

// Settings of all interfaces: byte by byte what ip-netconf(8) sends, and what the kernel answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { decodeForwarding, getNetconfRequest } from '../../../../src/netlink/route/netconf.js';

const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

for (const [family, expected] of [
  [4, '02 000000  0800 0100 ffffffff'],
  [6, '0a 000000  0800 0100 ffffffff'],
] as const)
  test(`"ip -${family} netconf show dev all"`, () => {
    const { type, flags, payload } = getNetconfRequest(family);
    assert.deepEqual([type, flags, payload], [82, 0, bytes(expected)]);
  });

for (const [what, payload, expected] of [
  ['forwarding is on', '02 000000  0800 0100 ffffffff  0800 0200 01000000', 1],
  ['forwarding is off', '02 000000  0800 0100 ffffffff  0800 0200 00000000', 0],
  ['forwarding is what nobody else would set', '02 000000  0800 0200 ffffffff', -1],
  ['it is not said', '02 000000  0800 0100 ffffffff  0800 0300 01000000', undefined],
] as const)
  test(`of an answer: ${what}`, () => assert.equal(decodeForwarding(bytes(payload)), expected));

for (const [what, payload] of [
  ['a short header', '02 00'],
  ['a value of two bytes', '02 000000  0600 0200 0100 0000'],
  ['an attribute that is cut off', '02 000000  0800 0200 01'],
] as const)
  test(`an answer with ${what} is refused`, () => {
    assert.throws(() => decodeForwarding(bytes(payload)), DecodeError);
  });

test('any bytes are a value, or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), answer => {
      try {
        const value = decodeForwarding(Buffer.from(answer));
        return value === undefined || Number.isInteger(value);
      } catch (err) {
        return err instanceof DecodeError;
      }
    }),
  );
});

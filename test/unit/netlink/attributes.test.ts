// Netlink attributes and messages: lengths, padding, flags, and that no bytes lead a reader astray.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../src/base/errors.js';
import {
  attr,
  attrMap,
  attrString,
  attrU8,
  attrU16,
  attrU32,
  nest,
  readAttrs,
  readString,
  readU8,
  readU16,
  readU32,
  sized,
} from '../../../src/netlink/attributes.js';
import { encodeRequest, type Message, readErrno, readMessages } from '../../../src/netlink/message.js';

for (const [name, bytes, hex] of [
  ['one byte is padded to four', attrU8(3, 0x20), '0500030020000000'],
  ['16 bits are little-endian', attrU16(6, 51820), '060006006cca0000'],
  ['32 bits are little-endian', attrU32(4, 1380), '0800040064050000'],
  ['a string has its zero', attrString(3, 'wg0'), '0800030077673000'],
  ['a nest has NLA_F_NESTED', nest(9, attrU8(1, 1)), '0c0009800500010001000000'],
  ['an empty value is a header', attr(1, Buffer.alloc(0)), '04000100'],
] as const) {
  test(name, () => assert.equal(bytes.toString('hex'), hex));
}

test('an attribute holds 65,531 bytes and no more', () => {
  assert.equal(attr(1, Buffer.alloc(65_531)).readUInt16LE(0), 0xffff);
  assert.throws(() => attr(1, Buffer.alloc(65_532)), /^RangeError: a netlink attribute of 65532 bytes/);
});

test('the flag bits are no part of a type', () => {
  const bytes = Buffer.concat([nest(8, attrU8(1, 2)), attr(0x4009, Buffer.alloc(2))]);
  assert.deepEqual(
    readAttrs(bytes).map(({ type }) => type),
    [8, 9],
  );
});

test('of attributes of one type the last counts in a map, and all are in the list', () => {
  const bytes = Buffer.concat([attrU8(0, 1), attrU8(0, 2)]);
  assert.equal(readAttrs(bytes).length, 2);
  assert.equal(readU8(attrMap(bytes).get(0)!), 2);
});

test('the last attribute needs no padding', () => {
  assert.equal(readU8(attrMap(Buffer.from('0500030020', 'hex')).get(3)!), 0x20);
});

for (const [name, hex, message] of [
  ['a length shorter than a header', '03000100', /length 3 with 4 bytes left/],
  ['a length of zero', '0000010000000000', /length 0 with 8 bytes left/],
  ['a length beyond the buffer', '0900010000000000', /length 9 with 8 bytes left/],
  ['stray bytes', '0400010000', /1 stray bytes/],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(
      () => readAttrs(Buffer.from(hex, 'hex')),
      err => err instanceof DecodeError && message.test(err.message),
    );
  });
}

test('a number of the wrong length is refused', () => {
  for (const [read, length] of [
    [readU8, 2],
    [readU16, 1],
    [readU16, 4],
    [readU32, 2],
    [readU32, 8],
  ] as const) {
    assert.throws(() => read(Buffer.alloc(length)), DecodeError);
  }
  assert.throws(
    () => sized(Buffer.alloc(31), 32),
    /^DecodeError: a netlink value of 31 bytes where 32 belong/,
  );
});

test('a string ends at its zero, or with its bytes', () => {
  assert.equal(readString(Buffer.from('wg0\0junk')), 'wg0');
  assert.equal(readString(Buffer.from('wg0')), 'wg0');
});

test('attributes are read back as they were written', () => {
  const value = fc.uint8Array({ maxLength: 70 }).map(bytes => Buffer.from(bytes));
  const list = fc.array(fc.record({ type: fc.nat(0x3fff), value }, { noNullPrototype: true }));
  fc.assert(
    fc.property(list, attrs => {
      const bytes = Buffer.concat(attrs.map(({ type, value }) => attr(type, value)));
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(readAttrs(bytes), attrs);
    }),
  );
});

test('a request is a header, with NLM_F_REQUEST, and its payload, padded', () => {
  const bytes = encodeRequest({ type: 18, flags: 0x300, payload: Buffer.from([1, 2, 3, 4, 5]) }, 7);
  assert.equal(bytes.toString('hex'), '15000000120001030700000000000000' + '0102030405000000');
});

test('several messages of one datagram are read, and payloads have no padding', () => {
  const one = encodeRequest({ type: 16, flags: 2, payload: Buffer.from([1, 2, 3]) }, 1);
  const two = encodeRequest({ type: 3, flags: 2, payload: Buffer.alloc(4) }, 1);
  const messages = readMessages(Buffer.concat([one, two]));
  assert.deepEqual(
    messages.map(({ type, payload }) => [type, payload.length]),
    [
      [16, 3],
      [3, 4],
    ],
  );
});

for (const hex of [
  '00',
  `0f000000${'00'.repeat(12)}`,
  `11000000${'00'.repeat(12)}`,
  `ffffffff${'00'.repeat(12)}`,
]) {
  test(`a datagram that begins ${hex.slice(0, 8)} is refused`, () => {
    assert.throws(() => readMessages(Buffer.from(hex, 'hex')), DecodeError);
  });
}

const message = (type: number, hex: string): Message => ({
  type,
  flags: 0,
  seq: 1,
  payload: Buffer.from(hex, 'hex'),
});

for (const [name, type, hex, errno] of [
  ['an acknowledgement', 2, '00000000', 0],
  ['NLMSG_ERROR with -EEXIST', 2, 'efffffff', 17],
  ['NLMSG_DONE without a payload', 3, '', 0],
  ['NLMSG_DONE with 0', 3, '00000000', 0],
  ['NLMSG_DONE with -EOPNOTSUPP', 3, 'a1ffffff', 95],
] as const) {
  test(`${name} is errno ${errno}`, () => assert.equal(readErrno(message(type, hex)), errno));
}

test('an errno that is positive, or cut off, is refused', () => {
  assert.throws(() => readErrno(message(2, '11000000')), DecodeError);
  assert.throws(() => readErrno(message(2, 'efff')), DecodeError);
  assert.throws(() => readErrno(message(2, '')), DecodeError);
});

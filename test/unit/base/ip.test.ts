// Addresses and prefixes: what is read, what is refused, and how it is written back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressKey,
  formatAddress,
  formatPrefix,
  maskPrefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixCovers,
  toMapped,
} from '../../../src/base/ip.js';

for (const [text, canonical] of [
  ['10.0.0.2', '10.0.0.2'],
  ['255.255.255.255', '255.255.255.255'],
  ['FD00:0:0::2', 'fd00::2'],
  ['::', '::'],
  ['::ffff:10.0.0.2', '::ffff:10.0.0.2'],
  ['::10.0.0.2', '::a00:2'],
  ['2001:db8:85a3:0:0:8a2e:370:7334', '2001:db8:85a3::8a2e:370:7334'],
] as const) {
  test(`the address ${text} is written ${canonical}`, () => {
    const address = parseAddress(text);
    assert.ok(address);
    const again = parseAddress(formatAddress(address));
    assert.deepEqual(again, address);
    assert.equal(formatAddress(address).replace('::ffff:a00:2', '::ffff:10.0.0.2'), canonical);
  });
}

for (const text of [
  '',
  'garbage',
  '10.0.0',
  '10.0.0.256',
  '010.0.0.2',
  '0x0a.0.0.2',
  '10.0.0.2/24',
  ' 10.0.0.2',
  '167772162',
  'fe80::1%eth0',
  '::1::2',
  '12345::',
  ':',
  '[::1]',
]) {
  test(`the address ${JSON.stringify(text)} is refused`, () => {
    assert.equal(parseAddress(text), undefined);
  });
}

for (const [text, canonical] of [
  ['10.0.0.0/24', '10.0.0.0/24'],
  ['192.168.0.1/24', '192.168.0.0/24'],
  ['10.0.0.2', '10.0.0.2/32'],
  ['fd00::2', 'fd00::2/128'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['128.0.0.0/1', '128.0.0.0/1'],
  ['fd00::1234/65', 'fd00::/65'],
] as const) {
  test(`the network ${text} is ${canonical} without its host bits`, () => {
    const prefix = parsePrefix(text);
    assert.ok(prefix);
    assert.equal(formatPrefix(maskPrefix(prefix)), canonical);
  });
}

for (const text of [
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '/24',
  '10.0.0.0/24/1',
]) {
  test(`the network ${JSON.stringify(text)} is refused`, () => {
    assert.equal(parsePrefix(text), undefined);
  });
}

test('a network holds its own addresses and no others, never across families', () => {
  const contains = (prefix: string, address: string): boolean =>
    prefixContains(parsePrefix(prefix)!, parseAddress(address)!);
  assert.equal(contains('10.0.0.0/24', '10.0.0.255'), true);
  assert.equal(contains('10.0.0.0/24', '10.0.1.0'), false);
  assert.equal(contains('0.0.0.0/0', '192.0.2.1'), true);
  assert.equal(contains('0.0.0.0/0', 'fd00::1'), false);
  assert.equal(contains('fd00::/63', 'fd00:0:0:1::9'), true);
});

test('a network holds what is the same as it without host bits, at every length', () => {
  for (const [given, bits] of [
    ['10.170.85.255', 32],
    ['fd00:aa55::7f:1', 128],
  ] as const) {
    const address = parseAddress(given)!;
    for (let length = 0; length <= bits; length++) {
      for (let bit = 0; bit < bits; bit++) {
        const bytes = Buffer.from(address.bytes);
        bytes[bit >> 3]! ^= 0x80 >> (bit & 7);
        const other = { family: address.family, bytes };
        const [one, two] = [address, other].map(each => maskPrefix({ address: each, length }).address.bytes);
        assert.equal(
          prefixContains({ address, length }, other),
          one!.equals(two!),
          `${given}/${length}, ${bit}`,
        );
      }
    }
  }
});

for (const [outer, inner, expected] of [
  ['10.0.0.0/8', '10.1.0.0/16', true],
  ['10.0.0.0/8', '10.0.0.0/8', true],
  ['10.1.0.0/16', '10.0.0.0/8', false],
  ['10.0.0.0/8', '11.0.0.0/16', false],
  ['0.0.0.0/0', 'fd00::/8', false],
] as const) {
  test(`${outer} covers ${inner}: ${expected}`, () => {
    assert.equal(prefixCovers(parsePrefix(outer)!, parsePrefix(inner)!), expected);
  });
}

test('the key of an address is that of the same address alone, whatever its family', () => {
  const keys = ['10.0.0.1', '10.0.0.2', 'fd00::1', '::ffff:10.0.0.1'].map(text =>
    addressKey(parseAddress(text)!),
  );
  assert.equal(new Set(keys).size, 4);
  assert.equal(addressKey(parseAddress('fd00:0::1')!), addressKey(parseAddress('fd00::1')!));
});

test('an IPv4 address in 16 bytes is IPv4-mapped', () => {
  assert.equal(toMapped(parseAddress('10.0.0.2')!).toString('hex'), '00000000000000000000ffff0a000002');
});

test('whatever text comes, reading it throws nothing, and what is read is written back the same', () => {
  const texts = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:./%]{0,40}$/));
  fc.assert(
    fc.property(texts, text => {
      const address = parseAddress(text);
      if (address) assert.deepEqual(parseAddress(formatAddress(address)), address);
      const prefix = parsePrefix(text);
      if (prefix) assert.deepEqual(parsePrefix(formatPrefix(prefix)), prefix);
    }),
    { numRuns: 2000 },
  );
});

test('a text that is longer than any address is not even read', () => {
  const unread = {
    length: 46,
    toString: () => assert.fail('it was read'),
  } as unknown as string;
  assert.equal(parseAddress(unread), undefined);
  const longest = '0000:0000:0000:0000:0000:ffff:255.255.255.255';
  assert.equal(formatAddress(parseAddress(longest)!), '::ffff:ffff:ffff');
});

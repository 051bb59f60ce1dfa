// Keys: the derivation of the original program, its vectors, and that secrets do not print themselves.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { parseAddress } from '../../../../src/base/ip.js';
import {
  derivePrivateKey,
  Key,
  parseKeyBytes,
  publicKey,
  publicKeyOfNacl,
  publicKeyOfOpenSsl,
  SecretKey,
} from '../../../../src/netlink/wireguard/key.js';
import { VECTORS } from '../../../support/vectors.js';

for (const [address, seed, expected] of VECTORS) {
  const shown = seed.length > 20 ? `${seed.length} letters` : seed;
  test(`the seed ${shown} and ${address} make the public key ${expected}`, () => {
    const key = publicKey(derivePrivateKey(Buffer.from(seed), parseAddress(address)!));
    assert.equal(key.toString(), expected);
  });
}

test('public keys are the same by OpenSSL and by JavaScript, of keys that are not clamped, too', () => {
  const keys = [
    Buffer.alloc(32),
    Buffer.alloc(32, 0xff),
    ...Array.from({ length: 64 }, () => randomBytes(32)),
  ];
  for (const bytes of keys) {
    const key = new SecretKey(bytes);
    assert.equal(`${publicKeyOfOpenSsl(key)}`, `${publicKeyOfNacl(key)}`, bytes.toString('hex'));
  }
});

test('a derived private key is clamped', () => {
  const bytes = derivePrivateKey(Buffer.from('s'), parseAddress('10.0.0.2')!).reveal();
  assert.equal(bytes[0]! & 7, 0);
  assert.equal(bytes[31]! & 0xc0, 0x40);
});

test('every bit of a seed counts, of a long one too: no part of it can be guessed by itself', () => {
  for (const length of [32, 200]) {
    const seed = Buffer.alloc(length, 0x5a);
    const derived = (): string => derivePrivateKey(seed, parseAddress('10.0.0.2')!).reveal().toString('hex');
    const keys = new Set([derived()]);
    for (let bit = 0; bit < length * 8; bit++) {
      seed[bit >> 3]! ^= 1 << (bit & 7);
      keys.add(derived());
      seed[bit >> 3]! ^= 1 << (bit & 7);
    }
    assert.equal(keys.size, length * 8 + 1);
  }
});

test('a secret key prints as (secret), however it is printed', () => {
  const key = new SecretKey(Buffer.alloc(32, 7));
  const printed = [
    `${key}`,
    JSON.stringify({ key }),
    inspect({ key }),
    String(key),
    inspect(key, { showHidden: true }),
  ];
  for (const text of printed) {
    assert.match(text, /\(secret\)/);
    assert.doesNotMatch(text, /BwcH|0707|7, ?7/);
  }
});

for (const text of [
  '',
  'AAAA',
  '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M',
  '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501N=',
  '15-OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M=',
  ' 15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501=',
]) {
  test(`the key ${JSON.stringify(text)} is refused`, () => {
    assert.equal(parseKeyBytes(text), undefined);
  });
}

test('a key is 32 bytes and no others', () => {
  assert.throws(() => new Key(Buffer.alloc(31)), RangeError);
  assert.throws(() => new SecretKey(Buffer.alloc(33)), RangeError);
  assert.equal(new Key(Buffer.alloc(32)).isZero, true);
});

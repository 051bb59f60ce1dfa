// Arbitrary addresses, networks and keys for property tests.
import fc from 'fast-check';
import { type Address, fromBytes, maskPrefix, type Prefix } from '../../src/base/ip.js';
import { Key, SecretKey } from '../../src/netlink/wireguard/key.js';

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(array => Buffer.from(array));

export const ipv4: fc.Arbitrary<Address> = bytes(4).map(fromBytes);
export const ipv6: fc.Arbitrary<Address> = bytes(16).map(fromBytes);
export const address: fc.Arbitrary<Address> = fc.oneof(ipv4, ipv6);

/** A network with its host bits cleared. */
export const prefix: fc.Arbitrary<Prefix> = fc
  .tuple(address, fc.nat(128))
  .map(([address, n]) => maskPrefix({ address, length: n % (address.bytes.length * 8 + 1) }));

export const key: fc.Arbitrary<Key> = bytes(32).map(array => new Key(array));
export const secretKey: fc.Arbitrary<SecretKey> = bytes(32).map(array => new SecretKey(array));

const codePoint: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 4, arbitrary: fc.nat(0x7f) },
    { weight: 2, arbitrary: fc.nat(0x2fff) },
    { weight: 1, arbitrary: fc.nat(0xffff) },
    { weight: 1, arbitrary: fc.integer({ min: 0x10000, max: 0x10ffff }) },
  )
  .map(code => String.fromCodePoint(code));

/**
 * Any text, with controls, invisible characters and halves of surrogates. The library's own units of text make a table of all
 * of Unicode in each process, for seconds.
 */
export const anyText = (maxLength?: number): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 9, arbitrary: fc.string({ unit: codePoint, ...(maxLength !== undefined && { maxLength }) }) },
    { weight: 1, arbitrary: fc.constantFrom('', '__proto__', 'constructor', 'toString', 'null') },
  );

/** A name that the kernel takes for a link. */
export const linkName: fc.Arbitrary<string> = fc.stringMatching(/^[a-z][a-z0-9_-]{0,14}$/);

/** Objects with some of the keys left out, and of the ordinary prototype. */
export function partial<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Partial<T>>;
}

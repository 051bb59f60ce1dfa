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

/** A name that the kernel takes for a link. */
export const linkName: fc.Arbitrary<string> = fc.stringMatching(/^[a-z][a-z0-9_-]{0,14}$/);

/** Objects with some of the keys left out, and of the ordinary prototype. */
export function partial<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(model, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<Partial<T>>;
}

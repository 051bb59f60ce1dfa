// WireGuard keys: Curve25519 keys of 32 bytes, written in base64 as wg(8) does, and the derivation of a
// container's key from seed and address. Not here: where seeds are kept.

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import nacl from 'tweetnacl';
import { type Address, toMapped } from '../../base/ip.js';

/** WG_KEY_LEN of <linux/wireguard.h>. */
export const WG_KEY_LEN = 32;

/** A public key: 32 bytes. */
export class Key {
  readonly bytes: Buffer;

  /** @throws RangeError unless given 32 bytes; they are copied */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== WG_KEY_LEN) throw new RangeError(`a key of ${bytes.length} bytes`);
    this.bytes = Buffer.from(bytes);
  }

  /** Base64, 44 characters. */
  toString(): string {
    return this.bytes.toString('base64');
  }

  toJSON(): string {
    return this.toString();
  }

  equals(other: Key): boolean {
    return this.bytes.equals(other.bytes);
  }

  /** The all-zero key, by which the kernel means "none". */
  get isZero(): boolean {
    return this.bytes.every(byte => byte === 0);
  }
}

/** A private or preshared key. It prints as `(secret)`. */
export class SecretKey {
  readonly #bytes: Buffer;

  /** @throws RangeError unless given 32 bytes; they are copied */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== WG_KEY_LEN) throw new RangeError(`a key of ${bytes.length} bytes`);
    this.#bytes = Buffer.from(bytes);
  }

  /** The key itself, for the kernel or the store. */
  reveal(): Buffer {
    return this.#bytes;
  }

  equals(other: SecretKey): boolean {
    return this.#bytes.equals(other.#bytes);
  }

  get isZero(): boolean {
    return this.#bytes.every(byte => byte === 0);
  }

  toString(): string {
    return '(secret)';
  }

  toJSON(): string {
    return '(secret)';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '(secret)';
  }
}

/** The 32 bytes of a base64 key as `wg genkey` prints it: 44 characters, canonical. Undefined otherwise. */
export function parseKeyBytes(text: string): Buffer | undefined {
  if (text.length !== 44) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === WG_KEY_LEN && bytes.toString('base64') === text ? bytes : undefined;
}

/** `private = clamp(SHA-256(seed ‖ address in 16 bytes))`, the derivation of the original program. */
export function derivePrivateKey(seed: Uint8Array, address: Address): SecretKey {
  return clamp(new SecretKey(createHash('sha256').update(seed).update(toMapped(address)).digest()));
}

/** A private key as the kernel keeps it: some bits of all are the same (RFC 7748), whoever made it. */
export function clamp(privateKey: SecretKey): SecretKey {
  const key = Buffer.from(privateKey.reveal());
  key[0]! &= 0b1111_1000;
  key[31]! = (key[31]! & 0b0111_1111) | 0b0100_0000;
  return new SecretKey(key);
}

/** RFC 8410: what comes before the 32 bytes of a private key of X25519, in PKCS #8. */
const PKCS8_HEADER = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The public half of a private key, as `wg pubkey` prints it. */
export function publicKey(privateKey: SecretKey): Key {
  return publicKeyOfOpenSsl(privateKey) ?? publicKeyOfNacl(privateKey);
}

/**
 * In a tenth of a millisecond; JavaScript takes forty where it does so for the first time, and nobody is answered meanwhile.
 * Undefined where OpenSSL takes only what FIPS 140 approves: Curve25519 is not among that.
 */
export function publicKeyOfOpenSsl(privateKey: SecretKey): Key | undefined {
  const key = Buffer.concat([PKCS8_HEADER, privateKey.reveal()]);
  try {
    const pair = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
    return new Key(pair.export({ format: 'der', type: 'spki' }).subarray(-WG_KEY_LEN));
  } catch {
    return undefined;
  } finally {
    key.fill(0);
  }
}

export function publicKeyOfNacl(privateKey: SecretKey): Key {
  return new Key(nacl.scalarMult.base(privateKey.reveal()));
}

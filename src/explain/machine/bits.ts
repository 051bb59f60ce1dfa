// Values of which some bits are not known, as a packet has them that nobody has sent yet. Pure.

/** Bytes, and a mask of the bits that are known; the others are 0 in `value`. */
export interface Bits {
  readonly value: Buffer;
  readonly known: Buffer;
}

/** What holds, does not, or cannot be judged. */
export type Judgement = boolean | undefined;

export function knownBits(value: Buffer | readonly number[]): Bits {
  const bytes = Buffer.from(value);
  return { value: bytes, known: Buffer.alloc(bytes.length, 0xff) };
}

export function unknownBits(length: number): Bits {
  return { value: Buffer.alloc(length), known: Buffer.alloc(length) };
}

/** A part of it; what is beyond its end is not known. */
export function sliceBits(bits: Bits, offset: number, length: number): Bits {
  const [value, known] = [Buffer.alloc(length), Buffer.alloc(length)];
  bits.value.copy(value, 0, offset, offset + length);
  bits.known.copy(known, 0, offset, offset + length);
  return { value, known };
}

/** The same with other bytes from an offset on, as far as they fit. */
export function patchBits(bits: Bits, offset: number, patch: Bits): Bits {
  const [value, known] = [Buffer.from(bits.value), Buffer.from(bits.known)];
  patch.value.copy(value, offset);
  patch.known.copy(known, offset);
  return { value, known };
}

export function isKnown({ known }: Bits): boolean {
  return known.every(byte => byte === 0xff);
}

/** The number of four known bytes in the host's order. */
export function hostNumber(bits: Bits): number | undefined {
  return bits.value.length === 4 && isKnown(bits) ? bits.value.readUInt32LE() : undefined;
}

/** Four bytes in the host's order. @param unknown the bits that are not known */
export function hostWord(number: number, unknown = 0): Bits {
  const [value, known] = [Buffer.alloc(4), Buffer.alloc(4)];
  value.writeUInt32LE((number & ~unknown) >>> 0);
  known.writeUInt32LE(~unknown >>> 0);
  return { value, known };
}

/** `(bits & mask) ^ xor`. */
export function maskBits({ value, known }: Bits, mask: Buffer, xor: Buffer): Bits {
  const [out, sure] = [Buffer.alloc(value.length), Buffer.alloc(value.length)];
  for (let n = 0; n < value.length; n++) {
    const [kept, flipped] = [mask[n] ?? 0, xor[n] ?? 0];
    sure[n] = (known[n]! | ~kept) & 0xff;
    out[n] = ((value[n]! & kept) ^ flipped) & sure[n]!;
  }
  return { value: out, known: sure };
}

/** Whether both are the same, as far as the shorter one goes. */
export function equalBits({ value, known }: Bits, other: Buffer): Judgement {
  let isSure = true;
  for (let n = 0; n < other.length; n++) {
    const mask = known[n] ?? 0;
    if (((value[n] ?? 0) & mask) !== (other[n]! & mask)) return false;
    if (mask !== 0xff) isSure = false;
  }
  return isSure ? true : undefined;
}

/** memcmp(3) of the length of the other: negative, 0, positive; undefined where it cannot be told. */
export function compareBits({ value, known }: Bits, other: Buffer): number | undefined {
  for (let n = 0; n < other.length; n++) {
    if ((known[n] ?? 0) !== 0xff) return undefined;
    const difference = value[n]! - other[n]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

export function negate(judgement: Judgement): Judgement {
  return judgement === undefined ? undefined : !judgement;
}

// Inputs made of other inputs: by bytes, by text, or by the tree of a JSON. The same seed makes the same inputs. Not here:
// which of them are kept (fuzzer.ts).
import type { Random } from '../support/random.js';

export type Kind = 'bytes' | 'text' | 'json';

/** Numbers at which lengths and types turn over. */
const EDGES = [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff];
const WIDE_EDGES = [...EDGES, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff];
const LETTERS = [
  ...' \t\r\n\0"\'\\!-+=:;/,._@*#%[](){}<>|&$~^?0159afxAFzZ',
  ...['\u00e9', '\u202e', '\u2028', '\ufffd', '\ud83d', '\ude00', '\u{1f600}', '\u200b', '\u0660'],
];
/** What JSON may hold where something else is expected. */
const VALUES: readonly (() => unknown)[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, '', '0', 'x', ' ', '\0'].map(value => () => value),
  ...[() => [], () => ({}), () => [[]], () => [null], () => ({ '': '' }), () => 'x'.repeat(5000)],
  () => Object.fromEntries([['__proto__', { polluted: true }]]),
  () => ({ length: 3 }),
  () => ({ toString: 1, valueOf: 2, toJSON: 'x' }),
];
const NAMES = ['__proto__', 'constructor', 'toString', 'length', 'then', 'toJSON', 'hasOwnProperty', '0', ''];
const MOST_CHANGES = 4;
/** How often an input is blown up to its bound: whatever takes the square of a length shows itself then. */
const BLOWN_UP_PERCENT = 1;

export class Mutator {
  readonly #random: Random;
  readonly #kind: Kind;
  readonly #words: readonly string[];
  readonly #max: number;

  /**
   * @param words of the grammar
   * @param max bytes of an input
   */
  constructor(random: Random, kind: Kind, words: readonly string[], max: number) {
    this.#random = random;
    this.#kind = kind;
    this.#words = words;
    this.#max = max;
  }

  /** One of the inputs, changed; sometimes with a part of another. */
  mutate(corpus: readonly Buffer[]): Buffer {
    const input = this.#random.pick(corpus);
    const other = this.#random.pick(corpus);
    const made =
      this.#kind === 'bytes' ? this.#ofBytes(input, other) : Buffer.from(this.#ofTexts(input, other));
    return made.subarray(0, this.#max);
  }

  #ofTexts(input: Buffer, other: Buffer): string {
    const [text, more] = [input.toString(), other.toString()];
    if (this.#kind === 'text' || this.#random.chance(3)) return this.#text(text, more);
    try {
      let tree: unknown = JSON.parse(text);
      const rest: unknown = JSON.parse(more);
      for (let n = this.#random.int(1, MOST_CHANGES); n > 0; n--) tree = this.#tree(tree, rest);
      return JSON.stringify(tree) ?? 'null';
    } catch {
      return this.#text(text, more);
    }
  }

  #ofBytes(input: Buffer, other: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(input);
    for (let n = this.#random.int(1, MOST_CHANGES); n > 0; n--) bytes = this.#bytes(bytes, other);
    return this.#random.chance(BLOWN_UP_PERCENT) ? this.#repeated(bytes, this.#max) : bytes;
  }

  #bytes(bytes: Buffer, other: Buffer): Buffer {
    const random = this.#random;
    const at = random.int(0, bytes.length);
    const aligned = at & ~3;
    switch (random.int(0, 10)) {
      case 0:
        return spliced(bytes, at, 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random.int(0, 7))]));
      case 1:
        return spliced(bytes, at, 1, Buffer.from([random.int(0, 255)]));
      case 2:
        return spliced(bytes, aligned, 2, uint16(random.pick(EDGES)));
      case 3:
        return spliced(bytes, aligned, 4, uint32(random.pick(WIDE_EDGES)));
      case 4:
        // A length field that is right to the end, or nearly.
        return spliced(bytes, aligned, 2, uint16(bytes.length - aligned + random.int(-1, 1)));
      case 5:
        return bytes.subarray(0, at);
      case 6:
        return spliced(bytes, at, random.int(1, 16), Buffer.alloc(0));
      case 7:
        return spliced(bytes, aligned, 0, this.#piece(other));
      case 8:
        return spliced(bytes, aligned, 0, this.#attribute(other));
      case 9:
        return this.#words.length > 0
          ? spliced(bytes, at, 0, Buffer.from(random.pick(this.#words)))
          : spliced(bytes, at, 0, Buffer.alloc(random.int(1, 8)));
      default:
        return this.#repeated(bytes, bytes.length + 64);
    }
  }

  /** A netlink attribute with a length that is right: of an edge's type, around bytes that are there already. */
  #attribute(other: Buffer): Buffer {
    const value = this.#piece(other);
    const type = this.#random.int(0, 40) | (this.#random.chance(20) ? 0x8000 : 0);
    const padding = Buffer.alloc(-value.length & 3);
    return Buffer.concat([uint16(value.length + 4), uint16(type), value, padding]);
  }

  #piece(bytes: Buffer): Buffer {
    const from = this.#random.int(0, bytes.length) & (this.#random.chance(70) ? ~3 : ~0);
    return bytes.subarray(from, from + this.#random.int(0, 64));
  }

  #repeated(bytes: Buffer, length: number): Buffer {
    const at = this.#random.int(0, bytes.length);
    const piece = bytes.subarray(at, at + this.#random.int(1, 16));
    if (piece.length === 0) return bytes;
    const times = Math.max(1, Math.floor((length - bytes.length) / piece.length));
    return spliced(bytes, at, 0, Buffer.concat(new Array<Buffer>(times).fill(piece)));
  }

  #text(text: string, other: string): string {
    let made = text;
    for (let n = this.#random.int(1, MOST_CHANGES); n > 0; n--) made = this.#letters(made, other);
    return this.#random.chance(BLOWN_UP_PERCENT) ? this.#blownUp(made) : made;
  }

  #letters(text: string, other: string): string {
    const random = this.#random;
    const at = random.int(0, text.length);
    const replaced = (length: number, by: string): string => text.slice(0, at) + by + text.slice(at + length);
    switch (random.int(0, 7)) {
      case 0:
        return replaced(random.int(0, 1), random.pick(LETTERS));
      case 1:
        return replaced(random.int(1, 8), '');
      case 2:
        return replaced(random.int(0, 3), String.fromCharCode(random.int(0, 0xffff)));
      case 3:
        return replaced(random.int(0, 4), `${random.pick(WIDE_EDGES)}`);
      case 4: {
        const from = random.int(0, other.length);
        return replaced(random.int(0, 8), other.slice(from, from + random.int(1, 40)));
      }
      case 5:
        return text.slice(0, at) + other.slice(random.int(0, other.length));
      default: {
        if (this.#words.length === 0) return replaced(0, random.pick(LETTERS));
        const word = random.pick(this.#words);
        return replaced(random.chance(30) ? word.length : 0, random.chance(50) ? word : ` ${word} `);
      }
    }
  }

  #blownUp(text: string): string {
    const at = this.#random.int(0, text.length);
    const piece = text.slice(at, at + this.#random.int(1, 12)) || this.#random.pick(LETTERS);
    const times = Math.floor((this.#max - text.length) / piece.length / 2);
    return text.slice(0, at) + piece.repeat(Math.max(1, times)) + text.slice(at);
  }

  /** One node of the tree changed. */
  #tree(node: unknown, other: unknown): unknown {
    const random = this.#random;
    if (typeof node === 'object' && node !== null && random.chance(80)) {
      return Array.isArray(node) ? this.#list(node, other) : this.#object(node, other);
    }
    if (typeof node === 'string' && random.chance(70)) return this.#text(node, node);
    if (typeof node === 'number' && random.chance(50)) return random.pick(WIDE_EDGES);
    return random.chance(60) ? random.pick(VALUES)() : this.#within(other);
  }

  #list(list: readonly unknown[], other: unknown): unknown[] {
    const at = this.#random.int(0, list.length);
    if (this.#random.chance(80) && at < list.length) return list.with(at, this.#tree(list[at], other));
    if (this.#random.chance(BLOWN_UP_PERCENT)) return new Array<unknown>(2000).fill(list[at] ?? null);
    const more = this.#random.chance(50) ? [this.#within(other)] : [];
    return [...list.slice(0, at), ...more, ...list.slice(at + this.#random.int(0, 1))];
  }

  #object(object: object, other: unknown): object {
    const entries = Object.entries(object);
    const at = this.#random.int(0, entries.length);
    const entry = entries[at];
    // fromEntries() makes even __proto__ a key like any other.
    if (entry && this.#random.chance(70)) {
      return Object.fromEntries(entries.with(at, [entry[0], this.#tree(entry[1], other)]));
    }
    if (entry && this.#random.chance(30)) return Object.fromEntries(entries.toSpliced(at, 1));
    const name =
      this.#random.chance(80) && this.#words.length > 0 ? this.#random.pick(this.#words) : undefined;
    const key = name ?? this.#random.pick(NAMES);
    const value = entry && this.#random.chance(50) ? entry[1] : this.#within(other);
    return Object.fromEntries([...entries, [this.#random.chance(30) ? this.#text(key, key) : key, value]]);
  }

  /** A part of a tree, or a value that nobody expects. */
  #within(tree: unknown): unknown {
    let node = tree;
    while (typeof node === 'object' && node !== null && this.#random.chance(70)) {
      const parts: unknown[] = Object.values(node);
      if (parts.length === 0) break;
      node = this.#random.pick(parts);
    }
    return this.#random.chance(30) ? this.#random.pick(VALUES)() : node;
  }
}

function spliced(bytes: Buffer, at: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)]);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

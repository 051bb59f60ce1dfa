// Text of labels: how it is shown in a message, what it looks like, and how it is sorted. Labels are untrusted: what is
// shown is bounded and of printable ASCII. Not here: what the text means.

import { escapeUnseen } from './text.js';

const SHOWN_MAX = 80;
const ZERO = 0x30;

/** The text in quotes, at most 80 characters of it; control characters and look-alikes as `\u{…}`. */
export function quote(text: string): string {
  return `"${printable(text.slice(0, SHOWN_MAX))}${text.length > SHOWN_MAX ? '…' : ''}"`;
}

/** A name or a sentence of untrusted parts, for printing. @param max in UTF-16 units */
export function plain(text: string, max: number): string {
  return text.length > max ? `${printable(text.slice(0, max))}…` : printable(text);
}

function printable(text: string): string {
  return escapeUnseen(text, /[^\x20-\x7e…]/gu);
}

/** In the letters of ASCII where others look like them, without those that are not seen, in lower case. */
export function undress(text: string): string {
  const plain = text.normalize('NFKC').replace(/\p{Cf}/gu, '');
  return plain.replace(/[\u2044\u2215]/g, '/').toLowerCase();
}

/** Natural sort: digits compare as numbers (`rule2` before `rule10`), all else by code unit. A total order. */
export function naturalCompare(a: string, b: string): number {
  const same = sharedLength(a, b);
  // A run of digits is compared as a whole: from where it begins.
  let start = same;
  while (start > 0 && isDigit(a.charCodeAt(start - 1))) start--;
  const [most, others] = [digitsFrom(a, start), digitsFrom(b, start)];
  const isPlain = a.charCodeAt(start) !== ZERO && b.charCodeAt(start) !== ZERO;
  // The common case: two numbers without zeros in front.
  if (isPlain && most !== others && most > 0 && others > 0) return most - others;
  if (isPlain && most === others && same < start + most) return a.charCodeAt(same) - b.charCodeAt(same);
  let [i, j] = [start, start];
  while (i < a.length && j < b.length) {
    const left = digitsAt(a, i);
    const right = digitsAt(b, j);
    if (left === '' || right === '') {
      if (a[i] !== b[j]) return a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
      continue;
    }
    const order = compareDigits(left, right);
    if (order !== 0) return order;
    i += left.length;
    j += right.length;
  }
  return a.length - i - (b.length - j) || (a < b ? -1 : a > b ? 1 : 0);
}

/** How much both begin with. */
function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  for (let n = 0; n < most; n++) if (a.charCodeAt(n) !== b.charCodeAt(n)) return n;
  return most;
}

function digitsAt(text: string, start: number): string {
  return text.slice(start, start + digitsFrom(text, start));
}

/** The length of the run of digits that begins there. */
function digitsFrom(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text.charCodeAt(end))) end++;
  return end - start;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

/** Two runs of digits of any length by their value. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [withoutZeros(a), withoutZeros(b)];
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

function withoutZeros(digits: string): string {
  return digits.startsWith('0') ? digits.replace(/^0+/, '') : digits;
}

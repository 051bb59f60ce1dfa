// The file `.env` beside a compose file: NAME=value, with quotes and comments. Pure. Not here: reading it, what the values
// are for (interpolate.ts).

import { UserError } from '../base/errors.js';
import { interpolate, type Lookup, type Variables } from './interpolate.js';

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*[=:]\s*(.*)$/;

/** Of all values together. */
const MAX_LENGTH = 1 << 22;

/** Lines that are none of these are left out. @param before variables that its values may name, and that count before it */
export function parseDotEnv(text: string, before: Variables): Map<string, string> {
  const found = new Map<string, string>();
  let length = 0;
  for (const line of text.split(/\r?\n/)) {
    const [, name, rest = ''] = LINE.exec(line) ?? [];
    if (name === undefined) continue;
    const value = readValue(rest.trim(), name => before.get(name) ?? found.get(name));
    length += value.length;
    if (length > MAX_LENGTH) throw new UserError('the values of .env are longer than 4 MiB in all');
    found.set(name, value);
  }
  return found;
}

function readValue(text: string, variables: Lookup): string {
  const single = /^'([^']*)'/.exec(text)?.[1];
  if (single !== undefined) return single;
  const double = /^"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  const plain = double === undefined ? withoutComment(text) : unescaped(double);
  try {
    return interpolate(plain, variables);
  } catch {
    return plain;
  }
}

function withoutComment(text: string): string {
  const at = text.search(/(^|\s)#/);
  return at < 0 ? text : text.slice(0, at).trimEnd();
}

function unescaped(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}

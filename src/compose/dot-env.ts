// The file `.env` beside a compose file: NAME=value, with quotes and comments. Pure. Not here: reading it, what the values
// are for (interpolate.ts).

import { interpolate, type Variables } from './interpolate.js';

const LINE = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*[=:]\s*(.*)$/;

/** Lines that are none of these are left out. @param before variables that its values may name, and that count before it */
export function parseDotEnv(text: string, before: Variables): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, rest = ''] = LINE.exec(line) ?? [];
    if (name !== undefined) found.set(name, readValue(rest.trim(), new Map([...found, ...before])));
  }
  return found;
}

function readValue(text: string, variables: Variables): string {
  const single = /^'([^']*)'/.exec(text)?.[1];
  if (single !== undefined) return single;
  const double = /^"((?:[^"\\]|\\.)*)"/.exec(text)?.[1];
  const plain = double === undefined ? text.replace(/\s+#.*$/, '').replace(/^#.*$/, '') : unescaped(double);
  try {
    return interpolate(plain, variables);
  } catch {
    return plain;
  }
}

function unescaped(text: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return text.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}

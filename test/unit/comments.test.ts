// Comments that point to another file point to one that is there.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/unit. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const COMMENT = /^\/\/[^\n]*|(?<=\s)\/\/[^\n]*|\/\*.*?\*\//gms;
const FILE = /[\w./*-]*\.ts\b/g;

/**
 * The files that comments name and that are not there. A file is named from the folder of the comment, from src/ or
 * from the root of the project.
 */
function danglingNames(file: string, text: string, exists: (path: string) => boolean): string[] {
  return [...text.matchAll(COMMENT)]
    .flatMap(([comment]) => comment.match(FILE) ?? [])
    .filter(name => ![dirname(file), 'src', ''].some(folder => exists(join(folder, name))))
    .map(name => `${file} names ${name}, which is not there`);
}

const files = ['src', 'native'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true })
    .map(name => join(folder, String(name)))
    .filter(name => name.endsWith('.ts')),
);

test('every file that a comment names is there', () => {
  assert.ok(files.length > 100);
  const found = files.flatMap(file =>
    danglingNames(file, readFileSync(join(root, file), 'utf8'), path => existsSync(join(root, path))),
  );
  assert.deepEqual(found, []);
});

test('a comment that names a file of another folder by its last part alone is found', () => {
  const there = new Set(['src/base/log.ts', 'src/driver/store/rows.ts', 'native/libc.ts']);
  const text = `// Not here: a (rows.ts), b (driver/store/rows.ts), c (log.ts).
import { x } from './gone.js';
/** As native/libc.ts has it; see
 * base/gone.ts. */
const y = 1; // and iptables-*.ts`;
  assert.deepEqual(
    danglingNames('src/driver/store/store.ts', text, path => there.has(path)),
    ['log.ts', 'base/gone.ts', 'iptables-*.ts'].map(
      name => `src/driver/store/store.ts names ${name}, which is not there`,
    ),
  );
});

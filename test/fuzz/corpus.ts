// The inputs that are kept: test/fuzz/corpus/<target>/, one a file. Examples that are right, from the golden captures and
// the tests; what reached a block that nothing else reached; and whatever ever found something.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/fuzz. */
const root = fileURLToPath(new URL('../../..', import.meta.url));
/** In the repository. */
export const CORPUS = join(root, 'test/fuzz/corpus');
/** What runs on this machine have learnt; not in the repository. */
export const CACHE = join(root, '.lab/fuzz');

export interface Entry {
  readonly path: string;
  readonly input: Buffer;
}

/** The inputs of a target in a folder, by their names. */
export function readCorpus(folder: string, target: string): Entry[] {
  const path = join(folder, target);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).sort();
  return names.map(name => ({ path: join(path, name), input: readFileSync(join(path, name)) }));
}

/** Keeps an input; returns its path. */
export function keep(folder: string, target: string, input: Buffer): string {
  const path = join(folder, target, createHash('sha256').update(input).digest('hex').slice(0, 12));
  mkdirSync(join(folder, target), { recursive: true });
  writeFileSync(path, input);
  return path;
}

// The pages for those who work on the project: each path of it that they name is there, and the table of floors is that
// of the test.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/unit/docs. */
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const PAGES = [
  'CONTRIBUTING.md',
  'docs/design.md',
  'docs/dependencies.md',
  'test/README.md',
  'test/lab/README.md',
];
/** What a path may be told from: the project, and in docs/design.md the two halves. */
const FROM = ['', 'src/driver', 'src/labels'];

/** The paths in back-ticks on a page: of files of code, and of whatever is in the folders of the project. */
function pathsOf(text: string): string[] {
  return [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, span]) => span!)
    .filter(span => /^[\w*./-]+$/.test(span) && !span.startsWith('/') && !span.startsWith('dist/'))
    .filter(
      span => /^(src|native|test|docs|systemd)\//.test(span) || (span.includes('/') && span.endsWith('.ts')),
    );
}

/** Whether a path is there; `*` in its last part stands for anything. */
function exists(path: string): boolean {
  if (!path.includes('*')) return existsSync(join(root, path));
  const folder = join(root, dirname(path));
  const pattern = new RegExp(`^${basename(path).replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  return existsSync(folder) && readdirSync(folder).some(name => pattern.test(name));
}

for (const page of PAGES) {
  test(`every path of the project that ${page} names is there`, () => {
    const text = readFileSync(join(root, page), 'utf8');
    const from = page === 'docs/design.md' ? FROM : [''];
    assert.deepEqual(
      pathsOf(text).filter(path => !from.some(folder => exists(join(folder, path)))),
      [],
    );
  });
}

test('paths are told from other things in back-ticks', () => {
  const text =
    '`src/base/ip.ts` `plugin/http.ts` `test/golden/*.txt` `src/nft` `make lab` `/var/lib/x` `Rollback` `dist/x.ts`';
  assert.deepEqual(pathsOf(text), ['src/base/ip.ts', 'plugin/http.ts', 'test/golden/*.txt', 'src/nft']);
  assert.ok(exists('test/golden/*.txt'));
  assert.ok(!exists('test/golden/*.zip'));
});

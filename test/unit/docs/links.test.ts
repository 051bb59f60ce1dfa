// The pages as a whole: each link leads somewhere, the first screen of the README shows what it has to, and nothing is
// written twice.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/unit/docs. */
const root = fileURLToPath(new URL('../../../..', import.meta.url));
const docs = readdirSync(join(root, 'docs')).map(name => `docs/${name}`);
const PAGES = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'test/lab/README.md', ...docs];
/** Lines of a screen on which somebody sees what the thing is. */
const SCREEN = 40;
/** A line as long as this says something of its own. */
const SENTENCE = 60;

const read = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Without blocks of code, in which nothing is a link or a heading. */
function prose(text: string): string {
  return text.replaceAll(/^ *```.*?^ *```$/gms, '');
}

/** The anchors of a page as GitHub makes them: small letters, no punctuation, a number behind what was there before. */
function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of prose(text).matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let n = 1; found.has(unique); n++) unique = `${anchor}-${n}`;
    found.add(unique);
  }
  return found;
}

/** The links of a page that lead nowhere. */
function deadLinks(page: string, text: string, target: (path: string) => string | undefined): string[] {
  return [
    ...prose(text)
      .replaceAll(/`[^`\n]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, link]) => link!)
    .filter(link => !/^https?:/.test(link))
    .filter(link => {
      const [path, anchor] = link.split('#');
      const there = path === '' ? text : target(normalize(join(dirname(page), path!)));
      return there === undefined || (anchor !== undefined && !anchors(there).has(anchor));
    })
    .map(link => `${page}: ${link}`);
}

test('every link of the pages leads to a file and a heading that are there', () => {
  const target = (path: string): string | undefined => {
    if (!existsSync(join(root, path))) return undefined;
    return path.endsWith('.md') ? read(path) : '';
  };
  const links = PAGES.flatMap(page => deadLinks(page, read(page), target));
  assert.deepEqual(links, []);
});

test('a link to a file or a heading that is not there is found', () => {
  const text =
    '# `a.b` and (c)\n## Twice\n## Twice\n[1](#ab-and-c) [2](#twice-1) [3](#twice-2) [4](x.md) [5](y.md#z)';
  assert.deepEqual(
    deadLinks('docs/a.md', text, path => (path === 'docs/y.md' ? '# y' : undefined)),
    ['docs/a.md: #twice-2', 'docs/a.md: x.md', 'docs/a.md: y.md#z'],
  );
});

test('the first screen of the README has an example of each job and the two commands', () => {
  const screen = read('README.md').split('\n').slice(0, SCREEN).join('\n');
  for (const shown of ['docker network create', 'twine.route.0.0.0.0/0=', 'make demo', 'make test']) {
    assert.ok(screen.includes(shown), shown);
  }
});

test('no sentence and no row of a table stands in two pages', () => {
  const seen = new Map<string, string>();
  const twice: string[] = [];
  for (const page of PAGES) {
    for (const line of new Set(
      prose(read(page))
        .split('\n')
        .map(each => each.trim()),
    )) {
      if (line.length < SENTENCE) continue;
      const other = seen.get(line);
      if (other !== undefined) twice.push(`${other} and ${page}: ${line}`);
      seen.set(line, page);
    }
  }
  assert.deepEqual(twice, []);
});

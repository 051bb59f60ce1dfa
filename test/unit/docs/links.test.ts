// The pages as a whole: each link leads somewhere, the first screen of the README shows what it has to, and nothing is
// written twice.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { CHECKOUT, PAGES, proseOf, readPage } from '../../support/page-blocks.js';

/** Lines of a screen on which somebody sees what the thing is. */
const SCREEN = 50;
/** As many words in a row say something of their own. */
const SHINGLE = 10;

/** The anchors of a page as GitHub makes them: small letters, no punctuation, a number behind what was there before. */
function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading] of proseOf(text).matchAll(/^#+ (.+)$/gm)) {
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
    ...proseOf(text)
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
    if (!existsSync(join(CHECKOUT, path))) return undefined;
    return path.endsWith('.md') ? readPage(path) : '';
  };
  const links = PAGES.flatMap(page => deadLinks(page, readPage(page), target));
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
  const screen = readPage('README.md').split('\n').slice(0, SCREEN).join('\n');
  for (const shown of ['docker network create', 'twine.route.0.0.0.0/0=', 'make demo', 'make test']) {
    assert.ok(screen.includes(shown), shown);
  }
});

/** The words of a page in a row, however its lines are broken; where a link leads to is not a word. */
function wordsOf(text: string): string[] {
  const visible = proseOf(text).replaceAll(/\]\([^)]*\)/g, ' ');
  return visible.toLowerCase().match(/[\p{L}\p{N}][\p{L}\p{N}._/:=-]*/gu) ?? [];
}

/** What stands in two pages, from its first words on. */
function saidTwice(pages: ReadonlyMap<string, string>): string[] {
  const first = new Map<string, string>();
  const twice: string[] = [];
  for (const [page, text] of pages) {
    const words = wordsOf(text);
    let isWithin = false;
    for (let at = 0; at + SHINGLE <= words.length; at++) {
      const shingle = words.slice(at, at + SHINGLE).join(' ');
      const other = first.get(shingle) ?? page;
      if (other !== page && !isWithin) twice.push(`${other} and ${page}: ${shingle}`);
      isWithin = other !== page;
      first.set(shingle, other);
    }
  }
  return twice;
}

test('nothing stands in two pages', () => {
  // What the code says of a rule is on the page of matches, too, and both are made from it.
  const written = PAGES.filter(page => page !== 'docs/rules-refused.md');
  assert.deepEqual(saidTwice(new Map(written.map(page => [page, readPage(page)]))), []);
});

test('what stands in two pages is found, however its lines are broken and wherever its links lead', () => {
  const pages = new Map([
    [
      'a',
      'First of all.\n\n**A label** with a [mistake](x.md) is one line\nin the log: it stops no other label.',
    ],
    ['b', 'And so:\na label with a mistake\nis one line in the [log](y.md); it stops no other'],
    ['c', '```\na label with a mistake is one line in the log\n```\nA label is one line in the log.'],
  ]);
  assert.deepEqual(saidTwice(pages), ['a and b: a label with a mistake is one line in the']);
});

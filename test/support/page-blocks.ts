// The blocks of code of the pages, each by the page, its heading and its place there. Not here: who runs them
// (unit/docs/blocks.test.ts), a shell for them (page-shell.ts).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/support. */
export const CHECKOUT = fileURLToPath(new URL('../../..', import.meta.url));

/** All pages. */
export const PAGES: readonly string[] = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'test/README.md',
  'test/lab/README.md',
  ...readdirSync(join(CHECKOUT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];

export interface Block {
  /** `README.md: Compose`; of further ones below one heading `README.md: Compose (2)`. */
  readonly name: string;
  /** Behind the fence; `indented` without one. */
  readonly language: string;
  readonly text: string;
}

/** What is typed behind a `$` on a page, and what the page shows below it. */
interface Typed {
  readonly command: string;
  readonly shown: string;
}

export const readPage = (page: string): string => readFileSync(join(CHECKOUT, page), 'utf8');

/** In front of lines of a page, for a bash that is root's and ends at the first that fails. */
export const AS_ROOT = 'set -e\nsudo() { "$@"; }\n';

/** A page without its fenced blocks, in which nothing is a heading, a link or a word of the text. */
export function proseOf(text: string): string {
  return text.replaceAll(/^ *```.*?^ *```$/gms, '');
}

/** All blocks of a page: the fenced ones, and those that four spaces make below an empty line. */
export function blocksOf(page: string, text = readPage(page)): Block[] {
  const blocks: Block[] = [];
  const counts = new Map<string, number>();
  let heading = '';
  const found = /^#+ ([^\n]+)$|^( *)```(\w*)\n(.*?)^\2```$|(?<=\n\n)((?: {4}\S[^\n]*\n|\n(?= {4}\S))+)/gms;
  for (const [, title, indent = '', language, fenced, indented] of text.matchAll(found)) {
    if (title !== undefined) {
      heading = title.replaceAll('`', '');
      continue;
    }
    const lines = (fenced ?? indented)!.replaceAll(new RegExp(`^${indented ? ' {4}' : indent}`, 'gm'), '');
    const at = `${page}: ${heading}`;
    const count = (counts.get(at) ?? 0) + 1;
    counts.set(at, count);
    const name = count === 1 ? at : `${at} (${count})`;
    blocks.push({ name, language: indented ? 'indented' : language!, text: lines.replace(/\n+$/, '\n') });
  }
  return blocks;
}

/** The text of a block. @throws where the page has none of that name */
export function pageBlock(name: string): string {
  const block = blocksOf(name.slice(0, name.indexOf(': '))).find(one => one.name === name);
  if (!block) throw new Error(`no page has a block "${name}"`);
  return block.text;
}

/** What stands in back-ticks in the sentences and tables of a page, in order, without line breaks. */
export function spansOf(page: string, text = readPage(page)): string[] {
  return [...proseOf(text).matchAll(/(?<!`)`([^`]+)`(?!`)/g)].map(([, span]) =>
    span!.replaceAll(/\s+/g, ' '),
  );
}

/** Commands of a `console` block, with what they print there. */
export function typedIn(text: string): Typed[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map(part => {
      const end = part.indexOf('\n');
      return { command: part.slice(0, end), shown: part.slice(end + 1) };
    });
}

/** The one block of a page in a language that has all of these words. @throws where none has, or several do */
export function blockWith(page: string, language: string, ...words: string[]): string {
  const found = blocksOf(page).filter(
    block => block.language === language && words.every(word => block.text.includes(word)),
  );
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks with ${words.join(', ')}`);
  return found[0]!.text;
}

// The blocks of code in the pages, for tests that do what a page says.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** From dist/test/support. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The blocks of one language in a page of the checkout, in their order. */
export function blocksOf(page: string, language: 'sh' | 'yaml' | 'console'): string[] {
  const text = readFileSync(`${root}${page}`, 'utf8');
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, block]) => block!);
}

/** The one block of a page that has all of these words. @throws where none has, or several do */
export function blockWith(page: string, language: 'sh' | 'yaml' | 'console', ...words: string[]): string {
  const found = blocksOf(page, language).filter(block => words.every(word => block.includes(word)));
  if (found.length !== 1) throw new Error(`${page} has ${found.length} blocks with ${words.join(', ')}`);
  return found[0]!;
}

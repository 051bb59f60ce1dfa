// Compose files that look as people write them, those of test/compose and of the pages, and the preview of each.
import { readdirSync, readFileSync } from 'node:fs';
import { loadFiles } from '../../src/compose/load.js';
import { type Preview, previewProject } from '../../src/compose/preview.js';
import { readProject } from '../../src/compose/project.js';

import { blocksOf, CHECKOUT, PAGES } from './page-blocks.js';

/** Files by name, with what is in them: paths, and names of blocks. */
export function composeFiles(): Map<string, string> {
  const folder = `${CHECKOUT}test/compose`;
  const own = readdirSync(folder).map((name): [string, string] => [
    name,
    readFileSync(`${folder}/${name}`, 'utf8'),
  ]);
  return new Map([...own, ...composeBlocks()]);
}

/** The blocks of the pages that are compose files, by name. */
export function composeBlocks(): Map<string, string> {
  const shown = PAGES.flatMap(page => blocksOf(page)).filter(
    ({ language, text }) => language === 'yaml' && /^services:/m.test(text),
  );
  return new Map(shown.map(({ name, text }) => [name, text]));
}

/** The preview of files by their names; the first is the project's. */
export function preview(
  files: Readonly<Record<string, string>>,
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly profiles?: readonly string[];
    readonly paths?: readonly string[];
    readonly strict?: boolean;
  } = {},
): Preview {
  const { environment = {}, profiles = [], paths = [Object.keys(files)[0]!], strict = false } = options;
  const byPath = new Map(Object.entries(files).map(([name, text]) => [`${process.cwd()}/${name}`, text]));
  const { tree } = loadFiles(paths, new Map(Object.entries(environment)), path => byPath.get(path));
  return previewProject(readProject(tree, 'test', profiles), { allowHostRoutes: [], strict });
}

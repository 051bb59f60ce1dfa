// What the page loads: its style, its icon, its scripts as they were compiled, and the layout library out of its package.
// A fixed list: no name out of a request is looked for in a folder. Not here: how they are answered (page-api.ts).

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ICON, STYLE } from './style.js';

/** Below the page's own address. */
export const ASSET_FOLDER = 'page';

export interface Asset {
  readonly type: string;
  readonly text: string;
}

const SCRIPTS = [
  'main',
  'cells',
  'graph',
  'edges',
  'layout',
  'picture',
  'boxes',
  'details',
  'way',
  'elements',
  'rates',
  'words',
] as const;
const LIBRARY = '@dagrejs/dagre';
const SCRIPT_TYPE = 'text/javascript; charset=utf-8';

/** By the names that are asked for. */
export async function loadAssets(): Promise<ReadonlyMap<string, Asset>> {
  const script = async (name: string, path: string): Promise<readonly [string, Asset]> => {
    // A browser finds no package by its name, and no map of sources is served.
    const text = (await readFile(path, 'utf8'))
      .replaceAll(`'${LIBRARY}'`, "'./dagre.js'")
      .replace(/^\/\/# sourceMappingURL=.*$/m, '');
    return [`${name}.js`, { type: SCRIPT_TYPE, text }];
  };
  const scripts = SCRIPTS.map(name => script(name, join(__dirname, `browser/${name}.js`)));
  // Beside what Node.js would load, the same for a browser.
  const library = join(dirname(require.resolve(LIBRARY)), 'dagre.esm.js');
  return new Map([
    ...(await Promise.all([...scripts, script('dagre', library)])),
    ['style.css', { type: 'text/css; charset=utf-8', text: STYLE }],
    ['icon.svg', { type: 'image/svg+xml', text: ICON }],
  ]);
}

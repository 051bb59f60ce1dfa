// `node dist/packaging/pages/write.js`: completion and manual pages, in dist/share as they lie in a prefix's share.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pagesOf } from './pages.js';

const share = join(__dirname, '../../share');
rmSync(share, { recursive: true, force: true });
for (const [path, text] of pagesOf()) {
  const file = join(share, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

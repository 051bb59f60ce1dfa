// `node dist/packaging/pages/write.js`: completion and manual pages, in dist/share as they lie in a prefix's share.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pagesOf } from './pages.js';

const share = new URL('../../share/', import.meta.url);
rmSync(share, { recursive: true, force: true });
for (const [path, text] of pagesOf()) {
  const file = new URL(path, share);
  mkdirSync(dirname(file.pathname), { recursive: true });
  writeFileSync(file, text);
}

// `make rules-page`: writes docs/rules.md.
import { writeFileSync } from 'node:fs';
import { page } from './page.js';

writeFileSync(new URL('../../../docs/rules.md', import.meta.url), page());

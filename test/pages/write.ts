// `make pages`: writes docs/rules.md and docs/rules-refused.md, and the tables of docs/reference.md that are made from the code.
import { readFileSync, writeFileSync } from 'node:fs';
import { page } from '../rules/page.js';
import { refusedPage } from '../rules/refused-page.js';
import { withTables } from './tables.js';

const docs = new URL('../../../docs/', import.meta.url);
const reference = new URL('reference.md', docs);
writeFileSync(new URL('rules.md', docs), page());
writeFileSync(new URL('rules-refused.md', docs), refusedPage());
writeFileSync(reference, withTables(readFileSync(reference, 'utf8')));

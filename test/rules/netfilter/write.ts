// `make netfilter-cases TREE=/path LIST=1`: writes untaken.json anew; `make pages` makes docs/rules-refused.md of it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { countCases } from './count.js';
import { readCases, readTranslations, translatedExtensions, versionOf } from './tree.js';
import { UNTAKEN_FILE, type UntakenLists, untakenTranslations } from './untaken.js';

const tree = process.env.NETFILTER_TREE ?? '';
assert.notEqual(tree, '', 'say where the source tree of iptables is: make netfilter-cases TREE=/path LIST=1');
const lists: UntakenLists = {
  version: versionOf(tree),
  cases: countCases(readCases(tree).cases, translatedExtensions(tree)).untaken,
  translations: untakenTranslations(readTranslations(tree)),
};
writeFileSync(UNTAKEN_FILE, `${JSON.stringify(lists, undefined, 2)}\n`);

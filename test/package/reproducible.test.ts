// Each package built a second time, by somebody else: out of a copy of the checkout in another folder, with another umask,
// time zone and language, and with a file that an earlier build has left. It is the same, byte by byte. What is compiled is
// compiled anew, which takes minutes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CHECKOUT } from './machine.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-again-'));
const again = join(folder, 'another-folder');
after(() => rmSync(folder, { recursive: true }));

/** What a bash line prints, which ends at the first mistake. */
const bash = (cwd: string, line: string, env: Record<string, string> = {}): Buffer =>
  execFileSync('bash', ['-c', `set -euo pipefail; ${line}`], {
    cwd,
    env: { ...process.env, MAKEFLAGS: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 30,
  });
const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** Names, modes, times and contents of a folder. */
const archived = (checkout: string, path: string): string =>
  sum(bash(checkout, `tar --sort=name --numeric-owner -c ${path} | sha256sum`));

let other: Record<string, string>;
before(() => {
  mkdirSync(again);
  const sources = 'git ls-files -z --cached --others --exclude-standard';
  bash(CHECKOUT, `${sources} | xargs -0 cp --parents -t "${again}"; cp -r node_modules "${again}"`);
  bash(
    again,
    'chmod -R go= .; mkdir -p dist/src dist/native; echo left | tee dist/src/left.js > dist/native/left.js',
  );
  const SOURCE_DATE_EPOCH = bash(CHECKOUT, 'packaging/source-date').toString().trim();
  other = { SOURCE_DATE_EPOCH, TZ: 'Asia/Kathmandu', LC_ALL: 'C' };
  bash(again, 'umask 077; make deb npm plugin >&2', other);
  bash(CHECKOUT, 'make plugin >&2');
});

for (const kind of ['dwgd_', 'dwgd-node_', 'dwgd-']) {
  test(`${kind}*: the same bytes again`, () => {
    const built = readdirSync(join(again, 'dist/packages')).filter(
      name => name.startsWith(kind) && (kind !== 'dwgd-' || name.endsWith('.tgz')),
    );
    assert.ok(built.length > 0);
    for (const name of built) {
      const [first, second] = [CHECKOUT, again].map(checkout =>
        sum(readFileSync(join(checkout, 'dist/packages', name))),
      );
      assert.equal(second, first, name);
    }
  });
}

test('the managed plugin: the same folder again', () => {
  assert.equal(archived(again, 'dist/plugin'), archived(CHECKOUT, 'dist/plugin'));
});

test('the image: the same layer again', () => {
  const layer = 'packaging/image/layer';
  assert.equal(sum(bash(again, `umask 077; ${layer}`, other)), sum(bash(CHECKOUT, layer)));
});

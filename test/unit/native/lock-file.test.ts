// A lock that only its owner can take: what others have left at its path is replaced, never followed, never harmed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LockFile, LockHeldError } from '../../../native/lock-file.js';
import { UserError } from '../../../src/base/errors.js';
import { PluginSocket } from '../../../src/driver/plugin/socket.js';

function place(t: TestContext): { folder: string; path: string; elsewhere: string } {
  const root = mkdtempSync(join(tmpdir(), 'dwgd-lock-'));
  t.after(() => rmSync(root, { recursive: true }));
  const folder = join(root, 'run');
  mkdirSync(folder);
  const elsewhere = join(root, 'elsewhere');
  writeFileSync(elsewhere, 'precious', { mode: 0o600 });
  return { folder, path: join(folder, 'dwgd.pid'), elsewhere };
}

test('it is held once, and free after its release', t => {
  const { folder } = place(t);
  const lock = LockFile.take(folder, 'dwgd.pid');
  assert.throws(
    () => LockFile.take(folder, 'dwgd.pid'),
    (err: unknown) => err instanceof LockHeldError && err.holder === String(process.pid),
  );
  lock.release();
  LockFile.take(folder, 'dwgd.pid').release();
});

test('a file that a daemon has left is used again, so that two which start at once have the same', t => {
  const { folder, path } = place(t);
  LockFile.take(folder, 'dwgd.pid').release();
  const { ino } = lstatSync(path);
  LockFile.take(folder, 'dwgd.pid').release();
  assert.equal(lstatSync(path).ino, ino);
});

const PLANTED: readonly [what: string, plant: (path: string, elsewhere: string) => void][] = [
  ['a symbolic link to a file', (path, elsewhere) => symlinkSync(elsewhere, path)],
  ['a symbolic link to nothing', (path, elsewhere) => symlinkSync(`${elsewhere}.new`, path)],
  ['a hard link to a file', (path, elsewhere) => linkSync(elsewhere, path)],
  ['a FIFO', path => execFileSync('mkfifo', ['-m', '600', path])],
  [
    'a file that others may open',
    path => {
      writeFileSync(path, '1\n');
      chmodSync(path, 0o644);
    },
  ],
];

for (const [what, plant] of PLANTED) {
  test(`${what} at the path of the lock is replaced by a file of its own`, async t => {
    const { folder, path, elsewhere } = place(t);
    plant(path, elsewhere);
    const socket = new PluginSocket(folder, join(folder, 'plugins'));
    const found = lstatSync(path);
    assert.deepEqual([found.isFile(), found.nlink, found.mode & 0o777], [true, 1, 0o600]);
    assert.equal(readFileSync(path, 'utf8'), `${process.pid}\n`);
    assert.equal(readFileSync(elsewhere, 'utf8'), 'precious');
    assert.equal(lstatSync(`${elsewhere}.new`, { throwIfNoEntry: false }), undefined);
    await socket.close();
  });
}

test('a folder that is a symbolic link is refused', t => {
  const { folder } = place(t);
  const link = `${folder}.link`;
  symlinkSync(folder, link);
  assert.throws(
    () => LockFile.take(link, 'dwgd.pid'),
    (err: unknown) => err instanceof UserError && err.message.startsWith(`cannot use ${link}: E`),
  );
});

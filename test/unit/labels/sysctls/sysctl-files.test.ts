// Sysctls as files: what is opened and how, and what becomes of each error. Files of /proc/sys are read; what would be
// written goes to a file of the test.
import assert from 'node:assert/strict';
import fs, { constants, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { OpError } from '../../../../src/base/errors.js';
import { hasIPv6, readSysctl, writeSysctl } from '../../../../src/labels/sysctls/sysctl-files.js';

const NAME = 'ipv4/ip_forward';
const { O_RDONLY, O_RDWR, O_NOFOLLOW } = constants;
type Call = 'openSync' | 'readSync' | 'writeSync' | 'fstatSync';

interface Opened {
  /** What is in the file now. */
  readonly content: () => string;
  readonly paths: string[];
  readonly flags: number[];
  /** Files that are open now. */
  open: number;
  /** The device that it is on. */
  dev: number;
}

/**
 * Puts a file of the test in place of a sysctl's for the length of a synchronous function: other tests run in this process.
 * @param failing what fails, with which errno
 */
function standIn(content: string, failing: Partial<Record<Call, Error>>, use: (it: Opened) => void): void {
  const file = join(mkdtempSync(join(tmpdir(), 'dwgd-sysctl-')), 'file');
  writeFileSync(file, content);
  const { dev } = statSync('/proc/sys');
  const { openSync, closeSync, readSync, writeSync, fstatSync } = fs;
  const real = { openSync, closeSync, readSync, writeSync, fstatSync };
  const watch = real.openSync(file, 'r');
  const contentNow = (): string => {
    const bytes = Buffer.alloc(100);
    return bytes.toString('latin1', 0, real.readSync(watch, bytes, 0, bytes.length, 0));
  };
  const it: Opened = { content: contentNow, paths: [], flags: [], open: 0, dev };
  const faked = {
    openSync: (path: string, flags: number): number => {
      it.paths.push(path);
      it.flags.push(flags);
      it.open++;
      return real.openSync(file, flags);
    },
    closeSync: (fd: number): void => {
      it.open--;
      real.closeSync(fd);
    },
    readSync: real.readSync,
    writeSync: real.writeSync,
    fstatSync: () => ({ dev: it.dev }),
  };
  const throwing = Object.entries(failing).map(([name, err]) => [
    name,
    () => {
      throw err;
    },
  ]);
  Object.assign(fs, faked, Object.fromEntries(throwing));
  syncBuiltinESMExports();
  try {
    use(it);
  } finally {
    Object.assign(fs, real);
    syncBuiltinESMExports();
    closeSync(watch);
    rmSync(dirname(file), { recursive: true });
  }
}

const failure = (code: string, errno: number): Error =>
  Object.assign(new Error(`${code}: it failed`), { code, errno: -errno });

test('a sysctl is read without its newline, and set', () =>
  standIn('0\n', {}, it => {
    assert.equal(readSysctl(NAME), '0');
    assert.equal(writeSysctl(NAME, '1'), true);
    assert.equal(it.content(), '1\n');
    assert.deepEqual(it.paths, [`/proc/sys/net/${NAME}`, `/proc/sys/net/${NAME}`]);
    assert.deepEqual([it.flags, it.open], [[O_RDONLY | O_NOFOLLOW, O_RDWR | O_NOFOLLOW], 0]);
  }));

test("this machine's sysctls are read", () => {
  assert.equal(readSysctl(NAME), readFileSync(`/proc/sys/net/${NAME}`, 'latin1').trim());
  assert.equal(hasIPv6(), fs.existsSync('/proc/sys/net/ipv6'));
});

test('one that is not there, as when its link is gone, has no value and is not set', () => {
  const name = 'ipv4/conf/nosuch/route_localnet';
  assert.deepEqual([readSysctl(name), writeSysctl(name, '1')], [undefined, false]);
});

describe('an error of a file', () => {
  for (const [call, code, errno, message] of [
    ['openSync', 'EACCES', 13, ': EACCES (permission denied)'],
    [
      'openSync',
      'EROFS',
      30,
      ": EROFS (read-only file system): give dwgd's own container `privileged: true`",
    ],
    ['openSync', 'ELOOP', 40, ': ELOOP'],
    ['openSync', 'EMFILE', 24, ': EMFILE'],
    ['writeSync', 'EINVAL', 22, ': EINVAL (invalid argument)'],
    ['writeSync', 'EPERM', 1, ': EPERM'],
    ['readSync', 'EIO', 5, ': EIO'],
  ] as const) {
    const fns = { reading: () => readSysctl(NAME), setting: () => writeSysctl(NAME, '1') };
    for (const [op, fn] of Object.entries(fns)) {
      if (call === (op === 'reading' ? 'writeSync' : 'readSync')) continue;
      test(`${op}, ${code} of ${call}: it is named, and nothing stays open`, () =>
        standIn('0\n', { [call]: failure(code, errno) }, it => {
          assert.throws(fn, (err: unknown) => {
            assert.ok(err instanceof OpError);
            assert.equal(err.code, code);
            assert.ok(err.message.startsWith(`${op} sysctl ${NAME}${message}`), err.message);
            return true;
          });
          assert.deepEqual([it.open, it.content()], [0, '0\n']);
        }));
    }
  }

  test('ENOENT of a file that can be opened is an error', () =>
    standIn('0\n', { readSync: failure('ENOENT', 2), writeSync: failure('ENOENT', 2) }, it => {
      assert.throws(() => readSysctl(NAME), OpError);
      assert.throws(() => writeSysctl(NAME, '1'), OpError);
      assert.equal(it.open, 0);
    }));
});

for (const value of ['', 'on', '1\n2', '0x1', '123456789012', '1'.repeat(64)]) {
  test(`${JSON.stringify(value)} is not a number, and is not taken for a value`, () =>
    standIn(value, {}, it => {
      assert.throws(() => readSysctl(NAME), { message: `reading sysctl ${NAME}: its value is not a number` });
      assert.equal(it.open, 0);
    }));
}

test('a file that is not on a proc file system is neither read nor set, and is closed', () =>
  standIn('0\n', {}, it => {
    it.dev++;
    assert.throws(() => readSysctl(NAME), {
      message: `reading sysctl ${NAME}: it is not on a proc file system`,
    });
    assert.throws(() => writeSysctl(NAME, '1'), {
      message: `setting sysctl ${NAME}: it is not on a proc file system`,
    });
    assert.deepEqual([it.open, it.content()], [0, '0\n']);
  }));

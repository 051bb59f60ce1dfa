// Sysctls as files: what is opened and how, and what becomes of each error. Files of /proc/sys are read; what would be
// written goes to a file of the test.
import assert from 'node:assert/strict';
import fs, { constants, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { OpError } from '../../../../src/base/errors.js';
import { PROC_SYSCTLS, readSysctl, writeSysctl } from '../../../../src/labels/namespace/sysctl-files.js';

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
}

/** Puts a file of the test in place of a sysctl's. @param failing what fails, with which errno */
function standIn(t: TestContext, content: string, failing: Partial<Record<Call, Error>> = {}): Opened {
  const file = join(mkdtempSync(join(tmpdir(), 'dwgd-sysctl-')), 'file');
  writeFileSync(file, content);
  const real = { ...fs };
  const watch = real.openSync(file, 'r');
  const contentNow = (): string => {
    const bytes = Buffer.alloc(100);
    return bytes.toString('latin1', 0, real.readSync(watch, bytes, 0, bytes.length, 0));
  };
  const opened: Opened = { content: contentNow, paths: [], flags: [], open: 0 };
  const fake = (name: Call | 'closeSync', fn: (...args: never[]) => unknown): void => {
    t.mock.method(fs, name, (...args: never[]) => {
      const err = name === 'closeSync' ? undefined : failing[name];
      if (err) throw err;
      return fn(...args);
    });
  };
  fake('openSync', (path: string, flags: number) => {
    opened.paths.push(path);
    opened.flags.push(flags);
    opened.open++;
    return real.openSync(file, flags);
  });
  fake('closeSync', (fd: number) => {
    opened.open--;
    real.closeSync(fd);
  });
  fake('readSync', real.readSync);
  fake('writeSync', real.writeSync);
  fake('fstatSync', () => ({ dev: statSync('/proc/sys').dev }));
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
    real.closeSync(watch);
    rmSync(dirname(file), { recursive: true });
  });
  return opened;
}

const failure = (code: string, errno: number): Error =>
  Object.assign(new Error(`${code}: it failed`), { code, errno: -errno });

test('a sysctl is read without its newline, and set', t => {
  const it = standIn(t, '0\n');
  assert.equal(readSysctl(NAME), '0');
  assert.equal(writeSysctl(NAME, '1'), true);
  assert.equal(it.content(), '1\n');
  assert.deepEqual(it.paths, [`/proc/sys/net/${NAME}`, `/proc/sys/net/${NAME}`]);
  assert.deepEqual([it.flags, it.open], [[O_RDONLY | O_NOFOLLOW, O_RDWR | O_NOFOLLOW], 0]);
});

test("this machine's sysctls are read", () => {
  assert.equal(readSysctl(NAME), readFileSync(`/proc/sys/net/${NAME}`, 'latin1').trim());
  assert.equal(PROC_SYSCTLS.hasIPv6(), fs.existsSync('/proc/sys/net/ipv6'));
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
      test(`${op}, ${code} of ${call}: it is named, and nothing stays open`, t => {
        const it = standIn(t, '0\n', { [call]: failure(code, errno) });
        assert.throws(fn, (err: unknown) => {
          assert.ok(err instanceof OpError);
          assert.equal(err.code, code);
          assert.ok(err.message.startsWith(`${op} sysctl ${NAME}${message}`), err.message);
          return true;
        });
        assert.deepEqual([it.open, it.content()], [0, '0\n']);
      });
    }
  }

  test('ENOENT of a file that can be opened is an error', t => {
    const it = standIn(t, '0\n', { readSync: failure('ENOENT', 2), writeSync: failure('ENOENT', 2) });
    assert.throws(() => readSysctl(NAME), OpError);
    assert.throws(() => writeSysctl(NAME, '1'), OpError);
    assert.equal(it.open, 0);
  });
});

for (const value of ['', 'on', '1\n2', '0x1', '123456789012', '1'.repeat(64)]) {
  test(`${JSON.stringify(value)} is not a number, and is not taken for a value`, t => {
    const it = standIn(t, value);
    assert.throws(() => readSysctl(NAME), { message: `reading sysctl ${NAME}: its value is not a number` });
    assert.equal(it.open, 0);
  });
}

test('a file that is not on a proc file system is neither read nor set, and is closed', t => {
  const it = standIn(t, '0\n');
  t.mock.method(fs, 'fstatSync', () => ({ dev: statSync('/proc/sys').dev + 1 }));
  syncBuiltinESMExports();
  assert.throws(() => readSysctl(NAME), {
    message: `reading sysctl ${NAME}: it is not on a proc file system`,
  });
  assert.throws(() => writeSysctl(NAME, '1'), {
    message: `setting sysctl ${NAME}: it is not on a proc file system`,
  });
  assert.deepEqual([it.open, it.content()], [0, '0\n']);
});

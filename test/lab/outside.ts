// The laboratory's command as seen from outside: exit status, time-out, panic, files. It boots guests of its own
// (about 12 s each), so it is run by name, `node --test dist/test/lab/outside.js`, not with the unit tests.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './qemu.js';

function lab(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/test/lab/run.js'), ...args],
    {
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr, out: /files of this run in (.*), kernel from/.exec(stderr)?.[1] ?? '' };
}

test('a command in the guest: its output is ours, byte for byte, and so is its exit status', () => {
  const { status, stdout, out } = lab('--no-docker', '--exec', "printf 'a\\n'; pwd; echo it\\'s >&2; exit 3");
  assert.equal(stdout, `a\n${root}\nit's\n`);
  assert.equal(status, 3);
  assert.ok(existsSync(join(out, 'dmesg.log')));
});

test('a guest that hangs is killed, and that is a failure', () => {
  const { status, stderr } = lab('--no-docker', '--timeout', '15', '--exec', 'sleep 1000');
  assert.equal(status, 125);
  assert.match(stderr, /the guest took more than 15 s/);
});

test('a guest that panics is a failure that shows the panic', () => {
  const { status, stderr } = lab('--no-docker', '--exec', 'echo c > /proc/sysrq-trigger');
  assert.equal(status, 125);
  assert.match(stderr, /went away without reporting an end/);
  assert.match(stderr, /Kernel panic/);
});

test('a scenario that cannot run is a failure with a closing line', () => {
  const { status, stdout } = lab('--no-docker', 'laboratory');
  assert.equal(status, 1);
  assert.match(stdout, /started with --no-docker/);
  assert.match(stdout, /\n0 passed, [1-9]\d* failed\n$/);
});

test('a mistake in the arguments is one sentence, and nothing boots', () => {
  assert.match(lab('nonesuch').stderr, /^lab: there is no scenario "nonesuch": .*laboratory/);
  assert.match(lab('--timeout', 'soon').stderr, /^lab: --timeout wants a whole number, not "soon"\n$/);
  assert.match(lab('--shell', 'laboratory').stderr, /not both\n$/);
  assert.equal(lab('--nonesuch').status, 2);
});

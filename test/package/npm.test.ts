// The package for npm: installed in an empty prefix, without a network and without a script, it is a command that works.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CHECKOUT } from './machine.js';

const folder = mkdtempSync(join(tmpdir(), 'dwgd-npm-'));
after(() => rmSync(folder, { recursive: true }));
const installed = join(folder, 'lib/node_modules/dwgd');

before(() => {
  const built = join(CHECKOUT, 'dist/packages');
  const name = readdirSync(built).find(file => /^dwgd-\d.*\.tgz$/.test(file));
  assert.ok(name, 'no dwgd-*.tgz in dist/packages: make npm');
  // Scripts would run, were there any: npm's configuration is nobody's here.
  const env = {
    ...process.env,
    HOME: folder,
    npm_config_userconfig: '/dev/null',
    npm_config_cache: join(folder, 'cache'),
  };
  execFileSync('npm', ['install', '--global', '--offline', `--prefix=${folder}`, join(built, name)], {
    cwd: folder,
    env,
  });
});

const run = (...args: string[]): string => execFileSync(join(folder, 'bin/dwgd'), args, { encoding: 'utf8' });

test('dwgd is in the prefix, and says its version', () => {
  const { version } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { version: string };
  assert.equal(run('--version'), `${version}\n`);
});

test('a command works', () => {
  assert.match(run('translate', 'TWINE_INPUT -p tcp --dport 22 -j ACCEPT'), /"dport"/);
});

test('the native modules load', () => {
  const load =
    "new (require('better-sqlite3'))(':memory:').exec('SELECT 1'); require('ffi-rs'); require('netlink/dist/raw.js')";
  execFileSync(process.execPath, ['-e', load], { cwd: installed });
});

test('SQLite for each release of Node.js takes back no cleanup hook, which aborts Node.js 24 (packaging/object-wrap.h)', () => {
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const modules = files.filter(file => file.endsWith('/better_sqlite3.node'));
  assert.equal(modules.length, 3);
  for (const file of modules)
    assert.ok(!readFileSync(join(installed, file)).includes('RemoveEnvironmentCleanupHook'), file);
});

test('the page of its daemon is served, with every file that it names', {
  skip: process.getuid!() !== 0 && 'needs root',
}, () => {
  const lines = [
    'mount -t tmpfs -o mode=755 run /run && ip link set lo up',
    '"$1" --no-driver --metrics 9586 --page 2> "$2" & trap "kill $!" EXIT',
    'for n in {1..100}; do { exec 3<> /dev/tcp/127.0.0.1/9586; } 2> /dev/null && break; sleep 0.1; done',
    '"$3" "$4" http://127.0.0.1:9586/ || { cat "$2"; exit 1; }',
  ];
  const fetched = join(CHECKOUT, 'dist/test/package/page-files.js');
  const words = [join(folder, 'bin/dwgd'), join(folder, 'log'), process.execPath, fetched];
  const own = ['--net', '--mount', '--propagation', 'private', 'bash', '-c', lines.join('\n'), 'bash'];
  // Variables of the tests are none of the daemon's, which refuses those that it does not know.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DWGD_')));
  assert.match(
    execFileSync('unshare', [...own, ...words], { encoding: 'utf8', env }),
    /^200 \S+ \d+ \/page\/dagre\.js$/m,
  );
});

test('no manifest in it has a script that npm would run, and nothing is there to compile', () => {
  const left: string[] = [];
  for (const file of readdirSync(installed, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('binding.gyp')) left.push(file);
    if (!/node_modules.*\/package\.json$/.test(file)) continue;
    if ('scripts' in (JSON.parse(readFileSync(join(installed, file), 'utf8')) as object)) left.push(file);
  }
  assert.deepEqual(left, []);
});

test('it has manual pages, completion, the unit and the list of its modules', () => {
  for (const file of [
    'dist/share/man/man1/dwgd.1',
    'dist/share/bash-completion/completions/dwgd',
    'systemd/dwgd.service',
    'dwgd-amd64.cdx.json',
  ]) {
    assert.ok(existsSync(join(installed, file)), file);
  }
  assert.ok(existsSync(join(folder, 'share/man/man1/dwgd.1')));
});

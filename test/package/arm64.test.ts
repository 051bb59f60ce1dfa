// The packages for arm64, by an emulator of its programs: every node for which they have modules loads these and runs dwgd.
// Of what needs a kernel nothing is asked: the emulator knows neither nftables' netlink nor setns(2) of threads.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { blockWith } from '../support/blocks.js';
import { CHECKOUT, debOf } from './machine.js';

const isBuilt = readdirSync(join(CHECKOUT, 'dist/packages')).some(file => file.endsWith('_arm64.deb'));
const nodes = join(CHECKOUT, '.lab/packages/modules-arm64/nodes/node_modules');
const folder = mkdtempSync(join(tmpdir(), 'dwgd-arm64-'));
const lib = join(folder, 'usr/lib/dwgd');
after(() => rmSync(folder, { recursive: true }));

/** What a program for arm64 prints; its libraries are those of the cross compiler. */
const run = (...command: readonly string[]): string =>
  execFileSync('qemu-aarch64-static', ['-L', '/usr/aarch64-linux-gnu', ...command], {
    encoding: 'utf8',
    cwd: lib,
  });

/** Each does something by its native part, and says what came of it. */
const LOADED = {
  'better-sqlite3':
    "new (require('better-sqlite3'))(':memory:').prepare('SELECT sqlite_version() AS v').get().v.split('.')[0]",
  netlink: "typeof require('netlink/dist/raw.js').RawNetlinkSocket",
  'ffi-rs':
    "(f => (f.open({ library: 'c', path: 'libc.so.6' }), f.load({ library: 'c', funcName: 'abs', retType: f.DataType.I32, paramsType: [f.DataType.I32], paramsValue: [-7] })))(require('ffi-rs'))",
};
const ANSWERS = { 'better-sqlite3': '3', netlink: 'function', 'ffi-rs': '7' };

describe('for arm64', { skip: !isBuilt && 'make deb ARCH="amd64 arm64"' }, () => {
  before(() => {
    for (const beginning of ['dwgd_', 'dwgd-node_'])
      execFileSync('dpkg-deb', ['-x', debOf(beginning, 'arm64'), folder]);
  });

  for (const name of isBuilt ? readdirSync(nodes).filter(name => name.startsWith('arm64-')) : []) {
    const node = join(nodes, name, 'bin/node');
    for (const [module, line] of Object.entries(LOADED)) {
      test(`Node.js ${name.slice(6)} loads ${module}, which works`, () => {
        const answer = run(node, '-p', line).trim();
        assert.equal(answer, ANSWERS[module as keyof typeof ANSWERS]);
      });
    }
  }

  test('dwgd of its own node says its version, derives the key of the README and reads a rule', () => {
    const dwgd = (...args: readonly string[]): string =>
      run(join(folder, 'usr/lib/dwgd-node/node'), join(lib, 'dist/src/cli/main.js'), ...args);
    const { version } = JSON.parse(readFileSync(join(lib, 'package.json'), 'utf8')) as { version: string };
    assert.equal(dwgd('--version'), `${version}\n`);
    const [, words, key] = /^\$ dwgd (.*)\n(.*\n)$/.exec(blockWith('README.md', 'console', 'dwgd pubkey'))!;
    assert.equal(dwgd(...words!.split(' ')), key);
    assert.match(dwgd('translate', 'TWINE_INPUT -p tcp --dport 22 -j ACCEPT'), /"dport"/);
  });
});

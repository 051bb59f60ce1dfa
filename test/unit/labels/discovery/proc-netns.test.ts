// Where a container's namespace is found: by Docker's path to it, else by its process, and never by a number that is
// another process's by now.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  isSameProcess,
  isStill,
  netnsAt,
  netnsOfContainer,
} from '../../../../src/labels/discovery/proc-netns.js';

const ID = 'a'.repeat(64);
const OWN = netnsAt('/proc/self/ns/net')!;

function sleeper(t: TestContext): ChildProcess & { pid: number } {
  const child = spawn('sleep', ['1000']) as ChildProcess & { pid: number };
  t.after(() => child.kill());
  return child;
}

test("Docker's own path is taken before the process's", t => {
  const { pid } = sleeper(t);
  // A path of a namespace that is not of the process in question: its own links are as good as Docker's mounts.
  const sandboxKey = `/proc/${pid}/ns/net`;
  assert.deepEqual(netnsOfContainer({ id: ID, pid: 1, sandboxKey }), { ...OWN, path: sandboxKey });
});

test('a path of Docker that pins the namespace needs no process', () => {
  assert.deepEqual(netnsOfContainer({ id: ID, pid: 0, sandboxKey: OWN.path }), OWN);
});

for (const [what, path] of [
  ['is empty', () => ''],
  ['is relative', () => 'proc/self/ns/net'],
  ['leads up', () => '/proc/self/../self/ns/net'],
  ['has an empty part', () => '/proc//self/ns/net'],
  ['is not there', (folder: string) => `${folder}/nosuch`],
  ['is a file, as where the mounts of Docker are not seen', (folder: string) => `${folder}/file`],
  ["is the host's", () => '/var/run/docker/netns/default'],
] as const) {
  test(`where the path of Docker ${what}, the process tells`, t => {
    const folder = mkdtempSync('/tmp/dwgd-test-');
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'file'), '');
    const { pid } = sleeper(t);
    const found = netnsOfContainer({ id: ID, pid, sandboxKey: path(folder) });
    assert.equal(found?.path, `/proc/${pid}/ns/net`);
    assert.equal(found?.process?.pid, pid);
    assert.ok(isStill(found));
  });
}

test('a process that has the number of one that is gone is refused, though it is in the same namespace', t => {
  const { pid } = sleeper(t);
  const found = netnsOfContainer({ id: ID, pid })!;
  const before = { ...found, process: { pid, startTime: '1' } };
  assert.equal(isSameProcess(found), true);
  assert.equal(isSameProcess(before), false);
  assert.equal(isStill(before), false);
});

test('a process that is gone has no namespace', async t => {
  const child = sleeper(t);
  const found = netnsOfContainer({ id: ID, pid: child.pid })!;
  child.kill();
  await new Promise(resolve => child.on('close', resolve));
  assert.equal(isSameProcess(found), false);
  assert.equal(netnsOfContainer({ id: ID, pid: child.pid }), undefined);
  assert.equal(netnsOfContainer({ id: ID, pid: 0 }), undefined);
});

// What the daemon does for users, with the capabilities that the unit leaves to root and no others: as the user, it
// reaches all that is the user's; as itself, nothing that is not its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { IN_MEMORY } from '../../src/driver/users/user-paths.js';
import { kernelTest, Namespace, run } from '../support/namespace.js';
import { withUnitCapabilities } from '../support/unit-capabilities.js';
import { ALICE, Home, LISTENER, pythonOf, READY, rootless, SANDBOXES } from '../support/users.js';

const PROGRAM = join(import.meta.dirname, '../support/as-service.js');

/** What a deed of the daemon's comes to. @param beforehand is done when the program has been loaded */
async function asService(
  t: TestContext,
  args: readonly (string | number)[],
  beforehand: () => void = () => undefined,
): Promise<unknown> {
  const [program, ...rest] = [
    ...withUnitCapabilities(),
    '--groups=4',
    process.execPath,
    PROGRAM,
    ...args.map(String),
  ];
  const child = spawn(program!, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  beforehand();
  child.stdin.write('\n');
  return JSON.parse(await text(child.stdout));
}

const inodeOf = (path: string): number => statSync(path).ino;

kernelTest('the unit has no capability over files and processes of others', () => {
  const [, set] = withUnitCapabilities();
  assert.equal(
    set,
    '--bounding-set=-all,+net_admin,+net_bind_service,+net_broadcast,+sys_admin,+setuid,+setgid',
  );
});

kernelTest('as itself it reads no file of a user, nor the root of the first process', async t => {
  const home = new Home(t);
  const [own, shut] = [home.write('own', 'x'), join(home.root, 'shut')];
  mkdirSync(shut, { mode: 0o700 });
  writeFileSync(join(shut, 'open'), '');
  chmodSync(join(shut, 'open'), 0o644);
  chownSync(shut, ALICE, ALICE);
  assert.deepEqual(await asService(t, ['reach', 0, own, join(shut, 'open')]), ['EACCES', 'EACCES', 'EACCES']);
});

kernelTest("the user's ids count for one thread alone, for as long as it takes", async t => {
  const found = (await asService(t, ['credentials', ALICE])) as Record<string, Record<string, string>>;
  // CAP_SETGID (6), CAP_SETUID (7), CAP_NET_BIND_SERVICE (10), CAP_NET_BROADCAST (11), CAP_NET_ADMIN (12), CAP_SYS_ADMIN (21).
  const root = {
    uid: '0 0 0 0',
    gid: '0 0 0 0',
    groups: found.before!.groups,
    effective: '0000000000201cc0',
  };
  const ids = `0 ${ALICE} 0 ${ALICE}`;
  assert.deepEqual(found.before, root);
  assert.match(found.before!.groups!, /\b4$/);
  assert.deepEqual(found.during, { uid: ids, gid: ids, groups: '', effective: '0'.repeat(16) });
  assert.deepEqual(found.after, root);
  assert.equal(found.uidOnThread, '0 0 0 0');
});

kernelTest('a rootless Docker is found, and its network namespace is entered', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t);
  home.write('docker.pid', `${pid}\n`);
  chmodSync(home.folder, 0o700);
  const [host] = (await asService(t, ['list', ALICE, home.root])) as { pid: number }[];
  assert.equal(host?.pid, pid);
  assert.equal(await asService(t, ['netns', ALICE, home.root]), inodeOf(`/proc/${pid}/ns/net`));
});

kernelTest('a sandbox of a rootless Docker is entered', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t, SANDBOXES);
  home.write('docker.pid', String(pid));
  const sandbox = ['sandbox', ALICE, home.root, '/mnt/netns/own'];
  assert.equal(await asService(t, sandbox), inodeOf(`/proc/${pid}/ns/net`));
});

/** Folders and a file in the second of them, which are the user's alone. */
function secretFile(t: TestContext): string {
  const home = new Home(t);
  mkdirSync(home.path('private'), { mode: 0o700 });
  chownSync(home.path('private'), ALICE, ALICE);
  chmodSync(home.folder, 0o700);
  return home.write('private/seed', 'hunter2\n');
}

kernelTest("a user's secret file is read, in folders that are the user's alone", async t => {
  const file = secretFile(t);
  assert.equal(await asService(t, ['seed', ALICE, file]), 'hunter2');
});

kernelTest("what is out of memory is looked up by one thread, which is the user's", async t => {
  const file = secretFile(t);
  // What tmpfs has is never out of memory.
  const threads = IN_MEMORY.has(statfsSync(file).type) ? 0 : 1;
  const forget = (): void => writeFileSync('/proc/sys/vm/drop_caches', '2');
  assert.deepEqual(await asService(t, ['walk', ALICE, file], forget), { threads, failed: [] });
});

kernelTest('for what is out of memory no thread is begun when nobody waits any more', async t => {
  const file = secretFile(t);
  const forget = (): void => writeFileSync('/proc/sys/vm/drop_caches', '2');
  const found = IN_MEMORY.has(statfsSync(file).type) ? {} : { code: 'EAGAIN' };
  assert.deepEqual(await asService(t, ['late', ALICE, file], forget), { threads: 0, ...found });
});

kernelTest(
  'the socket of a user on which he himself listens is connected to',
  async t => {
    const home = new Home(t);
    await pythonOf(t, ALICE, LISTENER, home.path('docker.sock'));
    chmodSync(home.folder, 0o700);
    assert.equal(await asService(t, ['connect', ALICE, home.root]), 'hello');
  },
  'python3',
);

kernelTest('a plugin socket is made for the user, and taken along', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t, `mount -t tmpfs -o mode=700 none /run; ${READY}`);
  home.write('docker.pid', String(pid));
  const path = `/proc/${pid}/root/run/docker/plugins/dwgd.sock`;
  // Only its user gets there.
  const served = await asService(t, ['serve', ALICE, home.root, path]);
  assert.deepEqual(served, { uid: ALICE, gid: ALICE, mode: 0o600, said: [] });
  assert.ok(existsSync(`/proc/${pid}/root/run/docker/plugins`));
  assert.equal(existsSync(path), false);
});

kernelTest(
  'a container without a path of its own is found where it is: in another one or in the host',
  async t => {
    const [owner, other] = [await Namespace.create(t), await Namespace.create(t)];
    const sleeper = (...within: string[]): number => {
      const [program, ...args] = [...within, 'sleep', '600'];
      const child = spawn(program!, args);
      t.after(() => child.kill('SIGKILL'));
      return child.pid!;
    };
    const inOwner = sleeper('nsenter', `--net=${owner.netns.path}`);
    const inHost = sleeper();
    const among = (pid: number, path: string) => asService(t, ['container', 0, pid, path]);
    while (inodeOf(`/proc/${inOwner}/ns/net`) !== inodeOf(owner.netns.path)) run('sleep', '0.01');
    assert.deepEqual(await among(inOwner, owner.netns.path), owner.ref);
    assert.equal(await among(inOwner, other.netns.path), null);
    const { key } = (await among(inHost, owner.netns.path)) as { key: string };
    assert.equal(key.split(':')[1], String(inodeOf('/proc/self/ns/net')));
  },
);

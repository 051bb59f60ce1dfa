// What local users hand over: files, sockets, namespaces and processes that are not what they should be. Nothing of it is
// waited for, opened, followed or told of; the user's own is found.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { O_PATH } from '../../native/open-flags.js';
import { startTime } from '../../src/base/proc-stat.js';
import type { Recovery } from '../../src/driver/lifecycle/recovery.js';
import { RootlessSockets } from '../../src/driver/plugin/rootless-sockets.js';
import { UserServer } from '../../src/driver/plugin/user-server.js';
import { readPresharedKey, readSeed } from '../../src/driver/tunnel/secrets.js';
import { LoopShare, REST_OF_CALLS } from '../../src/driver/users/loop-share.js';
import { Mounts } from '../../src/driver/users/mounts.js';
import { hasEnded, type RootlessHost, type RootlessHosts } from '../../src/driver/users/rootless-hosts.js';
import { openPath, openPathNow } from '../../src/driver/users/user-paths.js';
import { World } from '../support/driver-world.js';
import { kernelTest } from '../support/namespace.js';
import {
  ALICE,
  BOB,
  Home,
  LISTENER,
  processOf,
  pythonOf,
  READY,
  rootless,
  SANDBOXES,
} from '../support/users.js';

const FILES = ['docker.pid', 'dockerd-rootless/child_pid'];

for (const file of FILES) {
  kernelTest(`a rootless Docker is found by ${file}`, async t => {
    const home = new Home(t);
    const { pid } = await rootless(t);
    home.write(file, `${pid}\n`);
    const [host] = found(home.hosts);
    assert.deepEqual([host?.uid, host?.gid, host?.pid], [ALICE, ALICE, pid]);
    assert.match(host!.started, /^\d+$/);
  });

  const odd: readonly [name: string, make: (home: Home, pid: string) => void][] = [
    ['a FIFO', home => home.fifo(file)],
    ['a link to /dev/zero', home => home.link(file, '/dev/zero')],
    ['a link to a file with the right content', (home, pid) => home.link(file, home.write('right', pid))],
    ['a folder', home => mkdirSync(home.path(file))],
    ["a file of another user's", (home, pid) => home.write(file, pid, BOB, 0o644)],
    ["a file of root's", (home, pid) => home.write(file, pid, 0, 0o644)],
    ['a file that its user may not read', (home, pid) => home.write(file, pid, ALICE, 0)],
    ['a file that is too large', (home, pid) => home.write(file, pid.padEnd(4096, '\n'))],
    ['empty', home => home.write(file, '')],
    ['the id of no process', home => home.write(file, '4194305')],
    ['a negative number', (home, pid) => home.write(file, `-${pid}`)],
    ['a process of the host', home => home.write(file, '1')],
    ['the daemon itself', home => home.write(file, String(process.pid))],
  ];
  for (const [name, make] of odd) {
    kernelTest(`no rootless Docker is found where ${file} is ${name}`, async t => {
      const home = new Home(t);
      const { pid } = await rootless(t);
      make(home, String(pid));
      assert.deepEqual(found(home.hosts), []);
    });
  }
}

/** The rootless Dockers that run now. */
const found = (hosts: RootlessHosts): RootlessHost[] => hosts.users().flatMap(uid => hosts.find(uid) ?? []);

kernelTest('a folder on the way that is a link leads nowhere', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t);
  mkdirSync(home.path('elsewhere'));
  home.write('elsewhere/child_pid', String(pid));
  rmSync(home.path('dockerd-rootless'), { recursive: true });
  home.link('dockerd-rootless', 'elsewhere');
  assert.deepEqual(found(home.hosts), []);
});

for (const [name, namespaces] of [
  ['no mount namespace of its own', '-Urn'],
  ['no namespace of its own', ''],
] as const) {
  kernelTest(`a process with ${name} is no rootless Docker`, async t => {
    const home = new Home(t);
    const { pid } = namespaces
      ? await rootless(t, READY, namespaces)
      : await processOf(t, ALICE, 'sh', '-c', READY);
    home.write('docker.pid', String(pid));
    assert.deepEqual(found(home.hosts), []);
  });
}

kernelTest("a process in namespaces of its own that are another user's is no rootless Docker", async t => {
  const home = new Home(t);
  const { pid } = await rootless(t, READY, '-Urmn', BOB);
  home.write('docker.pid', String(pid));
  assert.deepEqual(found(home.hosts), []);
});

/** The one sentence for all that is no namespace of the user's. */
const NOT_HIS = { name: 'UserError', message: `there is no such network namespace of user ${ALICE}` };

kernelTest('the network namespace of the host is never taken for a rootless Docker', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t, READY, '-Urm');
  home.write('docker.pid', String(pid));
  assert.throws(() => home.hosts.openNetns(ALICE), NOT_HIS);
});

kernelTest("a rootless Docker's own network namespace is found", async t => {
  const home = new Home(t);
  const { pid } = await rootless(t);
  home.write('docker.pid', String(pid));
  const netns = home.hosts.openNetns(ALICE);
  assert.equal(
    netns.key.split(':')[1],
    execFileSync('stat', ['-Lc', '%i', `/proc/${pid}/ns/net`])
      .toString()
      .trim(),
  );
  netns.close();
});

kernelTest('a sandbox is found by the path that its Docker has, links within its root included', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t, SANDBOXES);
  home.write('docker.pid', String(pid));
  const own = home.hosts.openNetns(ALICE);
  for (const path of ['netns/own', 'dir/own', 'absolute', 'relative', './netns/../netns/own']) {
    const netns = home.hosts.openSandbox(ALICE, `/mnt/${path}`);
    assert.equal(netns.key, own.key, path);
    netns.close();
  }
  own.close();
});

kernelTest(
  'whatever else a sandbox is said to be is refused by one sentence, and nothing of it is opened',
  async t => {
    const home = new Home(t);
    const { pid } = await rootless(t, SANDBOXES);
    home.write('docker.pid', String(pid));
    const descriptors = readdirSync('/proc/self/fd').length;
    const paths = [
      ...['file', 'fifo', 'null', 'zero', 'host', 'loop', 'netns', 'netns/hosts', 'missing', 'file/x', ''],
      ...['../proc/1/ns/net', '../dev/zero', '../root/.bashrc', '../etc/shadow'],
    ].map(name => `/mnt/${name}`);
    for (const path of [...paths, '', '/', '/proc/self/ns/net', '/run/netns', `/${'x/'.repeat(2000)}`])
      assert.throws(() => home.hosts.openSandbox(ALICE, path), NOT_HIS, path);
    assert.equal(readdirSync('/proc/self/fd').length, descriptors);
  },
);

const CROWDED = `mount -t tmpfs none /mnt; cd /mnt; mkdir m; touch early late; mount --bind /proc/self/ns/net early
mount --bind m m; for n in $(seq 14); do mkdir m/$n; mount --rbind m m/$n; done
mount --bind /proc/self/ns/net late
${READY}`;

kernelTest(
  'of a user who has made thousands of mounts only the first MiB is read, and a path leads into few',
  async t => {
    const home = new Home(t);
    const { pid } = await rootless(t, CROWDED);
    home.write('docker.pid', String(pid));
    const crossing = (mounts: number): string => `/mnt/${'m/../'.repeat(mounts)}early`;
    for (const path of ['/mnt/early', crossing(5)]) home.hosts.openSandbox(ALICE, path).close();
    for (const path of ['/mnt/late', crossing(10)])
      assert.throws(() => home.hosts.openSandbox(ALICE, path), NOT_HIS, path);
    const read = t.mock.method(fs, 'readSync');
    syncBuiltinESMExports();
    home.hosts.openSandbox(ALICE, crossing(5)).close();
    const bytes = read.mock.calls.reduce((sum, { result }) => sum + (result ?? 0), 0);
    read.mock.restore();
    syncBuiltinESMExports();
    assert.ok(bytes > 1024 * 1024 && bytes < 1.5 * 1024 * 1024, `${bytes} bytes of lists of mounts`);
  },
);

kernelTest(
  'of a user who has made thousands of mounts, and slows the reading of their list, it is given up in time',
  async t => {
    const home = new Home(t);
    const { pid } = await rootless(t, CROWDED);
    home.write('docker.pid', String(pid));
    const real = fs.readSync;
    t.mock.method(fs, 'readSync', (...args: Parameters<typeof real>) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
      return real(...args);
    });
    syncBuiltinESMExports();
    const begun = performance.now();
    assert.throws(() => home.hosts.openSandbox(ALICE, '/mnt/early'), NOT_HIS);
    const took = performance.now() - begun;
    t.mock.restoreAll();
    syncBuiltinESMExports();
    assert.ok(took < 1_500, `${took} ms`);
    home.hosts.openSandbox(ALICE, '/mnt/early').close();
  },
);

kernelTest(
  'a list of mounts is read again where one came meanwhile, and given up where they come on and on',
  async t => {
    const child = spawn('unshare', ['-m', 'sh'], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const mount = async (type: string): Promise<void> => {
      child.stdin.write(`mount -t ${type} ${type} /mnt && echo done\n`);
      await once(child.stdout, 'data');
    };
    const mounts = new Mounts(`/proc/${child.pid}/mountinfo`);
    t.after(() => mounts.close());
    const check = (): void => {
      const fd = openSync(`/proc/${child.pid}/root/mnt`, O_PATH);
      try {
        mounts.refuseForeign(fd, '/mnt');
      } finally {
        closeSync(fd);
      }
    };
    await mount('tmpfs');
    check();
    await mount('proc');
    assert.throws(check, { code: 'EACCES' });
    await mount('tmpfs');
    check();
    check();
    await mount('tmpfs');
    assert.throws(check, { code: 'EAGAIN' });
  },
);

const DETACHED = 'dockerd-rootless/netns';

kernelTest('a FIFO in place of the detached namespace is not waited for', async t => {
  const home = new Home(t);
  const { pid } = await rootless(t);
  home.write('docker.pid', String(pid));
  home.fifo(DETACHED);
  assert.throws(() => home.hosts.openNetns(ALICE), NOT_HIS);
});

/** FUSE without any answer: what is asked is counted, by the number of its kind. */
const FUSE = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
os.mkdir(sys.argv[1] + "/fuse")
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
if libc.mount(b"fuse", (sys.argv[1] + "/fuse").encode(), b"fuse", 6, options): raise OSError(ctypes.get_errno())
print("ready", flush=True)
while True: print("asked", int.from_bytes(os.read(fd, 65536)[4:8], "little"), flush=True)`;

kernelTest('a process has ended, too, whose parent has not asked for its status', async t => {
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => parent.kill('SIGKILL'));
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(String(said));
  const stat = (): string => fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  const host = { uid: ALICE, gid: ALICE, pid, started: startTime(stat())! };
  assert.equal(hasEnded(host), false);
  assert.equal(hasEnded({ ...host, started: '1' }), true);
  process.kill(pid, 'SIGKILL');
  while (!stat().includes(') Z ')) await sleep(10);
  assert.equal(hasEnded(host), true);
});

kernelTest(
  'a file system that never answers is not asked',
  async t => {
    const home = new Home(t);
    const child = spawn('unshare', ['-m', 'python3', '-c', FUSE, home.root]);
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', data => (said += String(data)));
    while (!/asked \d+\n/.test(said)) await once(child.stdout, 'data');
    const folder = openSync(`/proc/${child.pid}/root`, O_PATH);
    t.after(() => closeSync(folder));
    const root = { uid: ALICE, gid: ALICE, folder, mountinfo: `/proc/${child.pid}/mountinfo` };
    for (const path of ['fuse', 'fuse/x', 'fuse/../x'].map(name => join(home.root, '/') + name)) {
      assert.throws(() => openPathNow(root, path, 'follow'), { code: 'EACCES' });
      await assert.rejects(openPath(root, path, 'follow'), { code: 'EACCES' });
    }
    // FUSE_INIT, which mount(2) itself asks.
    assert.deepEqual(new Set(said.trim().split('\n').slice(1)), new Set(['asked 26']));
  },
  'python3',
  'unshare',
);

/** What is said of a seed file, with PATH for its path. */
async function refusal(file: string, owner = ALICE): Promise<string> {
  try {
    await readSeed({ seed: { file }, owner });
  } catch (err) {
    return (err as Error).message.replaceAll(file, 'PATH');
  }
  return 'accepted';
}

kernelTest("what is there that is not the user's own file cannot be told from what is not there", async t => {
  const home = new Home(t);
  mkdirSync(join(home.root, 'roots'), { mode: 0o700 });
  writeFileSync(join(home.root, 'roots/secret'), 'x');
  chownSync(join(home.root, 'roots/secret'), ALICE, ALICE);
  const one = `dwgd.seedfile=PATH cannot be used: give a file that belongs to user ${ALICE}, in folders that this user may enter, on a disk of this host`;
  const paths = [
    ...[
      '/root',
      '/root/.bashrc',
      '/root/nope',
      '/etc/shadow',
      '/etc/passwd',
      '/nope',
      '/',
      '/proc/1/environ',
    ],
    ...[
      '/dev/zero',
      '/dev/null',
      '/dev/watchdog',
      '/proc/self/root/etc/shadow',
      join(home.root, 'roots/secret'),
    ],
    ...[home.folder, home.fifo('fifo'), home.path('missing'), home.write('bobs', 'x', BOB, 0o644)],
    ...[
      home.link('zero', '/dev/zero'),
      home.link('shadow', '/etc/shadow'),
      home.write('shut', 'x', ALICE, 0),
    ],
    home.link('loop', 'loop'),
  ];
  for (const path of paths) assert.equal(await refusal(path), one, path);
});

kernelTest("a user's own secret files are read, by a link of his too", async t => {
  const home = new Home(t);
  const file = home.write('seed', 'hunter2\n');
  for (const path of [file, home.link('link', 'seed'), home.link('absolute', file)])
    assert.equal((await readSeed({ seed: { file: path }, owner: ALICE })).toString(), 'hunter2');
  const key = Buffer.alloc(32, 5);
  const psk = home.write('psk', key.toString('base64'));
  const network = { seed: { value: key }, presharedKey: { file: psk }, owner: ALICE };
  assert.deepEqual((await readPresharedKey(network))?.reveal(), key);
});

kernelTest("a user's own secret file is refused with its reason", async t => {
  const home = new Home(t);
  assert.match(await refusal(home.write('open', 'x', ALICE, 0o644)), /can be read by others/);
  assert.match(await refusal(home.write('large', Buffer.alloc(70_000))), /is larger than 64 KiB/);
  assert.match(await refusal(home.write('empty', '')), /is empty/);
});

kernelTest("a FIFO or a device as root's secret file is refused, and not waited for", async t => {
  const home = new Home(t);
  for (const path of [home.fifo('fifo'), home.link('link', 'fifo'), '/dev/zero', home.folder])
    assert.equal(await refusal(path, 0), 'dwgd.seedfile=PATH is not a file');
});

kernelTest(
  'the socket of a user on which he himself listens is connected to',
  async t => {
    const home = new Home(t);
    await pythonOf(t, ALICE, LISTENER, home.path('docker.sock'));
    const socket = await home.hosts.connect({ uid: ALICE, gid: ALICE, pid: 0, started: '' });
    const [data] = await once(socket, 'data');
    assert.equal(String(data), 'hello');
    socket.destroy();
  },
  'python3',
);

kernelTest(
  "a socket that is another's, a link to one, and what is none are refused by one sentence",
  async t => {
    const host = { uid: ALICE, gid: ALICE, pid: 0, started: '' };
    const makers: ((home: Home) => unknown)[] = [
      () => undefined,
      home => home.fifo('docker.sock'),
      home => home.write('docker.sock', ''),
      home => home.link('docker.sock', '/dev/zero'),
      home => home.link('docker.sock', join(home.root, 'roots.sock')),
      // One that others have put there, or passed to him.
      home => listen(t, home.path('docker.sock'), 0o777),
    ];
    for (const make of makers) {
      const home = new Home(t);
      await listen(t, join(home.root, 'roots.sock'), 0o777);
      await make(home);
      const message = `user ${ALICE} does not listen on ${home.path('docker.sock')}`;
      await assert.rejects(home.hosts.connect(host), { name: 'UserError', message });
    }
  },
);

async function listen(t: TestContext, path: string, mode: number): Promise<void> {
  const server = createServer(socket => socket.on('error', () => undefined).end('hello')).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  chmodSync(path, mode);
}

/** What curl(1) would be told, as a user. */
async function ask(t: TestContext, uid: number, path: string): Promise<string> {
  const program = `
print("ready", flush=True); sys.stdin.readline()
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
try:
  s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); print(s.recv(99).decode().split("\\r\\n")[0])
except OSError: print()`;
  const child = await pythonOf(t, uid, program, path);
  let text = '';
  child.stdout!.on('data', data => (text += String(data)));
  child.stdin!.write('\n');
  await once(child, 'close');
  return text.trim();
}

kernelTest(
  'a plugin socket answers its user and root alone, whatever its mode',
  async t => {
    const home = new Home(t);
    const path = join(home.root, 'plugin.sock');
    const parts = { share: new LoopShare(REST_OF_CALLS), log: new World().log };
    const server = new UserServer((_, response) => void response.end('x'), ALICE, parts);
    server.listen(path);
    t.after(() => server.close());
    chmodSync(path, 0o777);
    assert.equal(await ask(t, ALICE, path), 'HTTP/1.1 200 OK');
    assert.equal(await ask(t, 0, path), 'HTTP/1.1 200 OK');
    assert.equal(await ask(t, BOB, path), '');
  },
  'python3',
);

kernelTest(
  'a rootless Docker gets a plugin socket that is its own, where no step is a link or is answered by its user',
  async t => {
    const served: readonly [script: string, isServed: boolean][] = [
      ['mount -t tmpfs none /run', true],
      ['mount -t tmpfs none /run; mkdir -p /run/docker/plugins; touch /run/docker/plugins/dwgd.sock', true],
      ['mount -t tmpfs none /run; mkdir /run/real; ln -s real /run/docker', false],
      ['mount -t tmpfs none /run; mkdir /run/docker; ln -s /tmp /run/docker/plugins', false],
      ['mount -t tmpfs none /run; mkdir /run/docker; mount --rbind /proc /run/docker', false],
      ['mount -t tmpfs none /run; mkfifo /run/docker', false],
      // The host's own folder, which is root's.
      ['true', false],
    ];
    for (const [script, isServed] of served) {
      const home = new Home(t);
      const { pid } = await rootless(t, `${script}; ${READY}`);
      home.write('docker.pid', String(pid));
      const { driver, log, lines } = new World();
      const comparer = { now: () => undefined, soon: () => undefined };
      const recovery = { comparer: () => comparer } as unknown as Recovery;
      const share = new LoopShare(REST_OF_CALLS);
      const sockets = new RootlessSockets({ hosts: home.hosts, driver, recovery, log, share });
      sockets.start();
      while (!/serving a rootless Docker|cannot serve a rootless Docker/.test(lines.join('')))
        await sleep(10);
      assert.equal(!/cannot serve/.test(lines.join('')), isServed, `${script}: ${lines.join('')}`);
      if (isServed) {
        const path = `/proc/${pid}/root/run/docker/plugins/dwgd.sock`;
        const { uid, mode } = statSync(path);
        assert.deepEqual([uid, mode & 0o777], [ALICE, 0o600]);
        assert.equal(await ask(t, ALICE, path), 'HTTP/1.1 404 Not Found');
      }
      await sockets.close();
    }
  },
  'python3',
);

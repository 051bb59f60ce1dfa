// sd_notify(3): what a service manager receives, on a socket with a path and on an abstract one.
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FdStore } from '../../native/fd-store.js';
import { Notifier } from '../../native/sd-notify.js';
import { KeptNamespaces } from '../../src/driver/router/kept-namespaces.js';
import { NetnsSwitch } from '../../src/netlink/netns.js';
import { kernelTest } from '../support/namespace.js';

/** Prints every datagram that it receives, a line each. */
const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1].replace("@", "\\0", 1))
print("bound", flush=True)
while True:
    print(receiver.recv(4096).decode(), flush=True)
`;

/** A service manager's socket, and what has come in before a state that is sent last. */
async function manager(
  t: TestContext,
  address: string,
): Promise<{ before: (last: string) => Promise<string[]> }> {
  const child: ChildProcessWithoutNullStreams = spawn('python3', ['-c', RECEIVER, address]);
  t.after(() => child.kill());
  let text = '';
  child.stdout.on('data', chunk => (text += String(chunk)));
  await once(child.stdout, 'data');
  const before = async (last: string): Promise<string[]> => {
    new Notifier({ NOTIFY_SOCKET: address }).send(last);
    while (!text.endsWith(`\n${last}\n`)) await once(child.stdout, 'data');
    return text.split('\n').slice(1, -2);
  };
  return { before };
}

for (const kind of ['a path', 'an abstract name'] as const) {
  const receives = `a manager on ${kind} hears READY and STOPPING`;
  kernelTest(
    receives,
    async t => {
      const folder = mkdtempSync(join(tmpdir(), 'dwgd-notify-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const address = kind === 'a path' ? join(folder, 'notify') : `@dwgd-test-${process.pid}`;
      const { before } = await manager(t, address);
      const env = { NOTIFY_SOCKET: address };
      const notifier = new Notifier(env);
      assert.deepEqual(env, {}, 'nobody else is to answer for us');
      notifier.send('READY=1');
      notifier.send('STOPPING=1');
      notifier.close();
      assert.deepEqual(await before('STATUS=end'), ['READY=1', 'STOPPING=1']);
    },
    'python3',
  );
}

kernelTest(
  'the watchdog is fed twice in its time, and not after close',
  async t => {
    const address = `@dwgd-watchdog-${process.pid}`;
    const { before } = await manager(t, address);
    t.mock.timers.enable({ apis: ['setInterval'] });
    const notifier = new Notifier({ NOTIFY_SOCKET: address });
    notifier.startWatchdog({ WATCHDOG_USEC: '200000', WATCHDOG_PID: String(process.pid) });
    t.mock.timers.tick(199);
    notifier.send('STATUS=199 ms');
    t.mock.timers.tick(1);
    notifier.close();
    t.mock.timers.tick(1000);
    assert.deepEqual(await before('STATUS=end'), ['WATCHDOG=1', 'STATUS=199 ms', 'WATCHDOG=1']);
  },
  'python3',
);

for (const [name, env] of [
  ['for another process', { WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }],
  ['of no time', { WATCHDOG_USEC: '0' }],
  ['of nonsense', { WATCHDOG_USEC: 'soon' }],
  ['that is not asked for', {}],
] as const) {
  kernelTest(
    `a watchdog ${name} is not fed`,
    async t => {
      const address = `@dwgd-unfed-${process.pid}`;
      const { before } = await manager(t, address);
      t.mock.timers.enable({ apis: ['setInterval'] });
      const notifier = new Notifier({ NOTIFY_SOCKET: address });
      notifier.startWatchdog({ ...env });
      t.mock.timers.tick(1000);
      notifier.close();
      assert.deepEqual(await before('STATUS=end'), []);
    },
    'python3',
  );
}

kernelTest(
  'a manager that reads nothing holds nobody up, and hears all in order when it reads again',
  async t => {
    const address = `@dwgd-deaf-${process.pid}`;
    const deaf = RECEIVER.replace('while True', 'sys.stdin.readline()\nwhile True');
    const receiver = spawn('python3', ['-c', deaf, address]);
    t.after(() => receiver.kill());
    let heard = '';
    receiver.stdout.on('data', chunk => (heard += String(chunk)));
    await once(receiver.stdout, 'data');
    // More than net.unix.max_dgram_qlen, in a process of its own: one that waits for ever is ended.
    const states = Array.from({ length: 600 }, (_, index) => `STATUS=${index}`);
    const program = `
      const { Notifier } = await import(${JSON.stringify(new URL('../../native/sd-notify.js', import.meta.url).href)});
      const notifier = new Notifier();
      for (let index = 0; index < ${states.length}; index++) notifier.send('STATUS=' + index);
      console.log('sent');
      setInterval(() => {}, 1000);`;
    const sender = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: { NOTIFY_SOCKET: address },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => sender.kill('SIGKILL'));
    const sent = await Promise.race([once(sender.stdout, 'data').then(String), sleep(20_000, 'held up')]);
    assert.equal(sent, 'sent\n');
    receiver.stdin.write('\n');
    while (!heard.includes(`${states.at(-1)}\n`)) await once(receiver.stdout, 'data');
    assert.deepEqual(heard.trim().split('\n').slice(1), states);
  },
  'python3',
);

kernelTest('without a manager, or with one that is gone, nothing happens', () => {
  for (const env of [{}, { NOTIFY_SOCKET: '' }]) {
    const notifier = new Notifier(env);
    notifier.send('READY=1');
    notifier.startWatchdog({ WATCHDOG_USEC: '1000' });
    notifier.close();
  }
  const said: unknown[] = [];
  const { error } = console;
  console.error = text => said.push(text);
  try {
    new Notifier({ NOTIFY_SOCKET: '/nonexistent/notify' }).send('READY=1');
  } finally {
    console.error = error;
  }
  assert.deepEqual(said, [
    'cannot notify systemd: sending to the service manager: ENOENT (no such file or directory)',
  ]);
});

/** Prints a datagram in JSON, and the inode of the file whose descriptor comes with it. */
const KEEPER = `
import json, os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("bound", flush=True)
for n in range(2):
    text, fds, flags, address = socket.recv_fds(receiver, 4096, 4)
    print(json.dumps([text.decode(), [os.fstat(fd).st_ino for fd in fds]]), flush=True)
`;

kernelTest(
  'a manager gets a descriptor of a namespace to hold, and lets go of it by its name',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-notify-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const address = join(folder, 'notify');
    const child = spawn('python3', ['-c', KEEPER, address]);
    t.after(() => child.kill());
    await once(child.stdout, 'data');
    let text = '';
    child.stdout.on('data', chunk => (text += String(chunk)));
    const store = new FdStore({ NOTIFY_SOCKET: address });
    const fd = openSync('/proc/self/ns/net', 'r');
    const { ino } = fstatSync(fd);
    store.hold('netns-one', fd);
    closeSync(fd);
    store.letGo('netns-one');
    await once(child, 'exit');
    const received = text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    assert.deepEqual(received, [
      ['FDSTORE=1\nFDNAME=netns-one\nFDPOLL=0', [ino]],
      ['FDSTOREREMOVE=1\nFDNAME=netns-one', []],
    ]);
  },
  'python3',
);

/** Runs a program that may neither mount nor unmount, as the unit's filter of system calls has it. */
const WITHOUT_MOUNTS = `
import ctypes, os, platform, struct, sys
mount, umount = {"x86_64": (165, 166), "aarch64": (40, 39)}[platform.machine()]
EPERM, ALLOW = 0x00050001, 0x7fff0000
code = [(0x20, 0, 0, 0), (0x15, 1, 0, mount), (0x15, 0, 1, umount), (0x06, 0, 0, EPERM), (0x06, 0, 0, ALLOW)]
text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(text)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
`;

kernelTest(
  'where nothing may be mounted the manager holds the namespace of a router, and removed it leaves nothing',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-notify-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const address = join(folder, 'notify');
    const keeper = spawn('python3', ['-c', KEEPER, address]);
    t.after(() => keeper.kill());
    await once(keeper.stdout, 'data');
    const received = text(keeper.stdout);
    const program = join(import.meta.dirname, '../support/as-service.js');
    const child = spawn(
      'python3',
      ['-c', WITHOUT_MOUNTS, process.execPath, program, 'keep', '0', join(folder, 'netns')],
      { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NOTIFY_SOCKET: address } },
    );
    t.after(() => child.kill('SIGKILL'));
    const found = text(child.stdout);
    child.stdin.write('\n');
    const [, said] = (await found).split('ready\n');
    const { inode, ...rest } = JSON.parse(said!);
    assert.deepEqual(rest, { kept: ['one'], mounted: [], isGone: true, left: [] });
    assert.deepEqual(
      (await received)
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
      [
        ['FDSTORE=1\nFDNAME=netns-one\nFDPOLL=0', [inode]],
        ['FDSTOREREMOVE=1\nFDNAME=netns-one', []],
      ],
    );
  },
  'python3',
);

kernelTest('what no manager holds it is not told to let go of; what one holds is tried again', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-notify-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const address = join(folder, 'notify');
  const receiver = await manager(t, address);
  const store = new FdStore({ NOTIFY_SOCKET: address });
  const netnsSwitch = await NetnsSwitch.open();
  t.after(() => netnsSwitch.close());
  const kept = new KeptNamespaces(netnsSwitch, join(folder, 'netns'), store);
  kept.open('mounted').netns.close();
  const fd = openSync('/proc/self/ns/net', 'r');
  store.hold('netns-held', fd);
  closeSync(fd);
  const hidden = `${address}-away`;
  renameSync(address, hidden);
  assert.equal(kept.remove('mounted'), true);
  assert.equal(kept.remove('held'), false);
  assert.deepEqual(kept.names(), ['held']);
  renameSync(hidden, address);
  assert.equal(kept.remove('held'), true);
  assert.deepEqual(kept.names(), []);
  const heard = await receiver.before('STATUS=end');
  assert.deepEqual(
    heard.filter(line => line.startsWith('FDSTORE')),
    ['FDSTORE=1', 'FDSTOREREMOVE=1'],
  );
});

test("what a manager gives is this process's alone, and without a manager nothing is held", () => {
  const env = { LISTEN_PID: `${process.pid}`, LISTEN_FDS: '2', LISTEN_FDNAMES: 'netns-one:netns-two' };
  const store = new FdStore(env);
  assert.deepEqual(env, {});
  assert.deepEqual(
    [...store.given],
    [
      ['netns-one', 3],
      ['netns-two', 4],
    ],
  );
  assert.equal(store.isThere, false);
  store.hold('netns-three', 0);
  assert.equal(new FdStore({ ...env, LISTEN_PID: '1', LISTEN_FDS: '1' }).given.size, 0);
});

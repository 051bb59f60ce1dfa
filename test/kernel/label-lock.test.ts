// Who keeps the labels of a host: one daemon of root's, whatever others do with names, files and sockets of its locks.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { UserError } from '../../src/base/errors.js';
import { createLog, type Log } from '../../src/base/log.js';
import { PluginSocket } from '../../src/driver/plugin/socket.js';
import type { Host } from '../../src/labels/discovery/host.js';
import { LabelLock } from '../../src/labels/lock.js';
import { kernelTest, Namespace } from '../support/namespace.js';

const USER = 65_534;

interface Place {
  readonly ns: Namespace;
  readonly host: Host;
  readonly log: Log;
  readonly said: string[];
  /** For /run/dwgd. */
  readonly folder: string;
}

/** A host of its own, and what is said to its log. */
async function place(t: TestContext): Promise<Place> {
  const ns = await Namespace.create(t);
  const said: string[] = [];
  const log = createLog(false, true, line => said.push(line));
  const folder = runFolder(t);
  return { ns, host: { within: fn => ns.within(fn) } as Host, log, said, folder };
}

function runFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  return join(folder, 'run');
}

/** A program of a user that has done its harm when it prints something, and goes on until the end of the test. */
async function attack(t: TestContext, uid: number, program: string, ns?: Namespace): Promise<ChildProcess> {
  const python = ['python3', '-c', `import fcntl, os, socket, sys, time\nos.setuid(${uid})\n${program}`];
  const [command, ...args] = ns ? ['ip', 'netns', 'exec', ns.name, ...python] : python;
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

const SQUAT = `
s = socket.socket(socket.AF_UNIX); s.bind("\\0dwgd-labels"); s.listen()
print("there", flush=True); time.sleep(60)`;

/** Tries until the name is free, lets nobody wait in the queue, and is the one who waits in it. */
const SQUAT_IN_LOOP = `
while True:
    s = socket.socket(socket.AF_UNIX)
    try: s.bind("\\0dwgd-labels"); break
    except OSError: s.close()
s.listen(0)
c = socket.socket(socket.AF_UNIX); c.connect("\\0dwgd-labels")
print("there", flush=True); time.sleep(60)`;

/** Takes the lock in a process of its own: one that waits for ever is ended. */
function takeElsewhere(ns: Namespace, folder: string): string {
  const at = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const program = `
    const { LabelLock } = await import(${at('../../src/labels/lock.js')});
    const { createLog } = await import(${at('../../src/base/log.js')});
    const log = createLog(false, true, line => process.stdout.write(line));
    LabelLock.take({ within: fn => fn() }, log, ${JSON.stringify(folder)});
    console.log('taken');`;
  const args = ['netns', 'exec', ns.name, process.execPath, '--input-type=module', '-e', program];
  const { stdout, stderr, signal } = spawnSync('ip', args, { timeout: 20_000, encoding: 'utf8' });
  assert.equal(signal, null, 'it waited for ever');
  return stdout + stderr;
}

kernelTest('a second daemon is told of the first, and may follow it', async t => {
  const { host, log, folder } = await place(t);
  const first = LabelLock.take(host, log, folder);
  assert.throws(
    () => LabelLock.take(host, log, folder),
    new UserError(`another dwgd applies the labels of this host: stop it first (process ${process.pid})`),
  );
  first.release();
  LabelLock.take(host, log, folder).release();
});

kernelTest('a daemon with another /run is warned of the first by its name', async t => {
  const { host, log, said, folder } = await place(t);
  const first = LabelLock.take(host, log, folder);
  LabelLock.take(host, log, runFolder(t)).release();
  assert.match(said.join(''), /another process holds the name @dwgd-labels: .*stop one of the two/);
  assert.match(said.join(''), new RegExp(`pid=${process.pid} uid=0`));
  first.release();
});

for (const [who, uid] of [
  ['root', 0],
  ['a user', USER],
] as const) {
  kernelTest(
    `a process of ${who} that has the name is warned of and keeps nobody from keeping labels`,
    async t => {
      const { ns, host, log, said, folder } = await place(t);
      const child = await attack(t, uid, SQUAT, ns);
      LabelLock.take(host, log, folder).release();
      assert.match(said.join(''), new RegExp(`holds the name @dwgd-labels: .* pid=${child.pid} uid=${uid}`));
    },
    'python3',
  );
}

kernelTest(
  'a user who binds the name in a loop and lets nobody connect does not block the start',
  async t => {
    const { ns, host, log, folder } = await place(t);
    const first = LabelLock.take(host, log, folder);
    const squatter = attack(t, USER, SQUAT_IN_LOOP, ns);
    first.release();
    await squatter;
    const said = takeElsewhere(ns, folder);
    assert.match(said, /another process holds the name @dwgd-labels/);
    assert.match(said, /^taken$/m);
  },
  'python3',
);

kernelTest(
  'a user who locks a file of his own in a folder that was open to all does not block the start',
  async t => {
    const folder = runFolder(t);
    mkdirSync(folder, { mode: 0o777 });
    chmodSync(folder, 0o777);
    for (const name of ['dwgd.pid', 'labels.lock']) {
      const path = JSON.stringify(join(folder, name));
      await attack(
        t,
        USER,
        `f = open(${path}, "w"); fcntl.flock(f, fcntl.LOCK_EX); print("there", flush=True); time.sleep(60)`,
      );
    }
    const { host, log } = await place(t);
    LabelLock.take(host, log, folder).release();
    await new PluginSocket(folder, join(folder, 'plugins')).close();
  },
  'python3',
);

kernelTest(
  'a user who listens at the path of the socket in a folder that was open to all does not block the start',
  async t => {
    const folder = runFolder(t);
    mkdirSync(folder, { mode: 0o777 });
    chmodSync(folder, 0o777);
    const path = JSON.stringify(join(folder, 'dwgd.sock'));
    await attack(
      t,
      USER,
      `s = socket.socket(socket.AF_UNIX); s.bind(${path}); s.listen(); print("there", flush=True); time.sleep(60)`,
    );
    const socket = new PluginSocket(folder, join(folder, 'plugins'));
    await socket.listen((_request, response) => response.end('ours'));
    const args = ['-s', '--unix-socket', join(folder, 'dwgd.sock'), 'http://dwgd/'];
    const answer = spawn('curl', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [text] = (await once(answer.stdout, 'data')) as [Buffer];
    assert.equal(String(text), 'ours');
    await socket.close();
  },
  'python3',
  'curl',
);

kernelTest('a folder that is a user’s is refused, and nothing is written in it', t => {
  const folder = runFolder(t);
  execFileSync('install', ['-d', '-o', String(USER), folder]);
  writeFileSync(join(folder, 'dwgd.pid'), 'his');
  assert.throws(
    () => new PluginSocket(folder, join(folder, 'plugins')),
    new UserError(`cannot use ${folder}: it belongs to user ${USER}: remove it`),
  );
  assert.equal(readFileSync(join(folder, 'dwgd.pid'), 'utf8'), 'his');
});

kernelTest('one who is not root is told to be root, and not to remove what is root’s', t => {
  const folder = runFolder(t);
  execFileSync('install', ['-d', '-m', '755', folder]);
  process.seteuid!(USER);
  try {
    assert.throws(
      () => new PluginSocket(folder, join(folder, 'plugins')),
      new UserError(`cannot use ${folder}: it belongs to user 0: start dwgd as root`),
    );
  } finally {
    process.seteuid!(0);
  }
});

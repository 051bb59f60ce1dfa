// Who keeps the labels of a host: one daemon of root's, whatever others do with the name of its lock.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { UserError } from '../../src/errors.js';
import type { Host } from '../../src/labels/host.js';
import { LabelLock } from '../../src/labels/lock.js';
import { createLog, type Log } from '../../src/log.js';
import { kernelTest, Namespace } from './namespace.js';

/** A host of its own, and what is said to its log. */
async function host(t: TestContext): Promise<{ ns: Namespace; host: Host; log: Log; said: string[] }> {
  const ns = await Namespace.create(t);
  const said: string[] = [];
  const log = createLog(false, true, line => said.push(line));
  return { ns, host: { within: fn => ns.within(fn) } as Host, log, said };
}

/** A process that listens at the name, as a user. */
async function squat(t: TestContext, ns: Namespace, uid: number): Promise<ChildProcess> {
  const program = `import socket, os, time
os.setuid(${uid})
s = socket.socket(socket.AF_UNIX); s.bind("\\0dwgd-labels"); s.listen()
print("there", flush=True); time.sleep(60)`;
  const child = spawn('ip', ['netns', 'exec', ns.name, 'python3', '-c', program]);
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  return child;
}

kernelTest('a second daemon is told of the first, and may follow it', async t => {
  const { host: place, log } = await host(t);
  const first = LabelLock.take(place, log);
  assert.throws(
    () => LabelLock.take(place, log),
    new UserError(`another dwgd keeps the labels of this host: stop it first (process ${process.pid})`),
  );
  first.release();
  LabelLock.take(place, log).release();
});

kernelTest(
  "a process of root's at the name counts as a daemon",
  async t => {
    const { ns, host: place, log } = await host(t);
    const child = await squat(t, ns, 0);
    assert.throws(() => LabelLock.take(place, log), new RegExp(`stop it first \\(process ${child.pid}\\)`));
  },
  'python3',
);

kernelTest(
  'a user who takes the name keeps nobody from keeping labels',
  async t => {
    const { ns, host: place, log, said } = await host(t);
    await squat(t, ns, 65_534);
    LabelLock.take(place, log).release();
    assert.match(said.join(''), /a process that is not root's has taken the name @dwgd-labels/);
  },
  'python3',
);

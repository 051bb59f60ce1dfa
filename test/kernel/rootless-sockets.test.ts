// Sockets in the mount namespaces of rootless Dockers: one that goes keeps no other waiting. (root)
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { O_PATH } from '../../native/open-flags.js';
import { createLog } from '../../src/base/log.js';
import { startTime } from '../../src/base/proc-stat.js';
import type { Driver } from '../../src/driver/lifecycle/driver.js';
import type { Recovery } from '../../src/driver/lifecycle/recovery.js';
import { UserLabels } from '../../src/driver/lifecycle/user-labels.js';
import { RootlessSockets } from '../../src/driver/plugin/rootless-sockets.js';
import { LoopShare, REST_OF_CALLS } from '../../src/driver/users/loop-share.js';
import type { RootlessHost, RootlessHosts, RootlessProcess } from '../../src/driver/users/rootless-hosts.js';

/** A process with a /run of its own, as a rootless Docker has it; without a /run where it is not to be served. */
async function host(t: TestContext, uid: number, isServed = true): Promise<RootlessHost> {
  const mount = isServed
    ? 'mount -t tmpfs -o mode=777 tmpfs /run && '
    : 'mount -t tmpfs -o ro tmpfs /run && ';
  const child: ChildProcess = spawn('unshare', ['-m', 'sh', '-c', `${mount}echo up && exec sleep 600`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout!, 'data');
  const started = startTime(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))!;
  return { uid, gid: uid, pid: child.pid!, started };
}

const socketOf = ({ pid }: RootlessHost): string => `/proc/${pid}/root/run/docker/plugins/dwgd.sock`;

/** @param docker the socket of each user's Docker */
function served(
  t: TestContext,
  list: () => RootlessHost[],
  driver: Partial<Driver> = {},
  docker = '/nowhere',
) {
  const within = <T>(uid: number, fn: (process: RootlessProcess) => T): T => {
    const host = list().find(one => one.uid === uid)!;
    const path = `/proc/${host.pid}`;
    const folder = openSync(`${path}/root`, O_PATH);
    try {
      return fn({ ...host, path, root: { uid, gid: host.gid, folder, mountinfo: `${path}/mountinfo` } });
    } finally {
      closeSync(folder);
    }
  };
  const users = (): number[] => list().map(({ uid }) => uid);
  const find = (uid: number): RootlessHost | undefined => list().find(one => one.uid === uid);
  const lines: string[] = [];
  const log = createLog(false, true, line => lines.push(line));
  const sockets = new RootlessSockets({
    hosts: { users, find, within, connect: async () => connect(docker) } as unknown as RootlessHosts,
    driver: driver as Driver,
    recovery: { comparer: () => ({ now: () => undefined, soon: () => undefined }) } as unknown as Recovery,
    labels: new UserLabels(log),
    share: new LoopShare(REST_OF_CALLS),
    log,
  });
  sockets.start();
  t.after(() => sockets.close());
  return { sockets, lines };
}

test('a Docker that has ended is closed while the files of its user rest', { timeout: 60_000 }, async t => {
  const a = await host(t, 1000);
  let looks = 0;
  const { lines } = served(t, () => {
    // The look at these files takes so long that none follows for twenty seconds.
    if (looks++ === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    return [a];
  });
  while (!existsSync(socketOf(a))) await sleep(20);
  process.kill(a.pid, 'SIGKILL');
  const said = (): boolean => lines.some(line => line.includes('a rootless Docker is gone'));
  for (let n = 0; n < 100 && !said(); n++) await sleep(100);
  assert.ok(said(), lines.join(''));
});

test('a user whose call does not end keeps no other user waiting for a socket', {
  timeout: 60_000,
}, async t => {
  const [a, b] = [await host(t, 1000), await host(t, 1001)];
  let running = [a];
  let end = (): void => undefined;
  let isDone = false;
  const leave = (): Promise<void> => new Promise(resolve => (end = resolve));
  const { lines } = served(t, () => running, { leave });
  while (!existsSync(socketOf(a))) await sleep(20);
  const options = { socketPath: socketOf(a), method: 'POST', path: '/NetworkDriver.Leave' };
  const call = httpRequest(options).on('error', () => undefined);
  call.on('close', () => {
    isDone = true;
  });
  call.end('{"NetworkID":"n","EndpointID":"e"}');
  await once(call, 'finish');
  running = [b];
  while (!existsSync(socketOf(b))) await sleep(20);
  assert.equal(isDone, false, 'the call is under way');
  assert.ok(!lines.some(line => line.includes('is gone')));
  end();
});

test('what was refused is logged once while it runs, and forgotten with it', { timeout: 60_000 }, async t => {
  const a = await host(t, 1000, false);
  let running = [a];
  let looks = 0;
  const { lines } = served(t, () => {
    looks++;
    return running;
  });
  const look = async (): Promise<void> => {
    for (const before = looks; looks < before + 5; ) await sleep(20);
  };
  const said = (): number => lines.filter(line => line.includes('cannot serve a rootless Docker')).length;
  await look();
  assert.equal(said(), 1);
  running = [];
  await look();
  running = [a];
  await look();
  assert.equal(said(), 2, 'another process of the same number is another one');
});

test("a labelled container of each user's Docker is told of once, also when that Docker starts again", {
  timeout: 60_000,
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'rootless-sockets-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'docker.sock');
  let streams = 0;
  const docker = createServer(({ url }, response) => {
    if (url!.startsWith('/events')) {
      streams++;
      response.writeHead(200).flushHeaders();
    } else response.end(JSON.stringify([{ Names: ['/app'], Labels: { 'twine.strict': 'true' } }]));
  }).listen(path);
  t.after(() => docker.close().closeAllConnections());
  await once(docker, 'listening');
  let running = [await host(t, 1000), await host(t, 1001)];
  const { lines } = served(t, () => running, {}, path);
  const told = (user: number): number =>
    lines.filter(line => line.includes(`rootless Docker of user ${user}: `)).length;
  while (told(1000) === 0 || told(1001) === 0) await sleep(20);
  running = [await host(t, 1000), running[1]!];
  while (streams < 3) await sleep(20);
  await sleep(100);
  assert.deepEqual([told(1000), told(1001)], [1, 1]);
});

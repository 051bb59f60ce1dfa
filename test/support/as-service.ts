// A program that does one thing of the daemon's, for tests that run it with the capabilities of the unit: what it finds
// is printed as JSON. Before that it says that it is ready and waits for a line, so that nothing is cached by loading.
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Worker } from 'node:worker_threads';
import { FdStore } from '../../native/fd-store.js';
import { asUser } from '../../native/libc.js';
import { O_PATH } from '../../native/open-flags.js';
import type { OpError } from '../../src/base/errors.js';
import type { Recovery } from '../../src/driver/lifecycle/recovery.js';
import { RootlessSockets } from '../../src/driver/plugin/rootless-sockets.js';
import { KeptNamespaces } from '../../src/driver/router/kept-namespaces.js';
import { readSeed } from '../../src/driver/tunnel/secrets.js';
import { LoopShare, REST_OF_CALLS } from '../../src/driver/users/loop-share.js';
import { RootlessHosts } from '../../src/driver/users/rootless-hosts.js';
import { openPath } from '../../src/driver/users/user-paths.js';
import { netnsAt, netnsOfContainer } from '../../src/labels/discovery/proc-netns.js';
import { NetnsLookup } from '../../src/labels/namespace/netns-lookup.js';
import { type Netns, NetnsSwitch } from '../../src/netlink/netns.js';
import { World } from './driver-world.js';

const [what = '', uid = '', first = '', second = ''] = process.argv.slice(2);
const owner = Number(uid);

const INODE = '/proc/thread-self/ns/net';
const inside = async (netns: Netns): Promise<number> =>
  (await NetnsSwitch.open()).within(netns, () => statSync(INODE).ino);

/** Ids and capabilities of the calling thread. */
function credentials(): Record<string, string> {
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)![1]!.trim();
  const [uids, gids] = [field('Uid').split('\t'), field('Gid').split('\t')];
  return { uid: uids.join(' '), gid: gids.join(' '), groups: field('Groups'), effective: field('CapEff') };
}

function refused(fn: () => unknown): unknown {
  try {
    fn();
    return undefined;
  } catch (err) {
    return (err as { code?: string }).code;
  }
}

const deeds: Record<string, () => Promise<unknown>> = {
  list: async () => new RootlessHosts(first).users().flatMap(uid => new RootlessHosts(first).find(uid) ?? []),
  netns: () => inside(new RootlessHosts(first).openNetns(owner)),
  sandbox: () => inside(new RootlessHosts(first).openSandbox(owner, second)),
  seed: async () => (await readSeed({ seed: { file: first }, owner })).toString(),
  // How many threads were needed for it, and what they failed at.
  walk: async () => {
    const [folder, failed] = [openSync('/', O_PATH), [] as unknown[]];
    let threads = 0;
    process.on('worker', (worker: Worker) => {
      threads++;
      worker.on('error', (err: NodeJS.ErrnoException) => failed.push(err.code));
    });
    const root = { uid: owner, gid: owner, folder, mountinfo: '/proc/self/mountinfo' };
    closeSync(await openPath(root, first, 'follow'));
    return { threads, failed };
  },
  // Nobody waits for it any more.
  late: async () => {
    const folder = openSync('/', O_PATH);
    let threads = 0;
    process.on('worker', () => threads++);
    const root = { uid: owner, gid: owner, folder, mountinfo: '/proc/self/mountinfo' };
    const opened = openPath(root, first, 'follow', () => true);
    const code = await opened.then(closeSync, (err: OpError) => err.code);
    return { threads, code };
  },
  connect: async () => {
    const socket = await new RootlessHosts(first).connect({ uid: owner, gid: owner, pid: 0, started: '' });
    return text(socket);
  },
  serve: async () => {
    const { driver, log, lines } = new World();
    const recovery = {
      comparer: () => ({ now: () => undefined, soon: () => undefined }),
    } as unknown as Recovery;
    const share = new LoopShare(REST_OF_CALLS);
    const sockets = new RootlessSockets({ hosts: new RootlessHosts(first), driver, recovery, log, share });
    sockets.start();
    while (!/serving a rootless Docker|cannot (serve|look)/.test(lines.join('')))
      await new Promise(resolve => setTimeout(resolve, 10));
    const { uid, gid, mode } = asUser(owner, owner, () => statSync(second));
    await sockets.close();
    return { uid, gid, mode: mode & 0o777, said: lines.filter(line => /cannot/.test(line)) };
  },
  reach: async () => {
    const tried = [first, second].map(path => refused(() => readFileSync(path)));
    return [...tried, refused(() => statSync('/proc/1/root/.'))];
  },
  credentials: async () => {
    const before = credentials();
    const during = asUser(owner, owner, credentials);
    let onThread: Promise<string> | undefined;
    asUser(owner, owner, () => {
      onThread = readFile('/proc/thread-self/status', 'utf8');
    });
    const uidOnThread = /^Uid:\s*(.*)$/m.exec(await onThread!)![1];
    return { before, during, after: credentials(), uidOnThread: uidOnThread!.replaceAll('\t', ' ') };
  },
  container: async () => {
    const entry = await NetnsSwitch.open();
    const lookup = new NetnsLookup(entry, netnsAt('/proc/self/ns/net')!);
    const known = second ? [netnsAt(second)!] : [];
    const found = netnsOfContainer({ id: 'x', pid: Number(first) }, pid => lookup.find(pid, known));
    return found ?? null;
  },
  // The namespace of a router, kept as long as it takes.
  keep: async () => {
    const kept = new KeptNamespaces(await NetnsSwitch.open(), first, new FdStore());
    const { netns } = kept.open('one');
    const inode = statSync(`/proc/self/fd/${netns.fd}`).ino;
    const found = { inode, kept: kept.names(), mounted: readdirSync(first) };
    return { ...found, isGone: kept.remove('one'), left: kept.names() };
  },
};

process.stdout.write('ready\n');
process.stdin.once('data', async () => {
  const found = await deeds[what]!().catch((err: Error) => ({ error: err.message }));
  process.stdout.write(JSON.stringify(found));
  process.exit();
});

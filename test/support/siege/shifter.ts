// The hostile user whose files and namespaces are something else at every look, and who takes the locks that the daemon
// needs when it starts.
import { type ChildProcess, spawnSync } from 'node:child_process';
import { mkdirSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AF_UNIX,
  bindAndListen,
  close,
  SOCK_STREAM,
  socket,
  unixAddress,
} from '../../../native/libc-sockets.js';
import { type Counts, forever } from './attack.js';
import { LyingDocker } from './lies.js';
import { enter, type Place } from './namespaces.js';

/** The daemon looks every two seconds. */
const STAYS_MS = 2_200;

type Make = (path: string, pid: string) => unknown;

const mkfifo: Make = path => spawnSync('mkfifo', [path]);
const right: Make = (path, pid) => writeFileSync(path, pid);
const linkTo =
  (target: string): Make =>
  path =>
    symlinkSync(target, path);

/** What docker.pid is, with the namespaces of the process that it names. */
const STEPS: readonly (readonly [what: string, file: string, make: Make, place?: Place])[] = [
  ['as it should be', 'docker.pid', right, 'right'],
  ['docker.pid is a FIFO', 'docker.pid', mkfifo],
  ['the plugin folder is a link', 'docker.pid', right, 'a link'],
  ['docker.pid is a link to /dev/zero', 'docker.pid', linkTo('/dev/zero')],
  ['the plugin folder is on FUSE', 'docker.pid', right, 'FUSE'],
  ['docker.pid is on FUSE', 'docker.pid', linkTo('fuse/docker.pid')],
  ['as it should be', 'docker.pid', right, 'right'],
  ['child_pid is a FIFO', 'dockerd-rootless/child_pid', mkfifo],
  ['the plugin folder is a FIFO', 'docker.pid', right, 'a FIFO'],
  ['docker.pid is a folder', 'docker.pid', path => mkdirSync(path)],
  ['the plugin folder is a mount of procfs', 'docker.pid', right, 'a mount of procfs'],
  ['docker.pid names the first process', 'docker.pid', path => writeFileSync(path, '1')],
];

/** What docker.sock is, in turn. */
const SOCKETS: readonly (readonly [what: string, make?: Make])[] = [
  ["a link to root's", linkTo('/run/docker.sock')],
  ['one that lies'],
  ['a FIFO', mkfifo],
  ['a link to /dev/zero', linkTo('/dev/zero')],
];

export async function shiftEverything(uid: number, counts: Counts): Promise<never> {
  const folder = `/run/user/${uid}`;
  mkdirSync(`${folder}/dockerd-rootless`, { recursive: true });
  let n = 0;
  let last: ChildProcess | undefined;
  const shift = async (): Promise<void> => {
    const [what, file, make, place] = STEPS[n % STEPS.length]!;
    const child = place && (await enter(place));
    for (const name of ['docker.pid', 'dockerd-rootless/child_pid', 'docker.sock'])
      rmSync(`${folder}/${name}`, { recursive: true, force: true });
    last?.kill('SIGKILL');
    last = child;
    const [socketIs, makeSocket] = SOCKETS[Math.floor(n / 6) % SOCKETS.length]!;
    n++;
    if (makeSocket) makeSocket(`${folder}/docker.sock`, '');
    else new LyingDocker(counts).listen(`${folder}/docker.sock`);
    make(`${folder}/${file}`, String(child?.pid));
    await sleep(STAYS_MS);
    counts.add(`stood: ${what}`);
    counts.add(`stood: docker.sock is ${socketIs}`);
  };
  return Promise.race([
    forever(0, shift),
    forever(20, () => squat(counts)),
    forever(200, () => lock(counts)),
  ]);
}

/** The name of the labels' lock: when it is free it is taken, and nobody is answered. */
async function squat(counts: Counts): Promise<void> {
  counts.add("tried: the name of the labels' lock");
  // Not by Node: it pads the name of an abstract socket, which makes another one of it.
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  try {
    bindAndListen(fd, unixAddress('@dwgd-labels'), '@dwgd-labels', 0);
  } catch {
    close(fd);
    counts.add("refused: the name of the labels' lock");
    return;
  }
  counts.add("taken: the name of the labels' lock");
  await new Promise<never>(() => undefined);
}

function lock(counts: Counts): void {
  for (const path of [
    '/run/dwgd/labels.lock',
    '/run/dwgd/dwgd.pid',
    '/run/dwgd/mine',
    '/run/docker/plugins/mine',
  ])
    try {
      openSync(path, 'a');
      counts.add(`taken: ${path}`);
    } catch {
      counts.add('refused: files of locks');
    }
}

// Where a user's rootless Docker lives: the process that holds its namespaces, found by the files that it keeps
// under /run/user/UID. These are the user's own, so what they say is checked. Not here: its plugin socket
// (driver/plugin/rootless-sockets.ts), how files of users are read (user-files.ts).

import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { asUser, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, namespaceOwner } from '../../../native/libc.js';
import { O_PATH } from '../../../native/open-flags.js';
import { errorCode, UserError } from '../../base/errors.js';
import { isDefunct, startTime } from '../../base/proc-stat.js';
import { Netns } from '../../netlink/netns.js';
import { connectToUser, readRuntimeFile } from './user-files.js';
import { openPathNow, type UserRoot } from './user-paths.js';

/** A running rootless Docker. */
export interface RootlessHost {
  readonly uid: number;
  readonly gid: number;
  /** A process inside its mount namespace (and, but for detach-netns, its network namespace). */
  readonly pid: number;
  /** When that process started, in clock ticks: no other of its id did then. */
  readonly started: string;
}

/** A process that is a user's rootless Docker; its folder in procfs is open, and no later process is found by it. */
export interface RootlessProcess extends RootlessHost {
  /** Its folder in procfs. */
  readonly path: string;
  /** The tree of files that it sees. */
  readonly root: UserRoot;
}

const MOST_PID_BYTES = 64;

export class RootlessHosts {
  readonly #root: string;
  readonly #serves: (uid: number) => boolean;

  /**
   * @param root the folder of the users' runtime folders: /run/user
   * @param serves whether that user's Docker is served at all: of others nothing is read
   */
  constructor(root = '/run/user', serves: (uid: number) => boolean = () => true) {
    this.#root = root;
    this.#serves = serves;
  }

  /** Users who may have a rootless Docker; none where there is no /run/user. */
  users(): number[] {
    try {
      return readdirSync(this.#root)
        .filter(name => /^[1-9]\d{0,9}$/.test(name))
        .map(Number)
        .filter(this.#serves);
    } catch {
      return [];
    }
  }

  /** That user's rootless Docker, if it runs now. */
  find(uid: number): RootlessHost | undefined {
    try {
      return this.#find(uid, ({ gid, pid, started }) => ({ uid, gid, pid, started }));
    } catch {
      // For instance, no file descriptors are left; the next scan tries again.
      return undefined;
    }
  }

  /** Runs a synchronous function with that user's Docker. @throws UserError when it does not run */
  within<T extends object | number>(uid: number, fn: (process: RootlessProcess) => T): T {
    const result = this.#find(uid, fn);
    if (result === undefined)
      throw new UserError(`the rootless Docker of user ${uid} does not run, or is not served (-r)`, {
        code: 'ENOENT',
      });
    return result;
  }

  /** The network namespace in which that user's Docker looks for links. @throws UserError when there is none */
  openNetns(uid: number): Netns {
    return this.within(uid, process => {
      // RootlessKit with --detach-netns keeps it here; dockerd itself is in the host's then.
      const detached = tryOpen(process.root, `${this.#root}/${uid}/dockerd-rootless/netns`);
      if (detached !== undefined) return takeNetns(detached, uid);
      return checkNetns(
        asUser(uid, process.gid, () => new Netns(`${process.path}/ns/net`)),
        uid,
      );
    });
  }

  /** A network namespace by the path that a user's Docker knows it by. @throws UserError when it is none of theirs */
  openSandbox(uid: number, path: string): Netns {
    return this.within(uid, ({ root }) => {
      const fd = tryOpen(root, path);
      if (fd === undefined) throw notHis(uid);
      return takeNetns(fd, uid);
    });
  }

  /** A connection to the API of that user's Docker. @throws UserError when that user does not listen there */
  async connect({ uid, gid }: RootlessHost): Promise<Socket> {
    const folder = openSync('/', O_PATH);
    try {
      const root = { uid, gid, folder, mountinfo: '/proc/self/mountinfo' };
      return await connectToUser(root, `${this.#root}/${uid}/docker.sock`);
    } finally {
      closeSync(folder);
    }
  }

  #find<T>(uid: number, fn: (process: RootlessProcess) => T): T | undefined {
    if (!this.#serves(uid)) return undefined;
    for (const pid of this.#pids(uid)) {
      const process = openProcess(uid, pid);
      if (!process) continue;
      try {
        return fn(process);
      } finally {
        closeSync(process.root.folder);
        closeSync(process.folder);
      }
    }
    return undefined;
  }

  /** What the user's files claim. */
  #pids(uid: number): number[] {
    const folder = openSync('/', O_PATH);
    try {
      const root = { uid, gid: NO_GROUP, folder, mountinfo: '/proc/self/mountinfo' };
      return ['dockerd-rootless/child_pid', 'docker.pid'].flatMap(file => {
        const content = readRuntimeFile(root, `${this.#root}/${uid}/${file}`, MOST_PID_BYTES);
        const pid = /^\s*([1-9]\d{0,9})\s*$/.exec(content?.toString('latin1') ?? '')?.[1];
        return pid === undefined ? [] : [Number(pid)];
      });
    } finally {
      closeSync(folder);
    }
  }
}

/** The group of whom no group is known: nogroup. */
export const NO_GROUP = 65_534;

/** Accepts a pid only if the process belongs to the user, and is in a user and a mount namespace that the user owns. */
function openProcess(uid: number, pid: number): (RootlessProcess & { folder: number }) | undefined {
  let folder: number | undefined;
  try {
    folder = openSync(`/proc/${pid}`, O_PATH | constants.O_DIRECTORY);
    const path = `/proc/self/fd/${folder}`;
    const { uid: owner, gid } = fstatSync(folder);
    // To see more of it takes its user, who owns its user namespace, or a capability.
    const more = owner === uid ? asUser(uid, gid, () => inspect(path, uid)) : undefined;
    if (!more) {
      closeSync(folder);
      return undefined;
    }
    const root = { uid, gid, folder: more.root, mountinfo: `${path}/mountinfo` };
    return { uid, gid, pid, started: more.started, path, root, folder };
  } catch {
    if (folder !== undefined) closeSync(folder);
    return undefined;
  }
}

/** Whether its process has ended. Of its user's nothing is read: procfs shows this much to anybody. */
export function hasEnded({ pid, started }: RootlessHost): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return isDefunct(stat) || startTime(stat) !== started;
  } catch (err) {
    return ['ENOENT', 'ESRCH'].includes(errorCode(err) ?? '');
  }
}

/** When a process started, and its root; undefined unless its user and its mount namespace are the user's. */
function inspect(path: string, uid: number): { started: string; root: number } | undefined {
  const isHis =
    isMadeBy(uid, `${path}/ns/user`, CLONE_NEWUSER) && isMadeBy(uid, `${path}/ns/mnt`, CLONE_NEWNS);
  if (!isHis) return undefined;
  const started = startTime(readFileSync(`${path}/stat`, 'latin1'));
  if (started === undefined) return undefined;
  return { started, root: openSync(`${path}/root`, O_PATH) };
}

/**
 * Whether a namespace of a process was made by that user. The host's were not; to compare with the daemon's tells
 * nothing, as its unit gives it a mount namespace of its own.
 */
function isMadeBy(uid: number, path: string, kind: number): boolean {
  const fd = openSync(path, 'r');
  try {
    const owner = namespaceOwner(fd, path);
    return owner.uid === uid && owner.kind === kind;
  } finally {
    closeSync(fd);
  }
}

function tryOpen(root: UserRoot, path: string): number | undefined {
  try {
    return openPathNow(root, path, 'follow');
  } catch {
    return undefined;
  }
}

/** What a file that is named by a descriptor is, as a network namespace of the user's; closes the descriptor. */
function takeNetns(named: number, uid: number): Netns {
  try {
    // Only a mount of nsfs is opened: anything else may be a device, or a FIFO.
    if (fstatSync(named).dev !== statSync('/proc/self/ns/net').dev) throw notHis(uid);
    return checkNetns(new Netns(`/proc/self/fd/${named}`), uid);
  } finally {
    closeSync(named);
  }
}

function checkNetns(netns: Netns, uid: number): Netns {
  try {
    const owner = namespaceOwner(netns.fd, netns.path);
    if (owner.kind === CLONE_NEWNET && owner.uid === uid) return netns;
  } catch {
    // Cannot be determined, so it does not count as the user's.
  }
  netns.close();
  throw notHis(uid);
}

/** The same message whether it is missing, not a namespace, or another user's. */
function notHis(uid: number): UserError {
  return new UserError(`there is no such network namespace of user ${uid}`, { code: 'ENOENT' });
}

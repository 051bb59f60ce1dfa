// Paths that a user chose, opened as that user and without waiting for anybody: step by step, each step answered from
// what the kernel has in memory, and never by a file system that users may run themselves (FUSE, or an overlay on it).
// What comes of it names a file (O_PATH) and has touched none. Not here: what is read from it (user-files.ts).

import { closeSync, constants, fstatSync, statfsSync } from 'node:fs';
import { asUser, openat2, readLink } from '../../../native/libc.js';
import { close } from '../../../native/libc-sockets.js';
import {
  O_PATH,
  RESOLVE_CACHED,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from '../../../native/open-flags.js';
import { OpError } from '../../base/errors.js';
import { bringIntoMemory, type Uncached } from './disk-lookup.js';
import { Mounts, mountIdOf } from './mounts.js';

const { O_NOFOLLOW } = constants;
const ENOENT = 2;
const AT_FDCWD = -100;
const EAGAIN = 11;
const ELOOP = 40;
const EACCES = 13;
const EXDEV = 18;
const EINVAL = 22;

/** The user as whom the path is walked, and the root that confines it. */
export interface UserRoot {
  readonly uid: number;
  readonly gid: number;
  /** A file descriptor of the folder that `/` means; O_PATH is enough. */
  readonly folder: number;
  /** The mounts of that tree: a `mountinfo` of procfs. */
  readonly mountinfo: string;
}

/** Whether symbolic links are followed, within the root, or refused. */
type Links = 'follow' | 'refuse';
/** TMPFS_MAGIC, RAMFS_MAGIC. */
export const IN_MEMORY = new Set([0x01021994, 0x858458f6]);
/** As many as path_resolution(7) has. */
const MOST_LINKS = 40;
const MOST_PARTS = 256;
/** Mounts that a path leads into: each is looked up among all that its tree has. RootlessKit's /run takes five. */
const MOST_CROSSINGS = 8;
/** The kernel gives up an answer from memory, too, where somebody renames anything meanwhile. */
const TRIES = 8;

/**
 * Opens a path at once. On tmpfs, an entry that is not cached does not exist; on a disk, the lookup may block.
 * @param path absolute
 * @returns a file descriptor (O_PATH), for the caller to close
 * @throws OpError for anything that is not there for that user, or lies where nobody may look for them
 */
export function openPathNow(root: UserRoot, path: string, links: Links): number {
  const walk = walkPath(root, path, links);
  for (;;) {
    const step = go(root, walk);
    if (step.done) return step.value;
    if (knowsCached && IN_MEMORY.has(statfsSync(`/proc/self/fd/${step.value.folder}`).type)) {
      walk.return(-1);
      throw new OpError('opening', path, ENOENT);
    }
  }
}

/**
 * Opens a path, as openPathNow() does, but what is not in memory is brought there by a thread of the user's. That
 * thread is lost for as long as it takes: see UserOperations.
 * @param isLate whether nobody waits for it any more: then it begins no other thread
 */
export async function openPath(
  root: UserRoot,
  path: string,
  links: Links,
  isLate = (): boolean => false,
): Promise<number> {
  const walk = walkPath(root, path, links);
  let step = go(root, walk);
  for (let tries = 0; !step.done; tries++) {
    try {
      if (tries > MOST_PARTS || isLate()) throw new OpError('opening', path, EAGAIN);
      await bringIntoMemory(root, step.value);
    } catch (err) {
      walk.return(-1);
      throw err;
    }
    step = go(root, walk);
  }
  return step.value;
}

/** Walks on as the user. */
function go({ uid, gid }: UserRoot, walk: PathWalk): IteratorResult<Uncached, number> {
  return uid === process.getuid!() ? walk.next() : asUser(uid, gid, () => walk.next());
}

type PathWalk = Generator<Uncached, number, void>;

/** RESOLVE_CACHED exists since Linux 5.12; older kernels block. */
const knowsCached = ((): boolean => {
  const opened = openat2(AT_FDCWD, '/', { flags: O_PATH, resolve: RESOLVE_CACHED });
  if (opened >= 0) close(opened);
  return opened !== -EINVAL;
})();

/** Yields each entry that is not cached, and repeats the look-up afterwards. */
function* walkPath(root: UserRoot, path: string, links: Links): PathWalk {
  // The directories on the way, for `..`; the first is the root, which the caller closes.
  const way = [root.folder];
  const todo = path.split('/').reverse();
  let followed = 0;
  let steps = 0;
  const mounts = new Mounts(root.mountinfo);
  const crossed = { mounts, count: 0 };
  let found: number | undefined;
  try {
    mounts.refuseForeign(root.folder, path);
    while (todo.length > 0) {
      const name = todo.pop()!;
      if (name === '' || name === '.') continue;
      if (++steps > MOST_PARTS) throw new OpError('opening', path, ELOOP);
      if (name === '..') {
        if (way.length > 1) closeSync(way.pop()!);
        continue;
      }
      const folder = way.at(-1)!;
      const at = { path, crossed, folder, name };
      let next = step(at, false);
      if (next === undefined) {
        yield { folder, names: [name, ...namesAhead(todo)] };
        // What may still be waited for is the disk: the user's right to pass, as an access control list.
        next = step(at, true)!;
      }
      if (fstatSync(next).isSymbolicLink()) {
        const target = readAndClose(next);
        if (links === 'refuse' || ++followed > MOST_LINKS) throw new OpError('opening', path, ELOOP);
        if (target.startsWith('/')) for (const fd of way.splice(1)) closeSync(fd);
        todo.push(...target.split('/').reverse());
      } else {
        way.push(next);
      }
    }
    if (way.length < 2) throw new OpError('opening', path, EACCES);
    found = way.pop()!;
    return found;
  } finally {
    for (const fd of way.slice(1)) closeSync(fd);
    mounts.close();
  }
}

/** The names up to where the way leads back. @param todo parts of a path, the next one last */
function namesAhead(todo: readonly string[]): string[] {
  const names = [...todo].reverse().filter(name => name !== '' && name !== '.');
  const end = names.indexOf('..');
  return names.slice(0, end < 0 ? MOST_PARTS : end);
}

function readAndClose(link: number): string {
  try {
    return readLink(link);
  } finally {
    closeSync(link);
  }
}

interface Step {
  /** The whole of it, for errors. */
  readonly path: string;
  /** The mounts of the tree, and how many of them the way has led into. */
  readonly crossed: { readonly mounts: Mounts; count: number };
  readonly folder: number;
  readonly name: string;
}

/** One step of the way; undefined where it is not in memory. @throws OpError */
function step({ path, crossed, folder, name }: Step, isWaitedFor: boolean): number | undefined {
  const next = isWaitedFor ? openWaiting(folder, name) : openFromMemory(folder, name);
  if (next === undefined) return undefined;
  try {
    if (mountIdOf(next) !== mountIdOf(folder)) {
      if (++crossed.count > MOST_CROSSINGS) throw new OpError('opening', path, ELOOP);
      crossed.mounts.refuseForeign(next, path);
    }
    return next;
  } catch (err) {
    closeSync(next);
    throw err;
  }
}

/** Also crosses into a mount, which sends no request to its file system. */
function openFromMemory(folder: number, name: string): number | undefined {
  if (!knowsCached) return undefined;
  const opened = openStep(folder, name, RESOLVE_CACHED);
  return opened === -EAGAIN ? undefined : checked(opened, name);
}

function openWaiting(folder: number, name: string): number {
  const opened = openStep(folder, name, RESOLVE_NO_XDEV);
  // What is mounted there keeps the name in memory.
  return checked(opened === -EXDEV ? openStep(folder, name, 0) : opened, name);
}

/** A file descriptor, or the errno, negative. */
function openStep(folder: number, name: string, resolve: number): number {
  const how = { flags: O_PATH | O_NOFOLLOW, resolve: RESOLVE_NO_MAGICLINKS | resolve };
  for (let tries = 1; ; tries++) {
    const opened = openat2(folder, name, how);
    if (opened !== -EAGAIN || tries === TRIES) return opened;
  }
}

/** @throws OpError for an errno */
function checked(opened: number, name: string): number {
  if (opened < 0) throw new OpError('opening', name, -opened);
  return opened;
}

// The few functions of libc that Node has no call for, of namespaces, files and the process. Not here: sockets'
// (libc-sockets.ts), how libc is called (ffi.ts), when to call them; setns is for netlink/netns.ts alone.

import { DataType, define } from 'ffi-rs';
import { OpError } from '../src/base/errors.js';
import { bytes, check, int, LIBRARY, long, onThread } from './ffi.js';
import { close } from './libc-sockets.js';

export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWNET = 0x40000000;
const LOCK_EX = 2;
const LOCK_NB = 4;
/** A reference to a file without opening it, so no device is touched and no FIFO blocks. */
export const O_PATH = 0x200000;
const O_CLOEXEC = 0x80000;
/** openat2(2): EXDEV at a mount point. */
export const RESOLVE_NO_XDEV = 0x01;
/** openat2(2): ELOOP at a link of procfs that leads to whatever a process has open. */
export const RESOLVE_NO_MAGICLINKS = 0x02;
/** openat2(2), since Linux 5.12: EAGAIN where a file system or a lock would have to be waited for. */
export const RESOLVE_CACHED = 0x20;

/** System calls that libc has no function for, or none for a single thread; x64 and arm64. */
const SYS_openat2 = 437;
const SYS_setgroups = process.arch === 'arm64' ? 159 : 116;
/** ioctl_ns(2). */
const NS_GET_USERNS = 0xb701;
const NS_GET_NSTYPE = 0xb703;
const NS_GET_OWNER_UID = 0xb704;
const PR_SET_DUMPABLE = 4;

const functions = define({
  setns: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  unshare: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  flock: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  syscall: { library: LIBRARY, retType: int, paramsType: [long, long, bytes, bytes, long], errno: true },
  readlinkat: { library: LIBRARY, retType: int, paramsType: [int, bytes, bytes, long], errno: true },
  ioctl: { library: LIBRARY, retType: int, paramsType: [int, long, bytes], errno: true },
  _exit: { library: LIBRARY, retType: DataType.Void, paramsType: [int] },
  prctl: { library: LIBRARY, retType: int, paramsType: [int, int, int, int, int], errno: true },
  setfsuid: { library: LIBRARY, retType: int, paramsType: [int] },
  setfsgid: { library: LIBRARY, retType: int, paramsType: [int] },
});

const threaded = define({
  syscall: {
    library: LIBRARY,
    retType: int,
    paramsType: [long, long, bytes, bytes, long],
    errno: true,
    runInNewThread: true,
  },
});

/** setns(2): moves the calling thread into the network namespace of a file descriptor. @throws OpError */
export function setns(fd: number, subject: string): void {
  check(functions.setns([fd, CLONE_NEWNET]), 'entering the network namespace', subject);
}

/** unshare(2): moves the calling thread into a namespace that is made for it. @throws OpError */
export function unshare(flags: number, subject: string): void {
  check(functions.unshare([flags]), 'making a namespace', subject);
}

/** flock(2) with LOCK_EX | LOCK_NB: whether the lock was free. @throws OpError for anything but EWOULDBLOCK */
export function tryLock(fd: number, subject: string): boolean {
  try {
    check(functions.flock([fd, LOCK_EX | LOCK_NB]), 'locking', subject);
    return true;
  } catch (err) {
    if (err instanceof OpError && err.code === 'EAGAIN') return false;
    throw err;
  }
}

/** What openat2(2) is asked for. */
export interface OpenHow {
  /** Flags of open(2); close-on-exec is added. */
  readonly flags: number;
  /** RESOLVE_… */
  readonly resolve: number;
}

/**
 * openat2(2), which Linux has since 5.6; the file descriptor.
 * @param folder a file descriptor, which a relative path begins at
 * @throws OpError, whose subject is the last part of the path
 */
export function openat2(folder: number, path: string, how: OpenHow): number {
  return check(functions.syscall(openat2Arguments(folder, path, how)), 'opening', path);
}

/** openat2(2) on a thread of libuv's pool, which waits in place of the caller, as root. @throws OpError */
export async function openat2OnThread(folder: number, path: string, how: OpenHow): Promise<number> {
  return check(await onThread(threaded.syscall, openat2Arguments(folder, path, how)), 'opening', path);
}

function openat2Arguments(
  folder: number,
  path: string,
  { flags, resolve }: OpenHow,
): [number, number, Buffer, Buffer, number] {
  // struct open_how: flags, mode, resolve.
  const how = Buffer.from(BigUint64Array.of(BigInt(flags | O_CLOEXEC), 0n, BigInt(resolve)).buffer);
  return [SYS_openat2, folder, Buffer.from(`${path}\0`), how, how.length];
}

/** readlinkat(2) of a symbolic link that is open by O_PATH: where it leads. @throws OpError (ENOENT: no link) */
export function readLink(fd: number): string {
  const target = Buffer.alloc(4096);
  const length = check(
    functions.readlinkat([fd, Buffer.alloc(1), target, target.length]),
    'reading link',
    `fd ${fd}`,
  );
  return target.toString('utf8', 0, length);
}

/**
 * ioctl_ns(2): whose a namespace is, and of which kind it is.
 * @param fd of a file of nsfs, and nothing else: other files have other ioctls
 * @returns the user who made it, if it is a user namespace, or else the user namespace that owns it; its CLONE_NEW…
 * @throws OpError
 */
export function namespaceOwner(fd: number, subject: string): { uid: number; kind: number } {
  const none = Buffer.alloc(8);
  const kind = check(functions.ioctl([fd, NS_GET_NSTYPE, none]), 'asking for the kind of', subject);
  if (kind === CLONE_NEWUSER) return { uid: ownerUid(fd, subject), kind };
  const owner = check(functions.ioctl([fd, NS_GET_USERNS, none]), 'asking who owns', subject);
  try {
    return { uid: ownerUid(owner, subject), kind };
  } finally {
    close(owner);
  }
}

function ownerUid(userNamespace: number, subject: string): number {
  const uid = Buffer.alloc(4);
  check(functions.ioctl([userNamespace, NS_GET_OWNER_UID, uid]), 'asking who owns', subject);
  return uid.readUInt32LE();
}

/**
 * setfsuid(2) and setfsgid(2): what the function opens synchronously is opened as that user, and files that it makes
 * belong to that user, whose file systems take no other. Only the synchronous part of an asynchronous function runs as
 * the user. Root's supplementary groups are put aside meanwhile; the user's own do not count.
 */
export function asUser<T>(uid: number, gid: number, fn: () => T): T {
  const groups = Uint32Array.from(process.getgroups!());
  // By the system call, as setfsuid(2) is: libc's setgroups(3) would reach every thread.
  if (groups.length > 0) setGroups(Buffer.alloc(4), 0);
  functions.setfsgid([gid]);
  functions.setfsuid([uid]);
  try {
    return fn();
  } finally {
    functions.setfsuid([0]);
    functions.setfsgid([0]);
    if (groups.length > 0) setGroups(Buffer.from(groups.buffer), groups.length);
    // A change of fsuid resets the dumpable flag to fs.suid_dumpable.
    forbidCoreDumps();
  }
}

function setGroups(groups: Buffer, count: number): void {
  check(functions.syscall([SYS_setgroups, count, groups, groups, 0]), 'setting groups', String(count));
}

/** prctl(2) PR_SET_DUMPABLE: no core dump, which would hold keys, and no ptrace(2) but by who may trace all. @throws OpError */
export function forbidCoreDumps(): void {
  check(functions.prctl([PR_SET_DUMPABLE, 0, 0, 0, 0]), 'forbidding', 'core dumps');
}

/** _exit(2): ends the process at once, while threads are still in system calls. */
export function exitNow(status: number): void {
  functions._exit([status]);
}

// The few functions of libc that Node has no call for, of namespaces, files and the process. Not here: sockets'
// (libc-sockets.ts), how libc is called (ffi.ts), when to call them; setns is for netlink/netns.ts alone.

import { stat } from 'node:fs';
import { DataType, define } from 'ffi-rs';
import { OpError } from '../src/base/errors.js';
import { bytes, check, int, LIBRARY, long, type Result } from './ffi.js';
import { close } from './libc-sockets.js';

export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWNET = 0x40000000;
const LOCK_EX = 2;
const LOCK_NB = 4;
const O_CLOEXEC = 0x80000;
const F_DUPFD_CLOEXEC = 1030;

/** System calls that libc has no function for, or none for a single thread; x64 and arm64. */
const SYS_openat2 = 437;
const [SYS_setresuid, SYS_setresgid, SYS_getgroups, SYS_setgroups] =
  process.arch === 'arm64' ? ([147, 149, 158, 159] as const) : ([117, 119, 115, 116] as const);
const GID_BYTES = 4;
/** As a user or group id: leave it as it is. */
const UNCHANGED = -1;
/** ioctl_ns(2). */
const NS_GET_USERNS = 0xb701;
const NS_GET_NSTYPE = 0xb703;
const NS_GET_OWNER_UID = 0xb704;
const PR_SET_DUMPABLE = 4;
const POLLPRI = 0x2;
const POLLERR = 0x8;

const functions = define({
  setns: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  unshare: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  fcntl: { library: LIBRARY, retType: int, paramsType: [int, int, int], errno: true },
  flock: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  syscall: { library: LIBRARY, retType: int, paramsType: [long, long, bytes, bytes, long], errno: true },
  readlinkat: { library: LIBRARY, retType: int, paramsType: [int, bytes, bytes, long], errno: true },
  ioctl: { library: LIBRARY, retType: int, paramsType: [int, long, bytes], errno: true },
  _exit: { library: LIBRARY, retType: DataType.Void, paramsType: [int] },
  poll: { library: LIBRARY, retType: int, paramsType: [bytes, long, int], errno: true },
  prctl: { library: LIBRARY, retType: int, paramsType: [int, int, int, int, int], errno: true },
});

/** syscall(2) with three integers. */
const integers = define({
  syscall: { library: LIBRARY, retType: int, paramsType: [long, long, long, long], errno: true },
});

/**
 * poll(2) of a `mountinfo` of procfs, without waiting.
 * @returns whether a mount of that namespace came or went since it was opened, or since this was last asked
 * @throws OpError
 */
export function haveMountsChanged(fd: number): boolean {
  const asked = Buffer.alloc(8);
  asked.writeInt32LE(fd, 0);
  asked.writeInt16LE(POLLPRI, 4);
  check(functions.poll([asked, 1, 0]), 'asking for changes of', 'mountinfo');
  return (asked.readInt16LE(6) & (POLLPRI | POLLERR)) !== 0;
}

/** setns(2): moves the calling thread into the network namespace of a file descriptor. @throws OpError */
export function setns(fd: number, subject: string): void {
  check(functions.setns([fd, CLONE_NEWNET]), 'entering the network namespace', subject);
}

/** unshare(2): moves the calling thread into a namespace that is made for it. @throws OpError */
export function unshare(flags: number, subject: string): void {
  check(functions.unshare([flags]), 'making a namespace', subject);
}

/**
 * fcntl(2) with F_DUPFD_CLOEXEC: another descriptor of the same open file.
 * @param lowest the least number that it may have
 * @throws OpError: EMFILE; EINVAL where this process may have no such number
 */
export function duplicateFrom(fd: number, lowest: number): number {
  return check(functions.fcntl([fd, F_DUPFD_CLOEXEC, lowest]), 'duplicating', `fd ${fd}`);
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
interface OpenHow {
  /** Flags of open(2); close-on-exec is added. */
  readonly flags: number;
  /** RESOLVE_… */
  readonly resolve: number;
}

/**
 * openat2(2), which Linux has since 5.6. Throws nothing: most of what is asked for is not there, or not in memory.
 * @param folder a file descriptor, which a relative path begins at
 * @returns the file descriptor, or the errno, negative
 */
export function openat2(folder: number, path: string, { flags, resolve }: OpenHow): number {
  // struct open_how: flags, mode, resolve.
  const how = Buffer.from(BigUint64Array.of(BigInt(flags | O_CLOEXEC), 0n, BigInt(resolve)).buffer);
  const result = functions.syscall([SYS_openat2, folder, Buffer.from(`${path}\0`), how, how.length]);
  const { value, errnoCode } = result as Result;
  return value < 0 ? -errnoCode : value;
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

/** A synchronous function: an asynchronous one would continue elsewhere, or as somebody else. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

let isAsUser = false;

/**
 * Runs a function with the effective ids of a user, and so without any capability in the host's user namespace: the
 * kernel gives it what is that user's, processes in user namespaces of theirs included, and nothing else. Files and
 * sockets that it makes are the user's. It must do all of it itself, synchronously: libuv's threads stay root's, and a
 * thread that is started meanwhile stays the user's. Root's supplementary groups are put aside; the user's own do not
 * count. The process aborts if it cannot become root again.
 * @throws OpError when this process may not become that user, and whatever the function throws
 */
export function asUser<T>(uid: number, gid: number, fn: () => Synchronous<T>): Synchronous<T> {
  // The kernel takes 32 bits of it: more would be another user, and the last one would be nobody's change.
  const isUser = isId(uid) && uid !== 0 && isId(gid);
  if (!isUser || isAsUser) throw new OpError('becoming user', `${uid}:${gid}`, EINVAL);
  startThreads();
  const groups = readGroups();
  if (groups.length > 0) setGroups(Buffer.alloc(0));
  isAsUser = true;
  try {
    setEffective(SYS_setresgid, gid);
    setEffective(SYS_setresuid, uid);
    return fn();
  } finally {
    isAsUser = false;
    becomeRoot(groups);
  }
}

const EINVAL = 22;

let hasThreads = false;

/** Has libuv start its threads, which it does with its first work. Started as the user, they would stay the user's. */
function startThreads(): void {
  if (!hasThreads) stat('/', () => undefined);
  hasThreads = true;
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff;
}

function becomeRoot(groups: Buffer): void {
  try {
    setEffective(SYS_setresuid, 0);
    setEffective(SYS_setresgid, 0);
    if (groups.length > 0) setGroups(groups);
    // A change of ids resets the dumpable flag to fs.suid_dumpable.
    forbidCoreDumps();
  } catch (err) {
    console.error(`cannot become root again, giving up: ${err}`);
    process.abort();
  }
}

/**
 * Real and saved ids stay root's: by them it comes back, and no user may send the process a signal. By the system
 * call, which is for a single thread: libc's function would reach every one.
 */
function setEffective(call: number, id: number): void {
  check(integers.syscall([call, UNCHANGED, id, UNCHANGED]), 'becoming', `user or group ${id}`);
}

/** The supplementary groups, as gid_t; process.getgroups() has the effective one among them. */
function readGroups(): Buffer {
  const none = Buffer.alloc(GID_BYTES);
  const count = check(functions.syscall([SYS_getgroups, 0, none, none, 0]), 'reading', 'groups');
  if (count === 0) return Buffer.alloc(0);
  const groups = Buffer.alloc(count * GID_BYTES);
  check(functions.syscall([SYS_getgroups, count, groups, groups, 0]), 'reading', 'groups');
  return groups;
}

function setGroups(groups: Buffer): void {
  const count = groups.length / GID_BYTES;
  const list = count > 0 ? groups : Buffer.alloc(GID_BYTES);
  check(functions.syscall([SYS_setgroups, count, list, list, 0]), 'setting groups', String(count));
}

/** prctl(2) PR_SET_DUMPABLE: no core dump, which would hold keys, and no ptrace(2) but by who may trace all. @throws OpError */
export function forbidCoreDumps(): void {
  check(functions.prctl([PR_SET_DUMPABLE, 0, 0, 0, 0]), 'forbidding', 'core dumps');
}

/** _exit(2): ends the process at once, while threads are still in system calls. */
export function exitNow(status: number): void {
  functions._exit([status]);
}

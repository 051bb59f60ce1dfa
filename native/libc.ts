// The few functions of libc that Node has no call for, through ffi-rs. Thin: integers and buffers in, the
// result or an OpError out. Not here: when to call them; setns is for netlink/netns.ts alone.

import { DataType, define, open } from 'ffi-rs';
import { OpError } from '../src/base/errors.js';

const LIBRARY = 'libc';
open({ library: LIBRARY, path: 'libc.so.6' });

export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWUSER = 0x10000000;
export const CLONE_NEWNET = 0x40000000;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const AF_UNIX = 1;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
/** `struct ucred` of the peer of a unix socket. */
export const SO_PEERCRED = 17;
/** Beyond net.core.rmem_max; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;
/** The protocol of a socket. */
const SO_PROTOCOL = 38;
export const SOL_NETLINK = 270;
/** Messages that overrun the socket's buffer are dropped without an error. */
export const NETLINK_NO_ENOBUFS = 5;
/** The kernel filters dumps by the header of the request. */
export const NETLINK_GET_STRICT_CHK = 12;
export const MSG_NOSIGNAL = 0x4000;
/** The kernel's own struct sockaddr_nl: port 0, no groups. */
const NETLINK_KERNEL = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** A reference to a file without opening it, so no device is touched and no FIFO blocks. */
export const O_PATH = 0x200000;
export const O_CLOEXEC = 0x80000;
/** openat2(2): EXDEV at a mount point. */
export const RESOLVE_NO_XDEV = 0x01;
/** openat2(2): ELOOP at a link of procfs that leads to whatever a process has open. */
export const RESOLVE_NO_MAGICLINKS = 0x02;
/** openat2(2), since Linux 5.12: EAGAIN where a file system or a lock would have to be waited for. */
export const RESOLVE_CACHED = 0x20;

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

const int = DataType.I32;
const long = DataType.I64;
const bytes = DataType.U8Array;

const functions = define({
  setns: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  unshare: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  flock: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  socket: { library: LIBRARY, retType: int, paramsType: [int, int, int], errno: true },
  sendto: { library: LIBRARY, retType: int, paramsType: [int, bytes, int, int, bytes, int], errno: true },
  bind: { library: LIBRARY, retType: int, paramsType: [int, bytes, int], errno: true },
  listen: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  connect: { library: LIBRARY, retType: int, paramsType: [int, bytes, int], errno: true },
  getsockopt: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes, bytes], errno: true },
  setsockopt: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes, int], errno: true },
  syscall: { library: LIBRARY, retType: int, paramsType: [long, long, bytes, bytes, long], errno: true },
  readlinkat: { library: LIBRARY, retType: int, paramsType: [int, bytes, bytes, long], errno: true },
  ioctl: { library: LIBRARY, retType: int, paramsType: [int, long, bytes], errno: true },
  close: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  _exit: { library: LIBRARY, retType: DataType.Void, paramsType: [int] },
  prctl: { library: LIBRARY, retType: int, paramsType: [int, int, int, int, int], errno: true },
});

/** syscall(2) with three integers. */
const integers = define({
  syscall: { library: LIBRARY, retType: int, paramsType: [long, long, long, long], errno: true },
});

const threaded = define({
  send: {
    library: LIBRARY,
    retType: int,
    paramsType: [int, bytes, int, int],
    errno: true,
    runInNewThread: true,
  },
});

/** Buffers in use by threads: ffi-rs does not keep them alive during a call. */
const lent = new Set<readonly unknown[]>();

/** Calls on a thread of libuv's pool; keeps the arguments alive until the call returns. */
async function onThread<T extends readonly unknown[]>(call: (args: T) => unknown, args: T): Promise<unknown> {
  lent.add(args);
  try {
    return await call(args);
  } finally {
    lent.delete(args);
  }
}

interface Result {
  readonly value: number;
  readonly errnoCode: number;
}

function check(result: unknown, op: string, subject: string): number {
  const { value, errnoCode } = result as Result;
  if (value < 0) throw new OpError(op, subject, errnoCode);
  return value;
}

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

/** socket(2) with SOCK_CLOEXEC; the file descriptor. @throws OpError */
export function socket(family: number, type: number, protocol: number): number {
  const result = functions.socket([family, type | SOCK_CLOEXEC, protocol]);
  return check(result, 'opening a socket of family', String(family));
}

/** setsockopt(2) with an integer. @throws OpError */
export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  check(
    functions.setsockopt([fd, level, option, bytes, bytes.length]),
    'setting option',
    `${option} of fd ${fd}`,
  );
}

/** The protocol of a socket; undefined for a descriptor that is no socket. */
export function protocolOf(fd: number): number | undefined {
  const [value, length] = [Buffer.alloc(4), Buffer.from(Uint32Array.of(4).buffer)];
  const result = functions.getsockopt([fd, SOL_SOCKET, SO_PROTOCOL, value, length]) as Result;
  return result.value < 0 ? undefined : value.readInt32LE();
}

/**
 * connect(2) of a netlink socket to the kernel: what anybody else sends is refused from then on (ECONNREFUSED), where
 * otherwise CAP_NET_ADMIN over the namespace is enough to send to any port of it. connect(2) gives the socket its port a
 * moment before that: what was sent then is still in it.
 * @throws OpError
 */
export function connectToKernel(fd: number): void {
  const result = functions.connect([fd, NETLINK_KERNEL, NETLINK_KERNEL.length]);
  check(result, 'connecting to the kernel', `fd ${fd}`);
}

/** struct sockaddr_un: the family, then the path; `@` in front stands for an abstract name, as in unix(7). */
export function unixAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  const name = path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`;
  return Buffer.concat([family, Buffer.from(name)]);
}

/** bind(2) and listen(2) with a raw struct sockaddr. @throws OpError (EADDRINUSE: somebody has the address) */
export function bindAndListen(fd: number, address: Buffer, subject: string): void {
  check(functions.bind([fd, address, address.length]), 'binding', subject);
  check(functions.listen([fd, 1]), 'listening on', subject);
}

/**
 * connect(2) to a raw struct sockaddr, then SO_PEERCRED: who listens there. The socket must be non-blocking: a
 * listener decides how long it takes otherwise.
 * @throws OpError (ECONNREFUSED: nobody; EAGAIN: somebody whose queue is full)
 */
export function listenerAt(fd: number, address: Buffer, subject: string): { pid: number; uid: number } {
  check(functions.connect([fd, address, address.length]), 'connecting to', subject);
  return peerCredentials(fd, subject);
}

/** sendto(2) with a raw struct sockaddr. @throws OpError */
export function sendto(fd: number, data: Buffer, address: Buffer, subject: string): void {
  const result = functions.sendto([fd, data, data.length, MSG_NOSIGNAL, address, address.length]);
  check(result, 'sending to', subject);
}

/** send(2) on a thread of its own, for requests on which the kernel blocks for long. @throws OpError */
export async function sendOnThread(fd: number, data: Buffer, op: string, subject: string): Promise<void> {
  check(await onThread(threaded.send, [fd, data, data.length, MSG_NOSIGNAL]), op, subject);
}

/** close(2). @throws OpError */
export function close(fd: number): void {
  check(functions.close([fd]), 'closing', `fd ${fd}`);
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
export function openat2(folder: number, path: string, { flags, resolve }: OpenHow): number {
  // struct open_how: flags, mode, resolve.
  const how = Buffer.from(BigUint64Array.of(BigInt(flags | O_CLOEXEC), 0n, BigInt(resolve)).buffer);
  const result = functions.syscall([SYS_openat2, folder, Buffer.from(`${path}\0`), how, how.length]);
  return check(result, 'opening', path);
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

/** Who is at the other end of a connected unix socket; of a listener, who began to listen. @throws OpError */
export function peerCredentials(fd: number, subject: string): { pid: number; uid: number } {
  const ucred = Buffer.alloc(12);
  const length = Buffer.from(Uint32Array.of(ucred.length).buffer);
  check(functions.getsockopt([fd, SOL_SOCKET, SO_PEERCRED, ucred, length]), 'asking who has', subject);
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4) };
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
 * kernel gives it what is that user's, processes in user namespaces of his included, and nothing else. Files and
 * sockets that it makes are the user's. It must do all of it itself, synchronously: libuv's threads stay root's, and a
 * thread that is started meanwhile stays the user's. Root's supplementary groups are put aside; the user's own do not
 * count. The process aborts if it cannot become root again.
 * @throws OpError when this process may not become that user, and whatever the function throws
 */
export function asUser<T>(uid: number, gid: number, fn: () => Synchronous<T>): Synchronous<T> {
  // The kernel takes 32 bits of it: more would be another user, and the last one would be nobody's change.
  const isUser = isId(uid) && uid !== 0 && isId(gid);
  if (!isUser || isAsUser) throw new OpError('becoming user', `${uid}:${gid}`, EINVAL);
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

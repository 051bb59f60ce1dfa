// The few functions of libc that Node has no call for, through ffi-rs. Thin: integers and buffers in, the
// result or an OpError out. Not here: when to call them; setns is for netlink/netns.ts alone.

import { DataType, define, open } from 'ffi-rs';
import { OpError } from '../src/errors.js';

const LIBRARY = 'libc';
open({ library: LIBRARY, path: 'libc.so.6' });

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
/** struct ucred of whoever is at the other end of a unix socket. */
export const SO_PEERCRED = 17;
/** Beyond net.core.rmem_max; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;
/** What overruns a netlink socket's buffer is dropped without an error. */
export const NETLINK_NO_ENOBUFS = 5;
/** The kernel looks at the header of a request for a dump, and gives only what it names. */
export const NETLINK_GET_STRICT_CHK = 12;
export const MSG_NOSIGNAL = 0x4000;
const PR_SET_DUMPABLE = 4;

const int = DataType.I32;
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
  close: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  _exit: { library: LIBRARY, retType: DataType.Void, paramsType: [int] },
  prctl: { library: LIBRARY, retType: int, paramsType: [int, int, int, int, int], errno: true },
  setfsuid: { library: LIBRARY, retType: int, paramsType: [int] },
  setfsgid: { library: LIBRARY, retType: int, paramsType: [int] },
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
  const ucred = Buffer.alloc(12);
  const length = Buffer.from(Uint32Array.of(ucred.length).buffer);
  check(functions.getsockopt([fd, SOL_SOCKET, SO_PEERCRED, ucred, length]), 'asking who has', subject);
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4) };
}

/** sendto(2) with a raw struct sockaddr. @throws OpError */
export function sendto(fd: number, data: Buffer, address: Buffer, subject: string): void {
  const result = functions.sendto([fd, data, data.length, MSG_NOSIGNAL, address, address.length]);
  check(result, 'sending to', subject);
}

/** send(2) on a thread of its own: for what the kernel works on for long while the caller waits. @throws OpError */
export async function sendOnThread(fd: number, data: Buffer, op: string, subject: string): Promise<void> {
  check(await threaded.send([fd, data, data.length, MSG_NOSIGNAL]), op, subject);
}

/** close(2). @throws OpError */
export function close(fd: number): void {
  check(functions.close([fd]), 'closing', `fd ${fd}`);
}

/**
 * setfsuid(2) and setfsgid(2): files that the function makes synchronously belong to that user, whose file systems
 * take no other. Only the synchronous part of an asynchronous function runs as the user.
 */
export function asUser<T>(uid: number, gid: number, fn: () => T): T {
  functions.setfsgid([gid]);
  functions.setfsuid([uid]);
  try {
    return fn();
  } finally {
    functions.setfsuid([0]);
    functions.setfsgid([0]);
    // Another file system user id is dumpable as fs.suid_dumpable has it.
    forbidCoreDumps();
  }
}

/** prctl(2) PR_SET_DUMPABLE: no core dump, which would hold keys, and no ptrace(2) but by who may trace all. @throws OpError */
export function forbidCoreDumps(): void {
  check(functions.prctl([PR_SET_DUMPABLE, 0, 0, 0, 0]), 'forbidding', 'core dumps');
}

/** _exit(2): ends the process at once, while threads are still in system calls. */
export function exitNow(status: number): void {
  functions._exit([status]);
}

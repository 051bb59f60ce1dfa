// Functions of libc for sockets: netlink's, and unix sockets that Node cannot have as they are needed. Not here: what is
// said on them.

import type { Socket } from 'node:net';
import { define } from 'ffi-rs';
import { bytes, check, int, LIBRARY, onThread, type Result } from './ffi.js';

export const AF_UNIX = 1;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
export const SOL_SOCKET = 1;
/** `struct ucred` of the peer of a unix socket. */
const SO_PEERCRED = 17;
/** Beyond net.core.rmem_max; needs CAP_NET_ADMIN. */
export const SO_RCVBUFFORCE = 33;
/** The protocol of a socket. */
const SO_PROTOCOL = 38;
export const SOL_NETLINK = 270;
/** Messages that overrun the socket's buffer are dropped without an error. */
export const NETLINK_NO_ENOBUFS = 5;
/** The kernel filters dumps by the header of the request. */
export const NETLINK_GET_STRICT_CHK = 12;
const MSG_NOSIGNAL = 0x4000;
/** The kernel's own struct sockaddr_nl: port 0, no groups. */
const NETLINK_KERNEL = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

const functions = define({
  socket: { library: LIBRARY, retType: int, paramsType: [int, int, int], errno: true },
  sendto: { library: LIBRARY, retType: int, paramsType: [int, bytes, int, int, bytes, int], errno: true },
  bind: { library: LIBRARY, retType: int, paramsType: [int, bytes, int], errno: true },
  listen: { library: LIBRARY, retType: int, paramsType: [int, int], errno: true },
  connect: { library: LIBRARY, retType: int, paramsType: [int, bytes, int], errno: true },
  getsockopt: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes, bytes], errno: true },
  setsockopt: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes, int], errno: true },
  close: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  dup: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
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

/**
 * getsockopt(2).
 * @param value what is asked, where the answer comes to as well
 * @returns the answer
 * @throws OpError
 */
export function getSocketOption(
  fd: number,
  level: number,
  option: number,
  value: Buffer,
  subject: string,
): Buffer {
  const length = Buffer.from(Uint32Array.of(value.length).buffer);
  check(functions.getsockopt([fd, level, option, value, length]), `reading option ${option} of`, subject);
  return value.subarray(0, length.readUInt32LE());
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

/**
 * bind(2) and listen(2) with a raw struct sockaddr.
 * @param backlog connections that wait to be taken
 * @throws OpError (EADDRINUSE: somebody has the address)
 */
export function bindAndListen(fd: number, address: Buffer, subject: string, backlog = 1): void {
  check(functions.bind([fd, address, address.length]), 'binding', subject);
  check(functions.listen([fd, backlog]), 'listening on', subject);
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

/** dup(2): another descriptor of the same. @throws OpError */
export function duplicate(fd: number): number {
  return check(functions.dup([fd]), 'duplicating', `fd ${fd}`);
}

/** close(2). @throws OpError */
export function close(fd: number): void {
  check(functions.close([fd]), 'closing', `fd ${fd}`);
}

/** Who is at the other end of a connected unix socket; of a listener, who began to listen. @throws OpError */
function peerCredentials(fd: number, subject: string): { pid: number; uid: number } {
  const ucred = Buffer.alloc(12);
  const length = Buffer.from(Uint32Array.of(ucred.length).buffer);
  check(functions.getsockopt([fd, SOL_SOCKET, SO_PEERCRED, ucred, length]), 'asking who has', subject);
  return { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4) };
}

/** The user at the other end of a connected unix socket of Node's; undefined when that cannot be told. */
export function peerOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  try {
    return peerCredentials(fd, 'a socket').uid;
  } catch {
    return undefined;
  }
}

// Functions of libc for events that come to many at once: recvmmsg(2) with ancillary data, filters of sockets, epoll(7). What
// they are given has pointers in it, so it is in memory of libc's own. Not here: what an event means (netlink/).

import { define } from 'ffi-rs';
import { bytes, check, int, LIBRARY, long, type Result } from './ffi.js';
import { AF_NETLINK, SOL_SOCKET } from './libc-sockets.js';

const SO_ATTACH_FILTER = 26;
const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const O_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const ENOBUFS = 105;
/** struct mmsghdr, iovec, sock_filter, sock_fprog: x64 and arm64. */
const [MMSGHDR_BYTES, IOVEC_BYTES, FILTER_BYTES, FPROG_BYTES] = [64, 16, 8, 16] as const;
/** Of struct mmsghdr. */
const [IOV_AT, IOVLEN_AT, CONTROL_AT, CONTROLLEN_AT, LENGTH_AT] = [16, 24, 32, 40, 56] as const;
/** Room for the ancillary data of a message. */
const CONTROL_BYTES = 32;

const functions = define({
  malloc: { library: LIBRARY, retType: long, paramsType: [long], errno: true },
  free: { library: LIBRARY, retType: int, paramsType: [long], errno: true },
  recvmmsg: { library: LIBRARY, retType: int, paramsType: [int, long, int, int, long], errno: true },
  setsockopt: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes, int], errno: true },
  bind: { library: LIBRARY, retType: int, paramsType: [int, bytes, int], errno: true },
  epoll_create1: { library: LIBRARY, retType: int, paramsType: [int], errno: true },
  epoll_ctl: { library: LIBRARY, retType: int, paramsType: [int, int, int, bytes], errno: true },
  dup3: { library: LIBRARY, retType: int, paramsType: [int, int, int], errno: true },
});
const inwards = define({
  memcpy: { library: LIBRARY, retType: long, paramsType: [long, bytes, long], errno: true },
});
const outwards = define({
  memcpy: { library: LIBRARY, retType: long, paramsType: [bytes, long, long], errno: true },
});

/** Memory of libc's: its address is known, and stays until it is released. @throws OpError */
export function allocate(size: number): number {
  return check(functions.malloc([size]), 'allocating', `${size} bytes`);
}

export function release(address: number): void {
  functions.free([address]);
}

export function copyTo(address: number, data: Buffer): void {
  inwards.memcpy([address, data, data.length]);
}

/** A message as it was received: views that the next reading overwrites. */
export interface Received {
  /** What fits of it. */
  readonly data: Buffer;
  /** Ancillary data: struct cmsghdr and what follows each. */
  readonly control: Buffer;
}

/** Memory for some messages at a time. */
export class MessageBatch {
  readonly #count: number;
  readonly #bytesEach: number;
  readonly #address: number;
  /** As it is before each reading: lengths are written into it by the kernel. */
  readonly #template: Buffer;
  readonly #read: Buffer;
  #isFreed = false;

  /** @param bytesEach so much is kept of each message @throws OpError */
  constructor(count: number, bytesEach: number) {
    const size = count * (MMSGHDR_BYTES + IOVEC_BYTES + CONTROL_BYTES + bytesEach);
    [this.#count, this.#bytesEach] = [count, bytesEach];
    this.#address = allocate(size);
    this.#template = Buffer.alloc(size);
    this.#read = Buffer.alloc(size);
    const pointer = (at: number): bigint => BigInt(this.#address + at);
    for (let n = 0; n < count; n++) {
      const [header, iov] = [n * MMSGHDR_BYTES, this.#iovAt(n)];
      this.#template.writeBigUInt64LE(pointer(iov), header + IOV_AT);
      this.#template.writeBigUInt64LE(1n, header + IOVLEN_AT);
      this.#template.writeBigUInt64LE(pointer(this.#controlAt(n)), header + CONTROL_AT);
      this.#template.writeBigUInt64LE(BigInt(CONTROL_BYTES), header + CONTROLLEN_AT);
      this.#template.writeBigUInt64LE(pointer(this.#dataAt(n)), iov);
      this.#template.writeBigUInt64LE(BigInt(bytesEach), iov + 8);
    }
  }

  #iovAt(n: number): number {
    return this.#count * MMSGHDR_BYTES + n * IOVEC_BYTES;
  }

  #controlAt(n: number): number {
    return this.#count * (MMSGHDR_BYTES + IOVEC_BYTES) + n * CONTROL_BYTES;
  }

  #dataAt(n: number): number {
    return this.#count * (MMSGHDR_BYTES + IOVEC_BYTES + CONTROL_BYTES) + n * this.#bytesEach;
  }

  /** How many messages it takes at a time. */
  get count(): number {
    return this.#count;
  }

  /**
   * recvmmsg(2), which does not wait.
   * @param take is given each message
   * @returns how many there were; 'overrun' where some were lost before
   * @throws OpError for anything but EAGAIN and ENOBUFS
   */
  receive(fd: number, take: (message: Received) => void): number | 'overrun' {
    if (this.#isFreed) return 0;
    inwards.memcpy([this.#address, this.#template, this.#dataAt(0)]);
    const result = functions.recvmmsg([fd, this.#address, this.#count, MSG_DONTWAIT, 0]) as Result;
    if (result.value < 0 && result.errnoCode === EAGAIN) return 0;
    if (result.value < 0 && result.errnoCode === ENOBUFS) return 'overrun';
    const got = check(result, 'receiving from', `fd ${fd}`);
    const read = this.#read;
    outwards.memcpy([read, this.#address, this.#dataAt(got)]);
    for (let n = 0; n < got; n++) {
      const header = n * MMSGHDR_BYTES;
      const length = Math.min(read.readUInt32LE(header + LENGTH_AT), this.#bytesEach);
      const controls = Math.min(read.readUInt32LE(header + CONTROLLEN_AT), CONTROL_BYTES);
      const [data, control] = [this.#dataAt(n), this.#controlAt(n)];
      take({
        data: read.subarray(data, data + length),
        control: read.subarray(control, control + controls),
      });
    }
    return got;
  }

  /** Freeing it again does nothing. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    functions.free([this.#address]);
  }
}

/** An instruction of classic BPF: struct sock_filter. */
export interface FilterInstruction {
  readonly code: number;
  /** Instructions that are skipped where a comparison holds, and where it does not. */
  readonly jt?: number;
  readonly jf?: number;
  readonly k: number;
}

/** SO_ATTACH_FILTER: which messages come to the socket. @throws OpError */
export function attachFilter(fd: number, program: readonly FilterInstruction[]): void {
  const code = Buffer.alloc(program.length * FILTER_BYTES);
  for (const [n, { code: op, jt = 0, jf = 0, k }] of program.entries()) {
    code.writeUInt16LE(op, n * FILTER_BYTES);
    code.writeUInt8(jt, n * FILTER_BYTES + 2);
    code.writeUInt8(jf, n * FILTER_BYTES + 3);
    code.writeUInt32LE(k, n * FILTER_BYTES + 4);
  }
  const address = allocate(code.length);
  try {
    inwards.memcpy([address, code, code.length]);
    const fprog = Buffer.alloc(FPROG_BYTES);
    fprog.writeUInt16LE(program.length, 0);
    fprog.writeBigUInt64LE(BigInt(address), 8);
    check(
      functions.setsockopt([fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog, fprog.length]),
      'filtering',
      `fd ${fd}`,
    );
  } finally {
    functions.free([address]);
  }
}

/** bind(2) of a netlink socket to a port of that number. @throws OpError (EADDRINUSE: somebody has it) */
export function bindNetlink(fd: number, port: number): void {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(port, 4);
  check(functions.bind([fd, address, address.length]), 'binding', `fd ${fd}`);
}

/** epoll_create1(2) for these: the descriptor is readable while one of them is. @throws OpError */
export function epollOf(fds: readonly number[], close: (fd: number) => void): number {
  const epoll = check(functions.epoll_create1([EPOLL_CLOEXEC]), 'making', 'an epoll instance');
  try {
    for (const fd of fds)
      check(functions.epoll_ctl([epoll, EPOLL_CTL_ADD, fd, epollEvent()]), 'watching', `fd ${fd}`);
    return epoll;
  } catch (err) {
    close(epoll);
    throw err;
  }
}

/** struct epoll_event: packed on x64 alone, with the events first everywhere. */
function epollEvent(): Buffer {
  const event = Buffer.alloc(16);
  event.writeUInt32LE(EPOLLIN, 0);
  return event;
}

/** dup3(2): what `to` was is closed, and it is the same as `from` now. @throws OpError */
export function duplicateOnto(from: number, to: number): void {
  check(functions.dup3([from, to, O_CLOEXEC]), 'duplicating', `fd ${from}`);
}

// Descriptors that the service manager holds while the daemon is not there (FileDescriptorStoreMax= of systemd.service(5)): it
// gives them to the next daemon, however the last one ended. Not here: what they are of.

import { define } from 'ffi-rs';
import { check, int, LIBRARY, long } from './ffi.js';
import { allocate, copyTo, release } from './libc-events.js';
import {
  AF_UNIX,
  close,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
  sendto,
  socket,
  unixAddress,
} from './libc-sockets.js';

const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
/** The first descriptor that is given: sd_listen_fds(3). */
const SD_LISTEN_FDS_START = 3;
/** struct msghdr, iovec, cmsghdr with a descriptor (and the length that it tells): x64 and arm64. */
const [MSGHDR_BYTES, IOVEC_BYTES, CMSG_SPACE, CMSG_LEN] = [56, 16, 24, 20] as const;

const { sendmsg } = define({
  sendmsg: { library: LIBRARY, retType: int, paramsType: [int, long, int], errno: true },
});

export class FdStore {
  readonly #address: Buffer | undefined;
  readonly #given = new Map<string, number>();
  /** What it holds, as far as it was told. */
  readonly #held = new Set<string>();

  /** Takes what the manager gives out of the environment; NOTIFY_SOCKET stays. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    const { NOTIFY_SOCKET: path = '', LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env;
    for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name];
    this.#address = path === '' ? undefined : unixAddress(path);
    if (Number(LISTEN_PID) !== process.pid) return;
    const names = LISTEN_FDNAMES.split(':').slice(0, Number(LISTEN_FDS));
    for (const [n, name] of names.entries()) this.#given.set(name, SD_LISTEN_FDS_START + n);
    for (const name of names) this.#held.add(name);
  }

  /** Whether there is a manager, which may hold descriptors. */
  get isThere(): boolean {
    return this.#address !== undefined;
  }

  /** The names under which it holds something: what it gave, and what it was given since. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }

  /** The descriptors that it gave, by name; they stay open. */
  get given(): ReadonlyMap<string, number> {
    return this.#given;
  }

  /**
   * Has a descriptor held under a name, without colon and of at most 255 bytes.
   * @throws OpError (EAGAIN: its queue is full)
   */
  hold(name: string, fd: number): void {
    if (!this.#address) return;
    // What cannot be polled, such as a namespace, is not to be.
    const text = Buffer.from(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`);
    sendDescriptor(this.#address, text, fd);
    this.#held.add(name);
  }

  /** Has it let go of what it holds under a name, if it holds anything; after a failure it still does. @throws OpError (EAGAIN) */
  letGo(name: string): void {
    const given = this.#given.get(name);
    this.#given.delete(name);
    if (given !== undefined) close(given);
    const address = this.#address;
    if (!this.#held.has(name)) return;
    if (address)
      withSocket(fd =>
        sendto(fd, Buffer.from(`FDSTOREREMOVE=1\nFDNAME=${name}`), address, 'the service manager'),
      );
    this.#held.delete(name);
  }
}

/** sendmsg(2) with SCM_RIGHTS. @throws OpError */
function sendDescriptor(address: Buffer, text: Buffer, fd: number): void {
  const [iovAt, controlAt] = [MSGHDR_BYTES, MSGHDR_BYTES + IOVEC_BYTES];
  const nameAt = controlAt + CMSG_SPACE;
  const textAt = nameAt + address.length;
  const message = Buffer.alloc(textAt + text.length);
  const memory = allocate(message.length);
  try {
    const pointer = (at: number): bigint => BigInt(memory + at);
    message.writeBigUInt64LE(pointer(nameAt), 0);
    message.writeUInt32LE(address.length, 8);
    message.writeBigUInt64LE(pointer(iovAt), 16);
    message.writeBigUInt64LE(1n, 24);
    message.writeBigUInt64LE(pointer(controlAt), 32);
    message.writeBigUInt64LE(BigInt(CMSG_LEN), 40);
    message.writeBigUInt64LE(pointer(textAt), iovAt);
    message.writeBigUInt64LE(BigInt(text.length), iovAt + 8);
    message.writeBigUInt64LE(BigInt(CMSG_LEN), controlAt);
    message.writeInt32LE(SOL_SOCKET, controlAt + 8);
    message.writeInt32LE(SCM_RIGHTS, controlAt + 12);
    message.writeInt32LE(fd, controlAt + 16);
    address.copy(message, nameAt);
    text.copy(message, textAt);
    copyTo(memory, message);
    withSocket(socket =>
      check(sendmsg([socket, memory, MSG_NOSIGNAL]), 'giving a descriptor to', 'the service manager'),
    );
  } finally {
    release(memory);
  }
}

function withSocket(use: (fd: number) => void): void {
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  try {
    use(fd);
  } finally {
    close(fd);
  }
}

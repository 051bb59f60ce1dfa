// A netlink socket as the system has it: datagrams to the kernel and from it, in the namespace of the thread that
// opened it. It never waits. Not here: which datagram answers which (connection.ts), events (event-socket.ts).

import { closeSync, readSync, writeSync } from 'node:fs';
import {
  AF_NETLINK,
  connectToKernel,
  NETLINK_GET_STRICT_CHK,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  sendOnThread,
  setSocketOption,
  socket,
} from '../../native/libc-sockets.js';
import { ChannelError, errorCode } from '../base/errors.js';
import { NETLINK_ROUTE } from './message.js';

export class KernelSocket {
  #fd: number;

  /**
   * Opens a socket of the namespace of the calling thread, to which nobody but the kernel can send. It pins the
   * namespace until it is closed. Dumps of rtnetlink give only what the header of their request names; kernels before
   * 4.20 give everything.
   * @param protocol NETLINK_*
   * @throws OpError
   */
  constructor(protocol: number) {
    this.#fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, protocol);
    try {
      connectToKernel(this.#fd);
      if (protocol === NETLINK_ROUTE) filterDumps(this.#fd);
    } catch (err) {
      this.close();
      throw err;
    }
  }

  /** Closing it again does nothing. */
  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
  }

  /** @throws ErrnoException; ChannelError when it is closed */
  send(datagram: Buffer): void {
    // write(2) and read(2) on a socket are send(2) and recv(2); Node's calls of them cost a tenth of foreign ones.
    writeSync(this.#open, datagram);
  }

  /** On a thread of its own, which waits while the kernel works. @throws OpError; ChannelError when it is closed */
  async sendOnThread(datagram: Buffer, op: string, subject: string): Promise<void> {
    await sendOnThread(this.#open, datagram, op, subject);
  }

  /**
   * Reads one datagram.
   * @returns its length; what does not fit the buffer is lost
   * @throws ErrnoException: EAGAIN when there is none; ChannelError when it is closed
   */
  receive(buffer: Buffer): number {
    return readSync(this.#open, buffer);
  }

  /** The number of a closed descriptor may be another's by now. */
  get #open(): number {
    if (this.#fd < 0) throw new ChannelError('the netlink socket is closed');
    return this.#fd;
  }
}

function filterDumps(fd: number): void {
  try {
    setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  } catch (err) {
    if (errorCode(err) !== 'ENOPROTOOPT') throw err;
  }
}

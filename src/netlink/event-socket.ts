// Events of the kernel's multicast groups. The socket is the netlink package's; it belongs to the network namespace in
// which its constructor ran, and hears nobody but the kernel. Not here: requests (connection.ts), what an event means.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
// The package's index also loads its generated protocols, four times the work at start-up.
import { RawNetlinkSocket } from 'netlink/dist/raw.js';
import {
  connectToKernel,
  NETLINK_NO_ENOBUFS,
  SO_RCVBUFFORCE,
  SOL_NETLINK,
  SOL_SOCKET,
  setSocketOption,
} from '../../native/libc-sockets.js';
import { ChannelError, DecodeError } from '../base/errors.js';
import { type Message, readMessages } from './message.js';

/** Room for thousands of events, taken only when they come. */
const EVENT_BUFFER_BYTES = 8 * 1024 * 1024;

export class EventSocket {
  readonly #socket: RawNetlinkSocket;
  #isClosed = false;

  /**
   * Opens the socket and joins a multicast group, synchronously, in the namespace of the calling thread. Events that
   * outrun us by more than eight megabytes are lost without a word.
   * @param protocol NETLINK_*
   * @param group RTNLGRP_* for rtnetlink
   * @param notify is told each event; what it throws as a DecodeError is passed over
   * @param failed is given what else it throws, which would end the process; does not throw
   * @throws ErrnoException of the netlink package; OpError
   */
  constructor(
    protocol: number,
    group: number,
    notify: (event: Message) => void,
    failed: (err: unknown) => void,
  ) {
    this.#socket = new RawNetlinkSocket(protocol, { localPort: 0, recvBufferSize: 0, sendBufferSize: 0 });
    this.#socket.on('message', (datagram, { port }) => {
      if (port === 0 && !this.#isClosed) readEvents(datagram, notify, failed);
    });
    // What is lost is found when all is looked at from time to time.
    this.#socket.on('error', () => undefined);
    try {
      const fd = descriptorOf(protocol, this.#socket.address().port);
      connectToKernel(fd);
      // At an overrun the kernel would report ENOBUFS, at which the package aborts the process.
      setSocketOption(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
      setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, EVENT_BUFFER_BYTES);
      this.#socket.addMembership(group);
    } catch (err) {
      this.#socket.close();
      throw err;
    }
  }

  /** Closing it again does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

/** An event that cannot be read is lost as one that outran us. */
function readEvents(
  datagram: Buffer,
  notify: (event: Message) => void,
  failed: (err: unknown) => void,
): void {
  try {
    for (const message of readMessages(datagram)) if (message.seq === 0) notify(message);
  } catch (err) {
    if (!(err instanceof DecodeError)) failed(err);
  }
}

/** The file descriptor of a netlink socket of the calling thread's namespace: the package keeps it to itself. */
export function descriptorOf(protocol: number, port: number): number {
  const rows = readFileSync('/proc/thread-self/net/netlink', 'utf8').split('\n');
  const fields = rows.map(row => row.trim().split(/\s+/));
  const inode = fields.find(([, family, pid]) => family === `${protocol}` && pid === `${port}`)?.at(-1);
  const fd = readdirSync('/proc/self/fd').find(
    name => linkOf(`/proc/self/fd/${name}`) === `socket:[${inode}]`,
  );
  if (fd === undefined) throw new ChannelError(`cannot find the netlink socket of port ${port}`);
  return Number(fd);
}

/** What a symbolic link says; undefined where it is gone. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

// A channel whose answer is there when the request returns: rtnetlink and generic netlink answer within the system call
// that asks, so the way round the event loop (event-socket.ts) only costs time. Not here: events; requests that the kernel
// works on for long.

import { ChannelError } from '../base/errors.js';
import { SyncNetlinkSocket } from './connection.js';
import type { NetlinkChannel, OpContext } from './event-socket.js';
import type { Message, Request } from './message.js';

export class SyncNetlinkChannel implements NetlinkChannel {
  readonly #socket: SyncNetlinkSocket;
  #closed = false;

  /**
   * Opens a socket of the namespace of the calling thread.
   * @param protocol NETLINK_ROUTE or NETLINK_GENERIC
   * @throws OpError
   */
  constructor(protocol: number) {
    this.#socket = new SyncNetlinkSocket(protocol);
  }

  async request(request: Request, purpose: OpContext): Promise<Message[]> {
    // The number of a closed descriptor may be another's by now.
    if (this.#closed)
      throw new ChannelError(`${purpose.op} ${purpose.subject}: the netlink socket is closed`);
    return this.#socket.request(request, purpose);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}

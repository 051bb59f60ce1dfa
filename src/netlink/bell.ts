// Tells that there is something to read from descriptors that Node cannot watch. Node watches what it knows itself; the netlink
// package watches a socket of its own. So that socket's descriptor is made one of epoll(7), which is readable while any of
// these is: the package's attempt to read from it fails, and is the ring. Not here: what is read (namespace-events.ts).

// The package's index also loads its generated protocols, four times the work at start-up.
import { RawNetlinkSocket } from 'netlink/dist/raw.js';
import { duplicateOnto, epollOf } from '../../native/libc-events.js';
import { close } from '../../native/libc-sockets.js';
import { descriptorOf } from './event-socket.js';
import { NETLINK_ROUTE } from './message.js';

export class Bell {
  readonly #socket: RawNetlinkSocket;
  #isRinging = false;
  #isClosed = false;

  /**
   * @param fds which have to stay open as long as it is
   * @param ring called in a turn of the loop of its own, again and again while there is something to read
   * @throws ErrnoException of the netlink package; OpError; ChannelError
   */
  constructor(fds: readonly number[], ring: () => void) {
    const options = { localPort: 0, recvBufferSize: 0, sendBufferSize: 0 };
    this.#socket = new RawNetlinkSocket(NETLINK_ROUTE, {
      ...options,
      messagePeeking: false,
      msgBufferSize: 1,
    });
    // What is thrown by a listener ends the process.
    this.#socket.on('error', () => this.#ring(ring));
    try {
      const epoll = epollOf(fds, close);
      try {
        duplicateOnto(epoll, descriptorOf(NETLINK_ROUTE, this.#socket.address().port));
      } finally {
        close(epoll);
      }
    } catch (err) {
      this.close();
      throw err;
    }
  }

  #ring(ring: () => void): void {
    if (this.#isRinging) return;
    this.#isRinging = true;
    setImmediate(() => {
      this.#isRinging = false;
      if (!this.#isClosed) ring();
    });
  }

  /** Closing it again does nothing. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}

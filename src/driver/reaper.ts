// Takes links away, off the path that Docker waits on: the kernel works on one for many milliseconds, and would
// hold up the event loop with it. One at a time, on a thread. Not here: which links are to go.

import { AF_NETLINK, close, recvNow, SOCK_RAW, sendOnThread, socket } from '../../native/libc.js';
import { isNotFound, messageOf, OpError } from '../errors.js';
import type { Log } from '../log.js';
import { deleteLinkRequest } from '../netlink/link.js';
import { encodeRequest, NLM_F_ACK, readErrno, readMessages } from '../netlink/message.js';
import { NETLINK_ROUTE } from '../netlink/socket.js';

/** Opens a file descriptor in the namespace where the link is; runs synchronously. */
export type SocketOpener = () => number;

/** A blocking rtnetlink socket of the namespace of the calling thread. */
export function openRouteSocket(): number {
  return socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

export class Reaper {
  readonly #log: Log;
  #queue: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Deletes a link, after those given before. One that is gone already is as good as deleted.
   * @param open opens a socket where the link is
   * @param done called when it is gone; not called when the kernel refuses
   */
  reap(name: string, open: SocketOpener, done: () => void): void {
    this.#queue = this.#queue.then(async () => {
      try {
        await deleteLink(name, open);
        done();
      } catch (err) {
        this.#log.error({ link: name }, `cannot delete a link: ${messageOf(err)}`);
      }
    });
  }

  /** Resolves when all that was given so far is done. */
  idle(): Promise<void> {
    return this.#queue;
  }
}

async function deleteLink(name: string, open: SocketOpener): Promise<void> {
  let fd: number;
  try {
    fd = open();
  } catch (err) {
    // The namespace is gone, and its links with it.
    if (isNotFound(err)) return;
    throw err;
  }
  try {
    const request = deleteLinkRequest(name);
    await sendOnThread(
      fd,
      encodeRequest({ ...request, flags: request.flags | NLM_F_ACK }, 1),
      `link ${name}`,
    );
    const [answer] = readMessages(recvNow(fd, `link ${name}`));
    const errno = answer ? readErrno(answer) : 0;
    if (errno !== 0) throw new OpError('deleting link', name, errno);
  } catch (err) {
    if (!isNotFound(err)) throw err;
  } finally {
    close(fd);
  }
}

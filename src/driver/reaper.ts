// Takes links away, off the path that Docker waits on: the kernel works on one for many milliseconds, and would
// hold up the event loop with it. One at a time, on a thread. Not here: which links are to go.

import { isNotFound, messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { deleteLinkRequest } from '../netlink/link.js';
import { NETLINK_ROUTE } from '../netlink/socket.js';
import { SyncNetlinkSocket } from '../netlink/sync-socket.js';

/** Opens a socket in the namespace where the link is; runs synchronously. */
export type SocketOpener = () => SyncNetlinkSocket;

/** An rtnetlink socket of the namespace of the calling thread. */
export function openRouteSocket(): SyncNetlinkSocket {
  return new SyncNetlinkSocket(NETLINK_ROUTE);
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
  let socket: SyncNetlinkSocket;
  try {
    socket = open();
  } catch (err) {
    // The namespace is gone, and its links with it.
    if (isNotFound(err)) return;
    throw err;
  }
  try {
    await socket.requestOnThread(deleteLinkRequest(name), { op: 'deleting link', subject: name });
  } catch (err) {
    if (!isNotFound(err)) throw err;
  } finally {
    socket.close();
  }
}

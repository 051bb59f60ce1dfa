// Deletes links in the background: the kernel takes many milliseconds for one, which would block Docker and the event
// loop. One at a time, on a thread of its own. Not here: which links are to go.

import { isNotFound, messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { ThreadedConnection } from '../../netlink/connection.js';
import { decodeLink, deleteLinkRequest, getLinkRequest, type Link } from '../../netlink/route/link.js';

/** Opens a socket in the namespace where the link is; runs synchronously. */
type SocketOpener = () => ThreadedConnection;

/** A link that is to go. */
export interface ReapedLink {
  readonly name: string;
  /** Whether a link of that name is the one that is meant: a name alone may be anybody's by now. */
  readonly isOurs: (link: Link) => boolean;
}

export class LinkReaper {
  readonly #log: Log;
  #queue: Promise<void> = Promise.resolve();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Deletes a link, after those given before. One that is gone already is as good as deleted, and so is one in whose
   * place somebody else's stands: that one stays.
   * @param open opens a socket where the link is
   * @param done called when it is gone; not called when the kernel refuses
   */
  reap(link: ReapedLink, open: SocketOpener, done: () => void): void {
    this.#queue = this.#queue.then(async () => {
      try {
        await deleteLink(link, open);
        done();
      } catch (err) {
        this.#log.error({ link: link.name }, `cannot delete a link: ${messageOf(err)}`);
      }
    });
  }

  /** Resolves when all that was given so far is done. */
  idle(): Promise<void> {
    return this.#queue;
  }
}

async function deleteLink({ name, isOurs }: ReapedLink, open: SocketOpener): Promise<void> {
  let socket: ThreadedConnection;
  try {
    socket = open();
  } catch (err) {
    // The namespace is gone, and its links with it.
    if (isNotFound(err)) return;
    throw err;
  }
  try {
    const [found] = socket.request(getLinkRequest(name), { op: 'reading link', subject: name });
    const link = found && decodeLink(found.payload);
    // By its index: a name can be given to another link meanwhile.
    if (link && isOurs(link)) {
      faultPoint('reap-link');
      await socket.requestOnThread(deleteLinkRequest(link.index), { op: 'deleting link', subject: name });
    }
    faultPoint('link-reaped');
  } catch (err) {
    if (!isNotFound(err)) throw err;
  } finally {
    socket.close();
  }
}

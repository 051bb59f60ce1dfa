// One keeper of labels for each host, wherever it runs: a unix socket with an abstract name, which belongs to the
// host's network namespace and goes with its process. Not here: the driver's lock (plugin-socket.ts).

import { closeSync } from 'node:fs';
import { AF_UNIX, bindAndListen, listenerAt, SOCK_STREAM, socket } from '../../native/libc.js';
import { errorCode, UserError } from '../errors.js';
import type { Log } from '../log.js';
import type { Host } from './host.js';

/** unix(7): a name that begins with a zero byte is in no file system. */
const NAME = '\0dwgd-labels';
const SUBJECT = '@dwgd-labels';

export class LabelLock {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws UserError when another daemon holds it */
  static take(host: Host, log: Log): LabelLock {
    const fd = host.within(() => socket(AF_UNIX, SOCK_STREAM, 0));
    try {
      bindAndListen(fd, address(), SUBJECT);
    } catch (err) {
      if (errorCode(err) !== 'EADDRINUSE') {
        closeSync(fd);
        throw err;
      }
      const holder = holderOf(host);
      if (holder?.uid === 0 || !holder) {
        closeSync(fd);
        const who = holder ? ` (process ${holder.pid})` : '';
        throw new UserError(`another dwgd keeps the labels of this host: stop it first${who}`, {
          cause: err,
        });
      }
      // Anybody may take such a name, but none other than root keeps labels.
      log.warn(holder, `a process that is not root's has taken the name ${SUBJECT}: going on without it`);
    }
    return new LabelLock(fd);
  }

  release(): void {
    closeSync(this.#fd);
  }
}

/** Who listens at the name; undefined when he is gone by now. */
function holderOf(host: Host): { pid: number; uid: number } | undefined {
  const fd = host.within(() => socket(AF_UNIX, SOCK_STREAM, 0));
  try {
    return listenerAt(fd, address(), SUBJECT);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** struct sockaddr_un: the family, then the name. */
function address(): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(NAME)]);
}

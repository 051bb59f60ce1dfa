// One keeper of labels for each host, wherever it runs: a lock in the host's /run, which nobody but root can take.
// Where a daemon in a container does not see that, a socket with an abstract name in the host's network namespace
// tells two of them of each other. Anybody may take such a name, so nothing but a warning depends on it.

import { accessSync, closeSync, constants } from 'node:fs';
import {
  AF_UNIX,
  bindAndListen,
  listenerAt,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  unixAddress,
} from '../../../native/libc-sockets.js';
import { LockFile, LockHeldError, RUN_DIR } from '../../../native/lock-file.js';
import { errorCode, messageOf, UserError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Host } from '../discovery/host.js';

const LOCK_NAME = 'labels.lock';
const NAME = '@dwgd-labels';
/** The root of the host's first process: the host's own also for a daemon in a container with `pid: host`. */
const HOST_ROOT = '/proc/1/root';

export class LabelLock {
  readonly #file: LockFile;
  readonly #nameFd: number | undefined;

  private constructor(file: LockFile, nameFd: number | undefined) {
    this.#file = file;
    this.#nameFd = nameFd;
  }

  /** @throws UserError when another daemon holds it, or its folder cannot be used */
  static take(host: Host, log: Log, folder = hostRunDir()): LabelLock {
    try {
      return new LabelLock(LockFile.take(folder, LOCK_NAME), takeName(host, log));
    } catch (err) {
      if (!(err instanceof LockHeldError)) throw err;
      throw new UserError(
        `another dwgd keeps the labels of this host: stop it first (process ${err.holder})`,
        { cause: err },
      );
    }
  }

  release(): void {
    if (this.#nameFd !== undefined) closeSync(this.#nameFd);
    this.#file.release();
  }
}

/** The host's /run/dwgd; the own one where the host's is out of reach, which then is the same or a container's. */
function hostRunDir(): string {
  try {
    accessSync(`${HOST_ROOT}/run`, constants.W_OK);
    return `${HOST_ROOT}${RUN_DIR}`;
  } catch {
    return RUN_DIR;
  }
}

/** The file descriptor that has the name; undefined when it cannot be had, which is said. */
function takeName(host: Host, log: Log): number | undefined {
  const fd = openSocket(host);
  try {
    bindAndListen(fd, unixAddress(NAME), NAME);
    return fd;
  } catch (err) {
    closeSync(fd);
    if (errorCode(err) === 'EADDRINUSE') {
      log.warn(
        holderOf(host),
        `another process has the name ${NAME}: going on without it; if it is a dwgd in a container, stop one of the two`,
      );
    } else {
      log.warn(`cannot take the name ${NAME}: going on without it: ${messageOf(err)}`);
    }
    return undefined;
  }
}

/** Who listens at the name; unknown when he is gone by now, or lets nobody connect. */
function holderOf(host: Host): { pid?: number; uid?: number } {
  const fd = openSocket(host);
  try {
    return listenerAt(fd, unixAddress(NAME), NAME);
  } catch {
    return {};
  } finally {
    closeSync(fd);
  }
}

/** Non-blocking: connect(2) to a listener whose queue is full waits otherwise, and the whole daemon with it. */
function openSocket(host: Host): number {
  return host.within(() => socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

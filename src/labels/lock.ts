// The lock that lets only one daemon per host apply labels, wherever it runs: a file in the host's /run, which only root can
// lock. For daemons in containers that do not see that file, there is also an abstract socket name in the host's network
// namespace. Any process may take that name, so only a warning depends on it.

import { accessSync, closeSync, constants } from 'node:fs';
import {
  AF_UNIX,
  bindAndListen,
  listenerAt,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  unixAddress,
} from '../../native/libc-sockets.js';
import { LockFile, LockHeldError } from '../../native/lock-file.js';
import { errorCode, messageOf, UserError } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { LABELS_SOCKET } from '../base/ownership.js';
import { RUN_DIR } from '../control/paths.js';
import type { Host } from './discovery/host.js';

const LOCK_NAME = 'labels.lock';
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
        `another dwgd applies the labels of this host: stop it first (process ${err.holder})`,
        { cause: err },
      );
    }
  }

  release(): void {
    if (this.#nameFd !== undefined) closeSync(this.#nameFd);
    this.#file.release();
  }
}

/** The host's /run/dwgd; where that is out of reach, the one that this process sees. */
function hostRunDir(): string {
  try {
    accessSync(`${HOST_ROOT}/run`, constants.W_OK);
    return `${HOST_ROOT}${RUN_DIR}`;
  } catch {
    return RUN_DIR;
  }
}

/** A file descriptor that holds the name; undefined, with a warning, when it cannot be taken. */
function takeName(host: Host, log: Log): number | undefined {
  const fd = openSocket(host);
  try {
    bindAndListen(fd, unixAddress(LABELS_SOCKET), LABELS_SOCKET);
    return fd;
  } catch (err) {
    closeSync(fd);
    if (errorCode(err) === 'EADDRINUSE') {
      log.warn(
        holderOf(host),
        `another process holds the name ${LABELS_SOCKET}: continuing without it; if it is a dwgd in a container, stop one of the two`,
      );
    } else {
      log.warn(`cannot take the name ${LABELS_SOCKET}, continuing without it: ${messageOf(err)}`);
    }
    return undefined;
  }
}

/** The process that listens at the name; empty when it is gone by now, or accepts no connection. */
function holderOf(host: Host): { pid?: number; uid?: number } {
  const fd = openSocket(host);
  try {
    return listenerAt(fd, unixAddress(LABELS_SOCKET), LABELS_SOCKET);
  } catch {
    return {};
  } finally {
    closeSync(fd);
  }
}

/** Non-blocking: otherwise connect(2) to a listener with a full queue would block the whole daemon. */
function openSocket(host: Host): number {
  return host.within(() => socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

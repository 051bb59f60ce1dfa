// The unix socket by which root asks the daemon for its state: one on each host, root's alone, gone on exit. What answers is
// loaded when somebody asks. Not here: what is answered (api.ts), the server (unix-server.ts).

import { rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { LockFile, LockHeldError } from '../../native/lock-file.js';
import { UserError } from '../base/errors.js';
import { CONTROL_NAME, RUN_DIR } from './paths.js';
import { type ServerLimits, UnixServer } from './unix-server.js';

const LOCK_NAME = 'control.lock';

/** A question is a line and some headers; each has a connection of its own. */
const LIMITS: ServerLimits = {
  keepAliveTimeout: 1_000,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
  maxConnections: 64,
  drainMs: 1_000,
  maxHeaderSize: 8 * 1024,
};

export class ControlSocket {
  readonly #lock: LockFile;
  readonly #path: string;
  readonly #server: UnixServer;

  private constructor(lock: LockFile, path: string, server: UnixServer) {
    this.#lock = lock;
    this.#path = path;
    this.#server = server;
  }

  /** @throws UserError when another daemon has the socket, or the folder cannot be used */
  static async open(app: RequestListener, folder = RUN_DIR): Promise<ControlSocket> {
    const path = join(folder, CONTROL_NAME);
    const lock = takeLock(folder, path);
    try {
      const server = new UnixServer(app, process.getuid!(), LIMITS);
      await server.takeOver(path, `another program answers on ${path}: stop it first`);
      return new ControlSocket(lock, path, server);
    } catch (err) {
      lock.release();
      throw err;
    }
  }

  async close(): Promise<void> {
    rmSync(this.#path, { force: true });
    await this.#server.close();
    this.#lock.release();
  }
}

function takeLock(folder: string, path: string): LockFile {
  try {
    return LockFile.take(folder, LOCK_NAME);
  } catch (err) {
    if (!(err instanceof LockHeldError)) throw err;
    throw new UserError(
      `process ${err.holder} answers on ${path}: status and metrics of this daemon cannot be asked for`,
      { cause: err },
    );
  }
}

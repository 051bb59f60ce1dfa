// The unix socket by which Docker finds the driver: one daemon per host, root alone, gone on exit. Not here:
// what is answered (http.ts), the server (control/unix-server.ts), the sockets of rootless Dockers (rootless-sockets.ts, user-server.ts).

import { mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { dirname, join } from 'node:path';
import { LockFile, LockHeldError } from '../../../native/lock-file.js';
import { UserError } from '../../base/errors.js';
import { RUN_DIR } from '../../control/paths.js';
import { type ServerLimits, UnixServer } from '../../control/unix-server.js';

export const PLUGIN_DIR = '/run/docker/plugins';
export const SOCKET_NAME = 'dwgd.sock';

/** How long calls under way may take when the daemon stops. */
export const DRAIN_MS = 5_000;
/** How long a call may take to come in with its body. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** dockerd reuses connections; if we close one while it sends, it repeats the call without a body: no time limit. */
export const PLUGIN_LIMITS: ServerLimits = {
  keepAliveTimeout: 0,
  headersTimeout: 30_000,
  requestTimeout: REQUEST_TIMEOUT_MS,
  connectionsCheckingInterval: 5_000,
  maxConnections: 1024,
  drainMs: DRAIN_MS,
};

export class PluginSocket {
  readonly #lock: LockFile;
  readonly #path: string;
  readonly #link: string;
  #server: UnixServer | undefined;

  /**
   * Takes the host's lock, which the kernel gives back however the process ends.
   * @throws UserError when another daemon holds it, or the folder cannot be used
   */
  constructor(runDir = RUN_DIR, pluginDir = PLUGIN_DIR) {
    this.#path = join(runDir, SOCKET_NAME);
    this.#link = join(pluginDir, SOCKET_NAME);
    try {
      this.#lock = LockFile.take(runDir, 'dwgd.pid');
    } catch (err) {
      if (!(err instanceof LockHeldError)) throw err;
      throw new UserError(
        `dwgd runs already: process ${err.holder} holds ${this.#path}; stop it first (systemctl stop dwgd)`,
        { cause: err },
      );
    }
  }

  /** Listens, and puts the link where Docker looks. @throws UserError when something else answers there */
  async listen(app: RequestListener): Promise<void> {
    const server = new UnixServer(app, process.getuid!(), PLUGIN_LIMITS);
    await server.takeOver(
      this.#path,
      `another program answers on ${this.#path}: stop it first (the original dwgd, perhaps)`,
    );
    // From here on the socket is ours to take away.
    this.#server = server;
    mkdirSync(dirname(this.#link), { recursive: true, mode: 0o755 });
    // A managed plugin's: Docker has put its folder there.
    if (realpathSync(dirname(this.#link)) === realpathSync(dirname(this.#path))) return;
    const temporary = `${this.#link}.${process.pid}`;
    rmSync(temporary, { force: true });
    symlinkSync(this.#path, temporary);
    renameSync(temporary, this.#link);
  }

  /** Whether calls are answered. */
  get isListening(): boolean {
    return this.#server?.isListening === true;
  }

  /** Unlinks both first, since Docker waits fifteen seconds on a socket that is dead. */
  async close(): Promise<void> {
    if (this.#server) {
      rmSync(this.#link, { force: true });
      rmSync(this.#path, { force: true });
      await this.#server.close();
    }
    this.#lock.release();
  }
}

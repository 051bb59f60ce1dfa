// The unix socket by which Docker finds the driver: one daemon per host, root alone, gone on exit. Not here:
// what is answered (http.ts), the sockets of rootless Dockers (rootless-sockets.ts, user-server.ts).

import { lstatSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { LockFile, LockHeldError, RUN_DIR } from '../../../native/lock-file.js';
import { errorCode, UserError } from '../../base/errors.js';
import { peerOf } from '../users/user-files.js';

export const PLUGIN_DIR = '/run/docker/plugins';
export const SOCKET_NAME = 'dwgd.sock';

/** How long calls under way may take when the daemon stops. */
export const DRAIN_MS = 5_000;
/** How long a call may take to come in with its body. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** dockerd reuses connections; if we close one while it sends, it repeats the call without a body: no time limit. */
const OPTIONS = {
  keepAliveTimeout: 0,
  headersTimeout: 30_000,
  requestTimeout: REQUEST_TIMEOUT_MS,
  /** How often the time limits are checked. */
  connectionsCheckingInterval: 5_000,
};
const MAX_CONNECTIONS = 1024;

/** The HTTP server for the calls of root's Docker, on one unix socket. */
export class PluginServer {
  readonly #server: Server;
  /** Connections without a request yet, which Node takes for busy ones. */
  readonly #silent = new Set<Socket>();

  /** @param owner the user who may connect, besides root */
  constructor(app: RequestListener, owner: number) {
    this.#server = createServer(OPTIONS, app);
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('connection', (socket: Socket) => {
      // The socket's mode keeps other users out, but not a process with capabilities in the user's namespace.
      const peer = peerOf(socket);
      if (peer !== owner && peer !== 0) {
        socket.destroy();
        return;
      }
      this.#silent.add(socket);
      socket.once('close', () => this.#silent.delete(socket));
    });
    this.#server.on('request', ({ socket }) => this.#silent.delete(socket));
  }

  /** Starts to listen on a path, with a socket that only its owner may use. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const umask = process.umask(0o177);
      try {
        // bind(2) happens in here, synchronously: the socket is never open to others.
        this.#server.listen(path, () => {
          this.#server.off('error', reject);
          resolve();
        });
      } finally {
        process.umask(umask);
      }
    });
  }

  /** Stops listening; calls under way are finished, if they take no longer than five seconds. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    for (const socket of this.#silent) socket.destroy();
    const timer = setTimeout(() => this.#server.closeAllConnections(), DRAIN_MS);
    await closed;
    clearTimeout(timer);
  }
}

export class PluginSocket {
  readonly #lock: LockFile;
  readonly #path: string;
  readonly #link: string;
  #server: PluginServer | undefined;

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
    if (isOwnSocket(this.#path) && (await answers(this.#path))) {
      throw new UserError(
        `another program answers on ${this.#path}: stop it first (the original dwgd, perhaps)`,
      );
    }
    rmSync(this.#path, { force: true });
    this.#server = new PluginServer(app, process.getuid!());
    await this.#server.listen(this.#path);
    mkdirSync(dirname(this.#link), { recursive: true, mode: 0o755 });
    // A managed plugin's: Docker has put its folder there.
    if (realpathSync(dirname(this.#link)) === realpathSync(dirname(this.#path))) return;
    const temporary = `${this.#link}.${process.pid}`;
    rmSync(temporary, { force: true });
    symlinkSync(this.#path, temporary);
    renameSync(temporary, this.#link);
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

/** Whether a socket of the daemon's own user is at the path; anything of other users, and any link, does not count. */
function isOwnSocket(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isSocket() === true && found.uid === process.geteuid!();
}

/** Whether a process listens on a unix socket, even with a full backlog. Does not block. */
function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const connection = createConnection(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', err => resolve(errorCode(err) === 'EAGAIN'));
  });
}

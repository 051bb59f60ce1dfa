// An HTTP server on a unix socket that one user alone, and root, may connect to. Not here: what is answered, where the
// socket is (driver/plugin/socket.ts, control-socket.ts).

import { lstatSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { peerOf } from '../../native/libc-sockets.js';
import { errorCode, UserError } from '../base/errors.js';

/** Milliseconds, but for `maxConnections` and `maxHeaderSize`, in bytes. */
export interface ServerLimits {
  /** How long a connection is kept without a request; 0: for ever. */
  readonly keepAliveTimeout: number;
  /** How long a request may take to come in, without and with its body. */
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  /** How often the time limits are checked. */
  readonly connectionsCheckingInterval: number;
  readonly maxConnections: number;
  /** How long calls under way may take when the server is closed. */
  readonly drainMs: number;
  readonly maxHeaderSize?: number;
}

export class UnixServer {
  readonly #server: Server;
  readonly #drainMs: number;
  /** Connections without a request yet, which Node takes for busy ones. */
  readonly #silent = new Set<Socket>();

  /** @param owner the user who may connect, besides root */
  constructor(app: RequestListener, owner: number, { maxConnections, drainMs, ...options }: ServerLimits) {
    this.#drainMs = drainMs;
    this.#server = createServer(options, app);
    this.#server.maxConnections = maxConnections;
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

  /**
   * Listens where a daemon that is gone may have left its socket.
   * @param whyNot what is said when another program answers there
   * @throws UserError then
   */
  async takeOver(path: string, whyNot: string): Promise<void> {
    if (isOwnSocket(path) && (await answers(path))) throw new UserError(whyNot);
    rmSync(path, { force: true });
    await this.listen(path);
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Stops listening; calls under way are finished, if they take no longer than they may. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    for (const socket of this.#silent) socket.destroy();
    const timer = setTimeout(() => this.#server.closeAllConnections(), this.#drainMs);
    await closed;
    clearTimeout(timer);
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

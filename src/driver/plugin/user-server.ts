// The HTTP server for the calls of one user's Docker: one call for each connection, and all that a connection makes the
// daemon do is done in the user's turns. Not here: what is answered (http.ts), root's server (socket.ts).

import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { peerOf } from '../../../native/libc-sockets.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { LoopShare } from '../users/loop-share.js';
import { PacedConnection } from './paced-connection.js';
import { type Pace, PacedListener } from './paced-listener.js';
import { DRAIN_MS, REQUEST_TIMEOUT_MS } from './socket.js';

/** dockerd needs a connection for each concurrent call, and each takes one of the daemon's 65,536 file descriptors. */
const PACE: Pace = { mostOpen: 64, mostTaken: 128, withinMs: 1_000 };
/** How long a connection may take until its call is there but for the body, and until its answer is read. */
const HEAD_TIMEOUT_MS = 10_000;

interface UserServerParts {
  /** What the connections take turns in. */
  readonly share: LoopShare;
  readonly log: Log;
  readonly pace?: Pace;
}

export class UserServer {
  readonly #owner: number;
  readonly #parts: UserServerParts;
  readonly #http: Server;
  readonly #listener: PacedListener;
  /** Those that are open, and whether a call has come by each. */
  readonly #connections = new Map<PacedConnection, boolean>();
  #hasWarned = false;

  /** @param owner the user who may connect, besides root */
  constructor(app: RequestListener, owner: number, parts: UserServerParts) {
    this.#owner = owner;
    this.#parts = parts;
    // A connection that is kept could be closed while Docker sends its next call; it would repeat that without the body.
    const answer = this.#calling(app);
    this.#http = createServer(answer);
    // Node answers it itself otherwise, and keeps the connection.
    this.#http.on('checkExpectation', answer);
    this.#http.maxRequestsPerSocket = 1;
    this.#http.on('dropRequest', (_request: IncomingMessage, socket: unknown) =>
      (socket as PacedConnection).destroy(),
    );
    this.#listener = new PacedListener(
      parts.pace ?? PACE,
      socket => this.#connected(socket),
      () => this.#warn(),
    );
  }

  /** Starts to listen on a path, with a socket that only its owner may use. @throws OpError */
  listen(path: string): void {
    this.#listener.listen(path);
  }

  /** Stops listening at once; calls under way are finished, if they take no longer than five seconds. */
  async close(): Promise<void> {
    this.#listener.close();
    const open = [...this.#connections];
    for (const [connection, isCalling] of open) if (!isCalling) connection.destroy();
    const gone = Promise.all(
      open.map(([connection]) => new Promise<void>(done => whenClosed(connection, done))),
    );
    await Promise.race([gone, sleep(DRAIN_MS, undefined, { ref: false })]);
    for (const connection of this.#connections.keys()) connection.destroy();
  }

  #connected(socket: Socket): void {
    // The socket's mode keeps other users out, but not a process with capabilities in the user's namespace.
    const peer = peerOf(socket);
    if (peer !== this.#owner && peer !== 0) {
      socket.destroy();
      return;
    }
    const inTurn = (work: () => void): void => {
      this.#parts.share.run(this.#owner, work).catch(err => {
        connection.destroy();
        this.#parts.log.error({ user: this.#owner }, `cannot read a call: ${messageOf(err)}`);
      });
    };
    const begin = (begun: PacedConnection): unknown => this.#http.emit('connection', begun);
    const connection = new PacedConnection(socket, begin, inTurn);
    connection.limit(HEAD_TIMEOUT_MS);
    this.#connections.set(connection, false);
    connection.once('close', () => this.#connections.delete(connection));
  }

  #calling(app: RequestListener): RequestListener {
    return (request, response) => {
      const connection = request.socket as unknown as PacedConnection;
      // Node lets HTTP/1.0 have more than it is told.
      if (this.#connections.get(connection) !== false) {
        connection.destroy();
        return;
      }
      this.#connections.set(connection, true);
      response.setHeader('Connection', 'close');
      connection.limit(REQUEST_TIMEOUT_MS);
      request.once('end', () => connection.limit(undefined));
      response.once('finish', () => connection.limit(HEAD_TIMEOUT_MS));
      app(request, response);
    };
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const { mostTaken, withinMs } = this.#parts.pace ?? PACE;
    this.#parts.log.warn(
      { user: this.#owner },
      `the plugin socket of a user was connected to ${mostTaken} times within ${withinMs / 1000} s: further connections wait; if containers of that user start slowly, find out which of the user's processes connects to it`,
    );
  }
}

function whenClosed(connection: PacedConnection, done: () => void): void {
  if (connection.closed) done();
  else connection.once('close', done);
}

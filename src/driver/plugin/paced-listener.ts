// A unix socket that takes no more connections than there is room and time for: how many come is up to whoever connects.
// The rest waits in the kernel, where it costs nothing, and nothing that was sent is lost. Not here: what is done with a
// connection (user-server.ts).

import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import {
  AF_UNIX,
  bindAndListen,
  close,
  duplicate,
  socket as openSocket,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  unixAddress,
} from '../../../native/libc-sockets.js';

/** Limits for connections. */
export interface Pace {
  /** Open at once. */
  readonly mostOpen: number;
  /** Taken within so many milliseconds. */
  readonly mostTaken: number;
  readonly withinMs: number;
}

/** Connections that wait in the kernel; further ones are told to try again (EAGAIN), or wait, too. */
const BACKLOG = 128;

export class PacedListener {
  readonly #pace: Pace;
  readonly #connected: (socket: Socket) => void;
  /** Called when as many came as are taken within the time. */
  readonly #exceeded: () => void;
  /** What Node polls: closed, and opened again, with descriptors of the one socket. */
  readonly #server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  #path = '';
  #fd: number | undefined;
  #open = 0;
  #taken = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(pace: Pace, connected: (socket: Socket) => void, exceeded: () => void) {
    this.#pace = pace;
    this.#connected = connected;
    this.#exceeded = exceeded;
    this.#server.on('connection', (socket: Socket) => this.#take(socket));
    // For instance, no descriptors are left.
    this.#server.on('error', () => this.#pause());
  }

  /** Listens on a path, with a socket that only its owner may use. @throws OpError */
  listen(path: string): void {
    const fd = openSocket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const umask = process.umask(0o177);
    try {
      bindAndListen(fd, unixAddress(path), path, BACKLOG);
    } catch (err) {
      close(fd);
      throw err;
    } finally {
      process.umask(umask);
    }
    this.#path = path;
    this.#fd = fd;
    this.#resume();
  }

  /** Stops listening, and unlinks the socket, both before it returns. Connections that are open stay. */
  close(): void {
    if (this.#fd === undefined) return;
    clearTimeout(this.#timer);
    this.#server.close();
    close(this.#fd);
    this.#fd = undefined;
    rmSync(this.#path, { force: true });
  }

  #take(socket: Socket): void {
    this.#open++;
    socket.once('close', () => {
      this.#open--;
      this.#resume();
    });
    this.#taken++;
    if (this.#isFull()) {
      this.#pause();
      if (this.#taken >= this.#pace.mostTaken) this.#exceeded();
    }
    this.#renewLater();
    this.#connected(socket);
  }

  /** libuv takes one connection after the other, without an end, while this is open. */
  #pause(): void {
    this.#server.close();
    this.#renewLater();
  }

  #renewLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#taken = 0;
      this.#resume();
    }, this.#pace.withinMs);
  }

  #isFull(): boolean {
    return this.#open >= this.#pace.mostOpen || this.#taken >= this.#pace.mostTaken;
  }

  #resume(): void {
    if (this.#fd === undefined || this.#server.listening || this.#isFull()) return;
    try {
      this.#server.listen({ fd: duplicate(this.#fd) });
    } catch {
      this.#pause();
    }
  }
}

// Connections to netfilter for one question each, in the namespace of the calling thread. What holds a socket there is
// let go later, because closing one waits until the kernel has destroyed what a transaction took away. Not here: what is
// asked.

import {
  type AnswerLimits,
  type Connection,
  type ConnectionOpener,
  DUMP_BUFFER_BYTES,
  GUARDED,
} from '../netlink/connection.js';
import { NETLINK_NETFILTER } from './messages.js';

/** The kernel has destroyed by then what a transaction took away. */
const RELEASE_AFTER_MS = 50;
/**
 * At most this many wait to be closed; beyond it the oldest are closed in one batch, so that at most one close blocks.
 * Each is a socket, and a context of some 150 KB beside it.
 */
const RELEASE_BEYOND = 32;
const RELEASE_LOT = 24;

export class NetfilterSockets {
  readonly #connect: ConnectionOpener;
  readonly #buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES);
  /** Oldest first. */
  readonly #held: { readonly release: () => void; readonly until: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(connect: ConnectionOpener) {
    this.#connect = connect;
  }

  /** Lets go at once of what is still held. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#release(this.#held.length);
  }

  /** Asks on a connection that is of no use afterwards. @throws OpError, and whatever the question throws */
  ask<T>(question: (connection: Connection) => T, limits: AnswerLimits = GUARDED): T {
    const connection = this.#connect(NETLINK_NETFILTER, { buffer: this.#buffer, limits });
    try {
      return question(connection);
    } finally {
      // Nothing was taken away of late: there is nothing that the kernel would have to wait for.
      if (this.#held.length === 0) connection.close();
      else this.releaseLater(() => connection.close());
    }
  }

  /** Lets go of what holds a socket, when nobody has to wait for it. */
  releaseLater(release: () => void): void {
    this.#held.push({ release, until: performance.now() + RELEASE_AFTER_MS });
    if (this.#held.length > RELEASE_BEYOND) this.#release(RELEASE_LOT);
    this.#timer ??= setTimeout(() => this.#tick(), RELEASE_AFTER_MS);
  }

  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    const young = this.#held.findIndex(({ until }) => until > now);
    this.#release(young < 0 ? this.#held.length : young);
    const [oldest] = this.#held;
    if (oldest) this.#timer = setTimeout(() => this.#tick(), oldest.until - now);
  }

  #release(count: number): void {
    for (const { release } of this.#held.splice(0, count)) release();
  }
}

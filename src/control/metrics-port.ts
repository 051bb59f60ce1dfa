// The TCP port on which Prometheus scrapes, where one was asked for: the metrics, and the page where that was asked for, too.
// Whoever reaches it may read them. Not here: the metrics (metrics.ts), what a flag's value may be (cli/settings/flag-values.ts).

import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { errorCode, messageOf, UserError } from '../base/errors.js';
import { formatMetricsAddress, type MetricsAddress } from './metrics-address.js';

const LIMITS = {
  keepAliveTimeout: 1_000,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 8 * 1024,
};
/** Prometheus needs one connection; others are closed as they come. */
const MAX_CONNECTIONS = 8;
/** How long a scrape waits for its turn, in milliseconds: asking in a loop is no faster. */
const PAUSE_MS = 25;
/** How long an answer may take to be read, in milliseconds. */
const IDLE_MS = 10_000;

export class MetricsPort {
  readonly #server: Server;
  /** Scrapes that wait for their turn, in order: those whose client still waits. */
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(app: RequestListener, maxConnections: number) {
    const asked = new WeakSet<Socket>();
    this.#server = createServer(LIMITS, (request, response) => {
      const { socket } = request;
      // One each: who sends thousands at once would keep all others waiting.
      if (asked.has(socket)) {
        socket.destroy();
        return;
      }
      asked.add(socket);
      response.shouldKeepAlive = false;
      const answer = (): void => app(request, response);
      this.#waiting.add(answer);
      socket.once('close', () => this.#waiting.delete(answer));
      this.#timer ??= setTimeout(() => this.#next(), 0);
    });
    this.#server.maxConnections = maxConnections;
    this.#server.setTimeout(IDLE_MS);
  }

  /** @throws UserError when the address cannot be had */
  static async open(
    app: RequestListener,
    { host, port }: MetricsAddress,
    maxConnections = MAX_CONNECTIONS,
  ): Promise<MetricsPort> {
    const opened = new MetricsPort(app, maxConnections);
    await new Promise<void>((resolve, reject) => {
      opened.#server.once('error', err => reject(refuse(err, { host, port })));
      opened.#server.listen({ host, port }, () => {
        opened.#server.removeAllListeners('error');
        // For instance, no descriptors are left: one that is not taken may try again.
        opened.#server.on('error', () => undefined);
        resolve();
      });
    });
    return opened;
  }

  /** The port that was taken, where 0 was asked for. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  #next(): void {
    this.#timer = undefined;
    const [first] = this.#waiting;
    if (!first) return;
    this.#waiting.delete(first);
    this.#timer = setTimeout(() => this.#next(), PAUSE_MS);
    first();
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

function refuse(err: unknown, { host, port }: MetricsAddress): UserError {
  const why =
    errorCode(err) === 'EADDRINUSE'
      ? 'another program listens there: give --metrics another port'
      : `${messageOf(err)}: give --metrics an address of this host, and a port`;
  return new UserError(`cannot listen on ${formatMetricsAddress({ host, port })}: ${why}`, {
    cause: err,
  });
}

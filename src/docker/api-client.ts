// The client of Docker's API, and a stream of events that is reopened whenever it ends.
// Not here: what is asked (driver/lifecycle/docker-networks.ts, labels/discovery/containers.ts).

import { Agent, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as yieldToLoop } from 'node:timers/promises';
import { inspect } from 'node:util';
import type Dockerode from 'dockerode';
import type { DockerOptions } from 'dockerode';
import { backoffMs } from '../base/backoff.js';
import { withDeadline } from '../base/deadline.js';
import { type DockerHost, formatDockerHost } from './docker-host.js';
import { listParts } from './json-list.js';
import { FORBIDDEN, openAnswer, parseAnswer, readLines, textOf, withQuery } from './request.js';
import { parseUserJson } from './user-json.js';

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5_000;
/** The longest pause between two attempts to open a user's event stream. */
const MAX_DELAY_FOR_USER_MS = 60_000;
const MIB = 1024 * 1024;
/** Maximum size of an answer and of an event, in bytes. A listing takes some 3 KiB for each container. */
const MAX_BYTES = 64 * MIB;
/** A user's networks are few, and a network with 1024 endpoints takes some 300 KiB; JSON may take 50 times its length. */
const MAX_BYTES_OF_USER = MIB / 2;
/** How long the event loop may be blocked by a long answer at a time, in milliseconds. */
const MAX_BLOCK_MS = 4;
/** How long Docker may take to open a stream, in milliseconds. */
const OPEN_TIMEOUT_MS = 30_000;

/** The options of one call to docker-modem. */
type Dialled = (err: unknown, body?: unknown) => void;

/** Filters of `GET /events`: for each name, the accepted values. */
type EventFilters = Readonly<Record<string, readonly string[]>>;

/** The callbacks of an event stream. */
export interface EventListener {
  /** Events come from now on; what happened before is not told. */
  up(): void;
  /** One event, as Docker's JSON. */
  event?(event: unknown): void;
  /** The line of an event, which is not parsed: for a user's, of which a stream may hold no more than an answer. */
  line?(line: string): void;
  /** Docker cannot be reached, or went away for more than an instant; called once until it is up again. */
  down?(err: unknown): void;
}

/** Docker has not answered in time: it may hang as a whole, or on one container. */
export class TimeoutError extends Error {
  override name = 'TimeoutError';
  constructor(within: number) {
    super(`no answer from Docker within ${within} ms`);
  }
}

/** A user's Docker, which may be anything. */
export interface UserDocker {
  /** A connection whose other end is that user. */
  connect(): Promise<Socket>;
  /** Runs what reads an answer, when it is that user's turn. */
  read<T>(parse: () => T): Promise<T>;
}

export class DockerApi {
  readonly #closing = new AbortController();
  readonly #underWay = new Set<AbortController>();
  /** As Node's global one, but ours to end. */
  readonly #agent = quietAgent();
  #client: Promise<Dockerode> | undefined;

  readonly #at: DockerHost;
  readonly #user: UserDocker | undefined;
  /** Of an answer and of an event, in bytes. */
  readonly #most: number;
  readonly #isBrief: boolean;

  /**
   * @param at where Docker's API is
   * @param user where the socket is a user's: it is asked without dockerode, within narrower bounds
   * @param isBrief for a command: dockerode would take longer to load than all answers
   */
  constructor(at: DockerHost, user?: UserDocker, isBrief = false) {
    this.#isBrief = isBrief;
    this.#at = at;
    this.#user = user;
    this.#most = user ? MAX_BYTES_OF_USER : MAX_BYTES;
  }

  /** Where it is, for the log: `unix:///path` or `tcp://host:port`. */
  get name(): string {
    return formatDockerHost(this.#at);
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Ends what is under way, too; nothing can be asked any more. */
  close(): void {
    this.#closing.abort();
    for (const ending of this.#underWay) ending.abort(new Error('closed'));
    this.#agent.destroy();
  }

  /**
   * What Docker answers to a GET.
   * @param path of Docker's API, such as `/containers/json`
   * @param within milliseconds
   * @param query an object stands for its JSON
   * @throws Error when Docker cannot be asked, refuses (with its `statusCode`), or goes away in mid-answer; TimeoutError
   */
  get<T>(path: string, within: number, query: Readonly<Record<string, boolean | object>> = {}): Promise<T> {
    return this.#inTime(within, async signal => {
      const text = await textOf(await this.#dial(path, query, signal), this.#most);
      return this.#user ? this.#user.read(() => parseAnswer<T>(text, parseUserJson)) : parseAnswer<T>(text);
    });
  }

  /**
   * A long list, read with the event loop free in between. Throws as `get` does.
   * @param read a part of it; throws DecodeError
   */
  list<T>(
    path: string,
    within: number,
    read: (part: unknown) => readonly T[],
    query: Readonly<Record<string, boolean | object>> = {},
  ): Promise<T[]> {
    return this.#inTime(within, async signal => {
      const text = await textOf(await this.#dial(path, query, signal), this.#most);
      const found: T[] = [];
      const parts = listParts(text);
      let began = performance.now();
      for (;;) {
        const { done, value } = parseAnswer<IteratorResult<unknown, void>>(text, () => parts.next());
        if (done) return found;
        for (const one of read(value)) found.push(one);
        if (performance.now() - began < MAX_BLOCK_MS) continue;
        await yieldToLoop();
        began = performance.now();
      }
    });
  }

  /**
   * Listens for ever, until closed: whenever the stream ends it is opened again, with a back-off that only a stream of
   * some length resets.
   */
  async listen(filters: EventFilters, listener: EventListener): Promise<void> {
    const { signal } = this.#closing;
    const longest = this.#user ? MAX_DELAY_FOR_USER_MS : MAX_DELAY_MS;
    // Without a callback for events the stream is almost silent, so its whole length is bounded.
    const bounds = { line: this.#most, all: listener.event ? Number.POSITIVE_INFINITY : this.#most };
    const limits = { firstMs: FIRST_DELAY_MS, longestMs: longest };
    let attempts = 0;
    let isDown = false;
    while (!signal.aborted) {
      let failure: unknown;
      let hasEnded = false;
      let opened = Number.POSITIVE_INFINITY;
      try {
        const stream = await this.#open(filters);
        opened = performance.now();
        isDown = false;
        listener.up();
        await readLines(stream, bounds, line =>
          listener.line ? listener.line(line) : listener.event?.(parseAnswer(line)),
        );
        hasEnded = true;
        failure = new Error('its events ended');
      } catch (err) {
        failure = err;
      }
      const wasLong = performance.now() - opened > MAX_DELAY_MS;
      if (wasLong) attempts = 0;
      if (signal.aborted) return;
      // A proxy ends a stream on which nothing has come for some minutes; if Docker is gone, the next attempt tells.
      if (!isDown && !(wasLong && hasEnded)) {
        isDown = true;
        listener.down?.(failure);
      }
      await sleep(backoffMs(++attempts, limits), undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #dockerode(socketPath: string): Promise<Dockerode> {
    // Loaded at the first use: it is a third of all that the daemon loads, and nothing waits for it.
    this.#client ??= import('./dockerode.js').then(({ loadDockerode }) => {
      const Docker = loadDockerode();
      const client = new Docker({ socketPath, agent: this.#agent } as DockerOptions);
      // docker-modem's own dial() follows redirects to any host, as root, and throws asynchronously, where nothing can
      // catch it, at a redirect to an unknown scheme.
      Object.assign(client.modem, {
        buildRequest: (options: RequestOptions, _: unknown, _data: unknown, done: Dialled) => {
          openAnswer({ ...options, socketPath }).then(body => done(null, body), done);
        },
      });
      return client;
    });
    return this.#client;
  }

  #open(filters: EventFilters): Promise<IncomingMessage> {
    return this.#inTime(OPEN_TIMEOUT_MS, signal => this.#dial('/events', { filters }, signal));
  }

  /** The body of Docker's answer. */
  async #dial(path: string, query: object, signal: AbortSignal): Promise<IncomingMessage> {
    if (this.#user) return this.#askUser(this.#user, path, query, signal);
    // docker-modem would take a scheme, a path prefix and certificates from the environment.
    if (this.#isBrief || 'host' in this.#at)
      return openAnswer({ ...this.#at, path: withQuery(path, query), signal, agent: this.#agent });
    const { modem } = await this.#dockerode(this.#at.socketPath);
    // docker-modem modifies its argument.
    const options = { ...query };
    return new Promise((resolve, reject) => {
      modem.dial(
        { path: `${path}?`, method: 'GET', options, abortSignal: signal, isStream: true, statusCodes: {} },
        (err: unknown, body: unknown) => (err ? reject(err) : resolve(body as IncomingMessage)),
      );
    });
  }

  async #askUser(
    user: UserDocker,
    path: string,
    query: object,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const socket = await user.connect();
    try {
      return await openAnswer({ path: withQuery(path, query), signal, createConnection: () => socket });
    } catch (err) {
      socket.destroy();
      throw err;
    }
  }

  /** Settles in time whatever becomes of the work, and at once when this is closed; the work is told, too. */
  async #inTime<T>(within: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const { signal } = ending;
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    const late = (): Error => {
      ending.abort(new TimeoutError(within));
      return signal.reason;
    };
    this.#underWay.add(ending);
    try {
      return await withDeadline(Promise.race([work(signal), ended]), within, late);
    } finally {
      this.#underWay.delete(ending);
    }
  }
}

/** Docker's answer; undefined for a 404. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (err) {
    if ((err as { statusCode?: number }).statusCode === 404) return undefined;
    throw err;
  }
}

/** Whether a proxy in front of Docker, or Docker itself, does not let the question through. */
export function isForbidden(err: unknown): boolean {
  return (err as { statusCode?: number }).statusCode === FORBIDDEN;
}

/** docker-modem formats all options of every call for a debug log; with sockets inside, that takes milliseconds. */
export function quietAgent(): Agent {
  const options = { keepAlive: true, timeout: 5_000 };
  return Object.assign(new Agent(options), { [inspect.custom]: () => 'Agent' });
}

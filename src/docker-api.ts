// The way to Docker's API for whoever reads from it: the client, and a stream of events that is opened again for ever.
// Not here: what is asked (driver/docker.ts, labels/containers.ts).

import { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import type Dockerode from 'dockerode';
import type { DockerOptions } from 'dockerode';

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
/** How long Docker may take to open a stream, in milliseconds. */
const OPENED_WITHIN = 30_000;

/** Filters of `GET /events`: each name with the values of which one must match. */
export type EventFilters = Readonly<Record<string, readonly string[]>>;

/** Who listens to events. */
export interface EventListener {
  /** Events come from now on; what happened before is not told. */
  up(): void;
  /** One event, as Docker's JSON. */
  event?(event: unknown): void;
  /** Docker cannot be reached, or went away; called once until it is up again. */
  down?(err: unknown): void;
}

/** Docker has not answered in time: it can be stuck, as a whole or with one container. */
export class LateError extends Error {
  override name = 'LateError';
  constructor(within: number) {
    super(`no answer from Docker within ${within} ms`);
  }
}

export class DockerApi {
  readonly #closing = new AbortController();
  readonly #underWay = new Set<AbortController>();
  /** As Node's global one, but ours to end. */
  readonly #agent = quietAgent();
  #client: Promise<Dockerode> | undefined;

  /** @param socketPath of Docker's API, such as /var/run/docker.sock */
  constructor(readonly socketPath: string) {}

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
   * @throws Error when Docker cannot be asked, refuses (with its `statusCode`), or goes away in mid-answer; LateError
   */
  get<T>(path: string, within: number, query: Readonly<Record<string, boolean | object>> = {}): Promise<T> {
    return this.#inTime(within, async signal =>
      JSON.parse(await textOf(await this.#dial(path, query, signal))),
    );
  }

  /** Listens for ever, until closed: whenever the stream ends it is opened again, with back-off. */
  async listen(filters: EventFilters, listener: EventListener): Promise<void> {
    const { signal } = this.#closing;
    let wait = FIRST_WAIT_MS;
    let isDown = false;
    while (!signal.aborted) {
      let failure: unknown;
      try {
        const stream = await this.#open(filters);
        wait = FIRST_WAIT_MS;
        isDown = false;
        listener.up();
        await readLines(stream, line => listener.event?.(JSON.parse(line)));
        failure = new Error('its events ended');
      } catch (err) {
        failure = err;
      }
      if (signal.aborted) return;
      if (!isDown) listener.down?.(failure);
      isDown = true;
      await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  #dockerode(): Promise<Dockerode> {
    // Loaded at the first use: it is half of all that the daemon loads, and nothing waits for it.
    this.#client ??= import('dockerode').then(
      ({ default: Docker }) =>
        new Docker({ socketPath: this.socketPath, agent: this.#agent } as DockerOptions),
    );
    return this.#client;
  }

  #open(filters: EventFilters): Promise<Readable> {
    return this.#inTime(OPENED_WITHIN, signal => this.#dial('/events', { filters }, signal));
  }

  /**
   * The body of Docker's answer. As a stream: of one that breaks off before its end dockerode says nothing at all.
   */
  async #dial(path: string, query: object, abortSignal: AbortSignal): Promise<Readable> {
    const { modem } = await this.#dockerode();
    // It writes into what it is given.
    const options = { ...query };
    return new Promise((resolve, reject) => {
      modem.dial(
        { path: `${path}?`, method: 'GET', options, abortSignal, isStream: true, statusCodes: { 200: true } },
        (err: unknown, body: unknown) => (err ? reject(err) : resolve(body as Readable)),
      );
    });
  }

  /** Settles in time whatever becomes of the work, and at once when this is closed; the work is told, too. */
  async #inTime<T>(within: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController();
    const { signal } = ending;
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    const timer = setTimeout(() => ending.abort(new LateError(within)), within);
    this.#underWay.add(ending);
    try {
      return await Promise.race([work(signal), ended]);
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(ending);
    }
  }
}

/** What Docker answers; undefined where it says that there is no such thing. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (err) {
    if ((err as { statusCode?: number }).statusCode === 404) return undefined;
    throw err;
  }
}

/** A body as a whole. The iterator of `node:stream/consumers` takes longer, with every answer. */
function textOf(body: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.on('end', () => resolve(Buffer.concat(chunks).toString()));
    body.on('error', reject);
  });
}

/** docker-modem prints all options of every call, for a log that nobody reads: sockets in depth are milliseconds. */
export function quietAgent(): Agent {
  const options = { keepAlive: true, timeout: 5_000 };
  return Object.assign(new Agent(options), { [inspect.custom]: () => 'Agent' });
}

/** Resolves when the stream ends; a stream that breaks has ended. */
async function readLines(stream: Readable, take: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest: string[] = [];
  stream.on('data', (chunk: Buffer) => {
    const [first, ...more] = decoder.write(chunk).split('\n');
    rest.push(first!);
    for (const begun of more) {
      const line = rest.join('');
      rest = [begun];
      if (line.trim() === '') continue;
      try {
        take(line);
      } catch (err) {
        stream.destroy(err as Error);
      }
    }
  });
  await new Promise<void>(resolve => {
    stream.on('close', resolve).on('end', resolve).on('error', resolve);
  });
}

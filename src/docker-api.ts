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

export class DockerApi {
  readonly #closing = new AbortController();
  /** As Node's global one, but ours to end. */
  readonly #agent = agent();
  #client: Promise<Dockerode> | undefined;

  /** @param socketPath of Docker's API, such as /var/run/docker.sock */
  constructor(readonly socketPath: string) {}

  /** Ends what is under way, too. */
  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
  }

  client(): Promise<Dockerode> {
    // Loaded at the first use: it is half of all that the daemon loads, and nothing waits for it.
    this.#client ??= import('dockerode').then(
      ({ default: Docker }) =>
        new Docker({ socketPath: this.socketPath, agent: this.#agent } as DockerOptions),
    );
    return this.#client;
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

  async #open(filters: EventFilters): Promise<Readable> {
    const api = await this.client();
    const options = { filters: filters as Record<string, string[]>, abortSignal: this.#closing.signal };
    return (await api.getEvents(options)) as Readable;
  }
}

/** What Docker answers; undefined where it says that there is no such thing. */
export async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (err) {
    if ((err as { statusCode?: number }).statusCode === 404) return undefined;
    throw err;
  }
}

/** docker-modem prints all options of every call, for a log that nobody reads: sockets in depth are milliseconds. */
function agent(): Agent {
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

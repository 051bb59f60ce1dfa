// The way to Docker's API for whoever reads from it: answers as JSON, and a stream of events that is opened again for
// ever. Not here: what is asked (driver/docker.ts, labels/containers.ts).

import { Agent, type IncomingMessage, request } from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';

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

/** Docker has answered that it does not do what was asked. */
class RefusedError extends Error {
  override name = 'RefusedError';
  constructor(
    readonly statusCode: number,
    reason: string,
  ) {
    super(`Docker answers with status ${statusCode}: ${reason}`);
  }
}

export class DockerApi {
  readonly #closing = new AbortController();
  readonly #underWay = new Set<AbortController>();
  /** As Node's global one, but ours to end. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 5_000 });

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
      JSON.parse(await textOf(await this.#ask(path, query, signal))),
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

  #open(filters: EventFilters): Promise<IncomingMessage> {
    return this.#inTime(OPENED_WITHIN, signal => this.#ask('/events', { filters }, signal));
  }

  /** The answer, its body still to be read. @throws RefusedError */
  async #ask(
    path: string,
    query: Readonly<Record<string, boolean | object>>,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const search = Object.entries(query).map(
      ([name, value]) => `${name}=${encodeURIComponent(JSON.stringify(value))}`,
    );
    const options = {
      socketPath: this.socketPath,
      path: search.length === 0 ? path : `${path}?${search.join('&')}`,
      agent: this.#agent,
      signal,
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(options, resolve).on('error', reject).end();
    });
    const { statusCode = 0 } = response;
    if (statusCode !== 200) throw new RefusedError(statusCode, messageIn(await textOf(response)));
    return response;
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

/** A body as a whole. @throws Error when it breaks off */
function textOf(body: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    body.on('data', (chunk: Buffer) => chunks.push(chunk));
    body.on('end', () => resolve(Buffer.concat(chunks).toString()));
    body.on('error', reject);
  });
}

/** What Docker says against something, `{"message":…}`; what is no such JSON, as it is. */
function messageIn(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message);
  } catch {
    return text;
  }
}

/** Resolves when the stream ends; a stream that breaks has ended. */
async function readLines(stream: IncomingMessage, take: (line: string) => void): Promise<void> {
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

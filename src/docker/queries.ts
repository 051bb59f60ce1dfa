// Questions to Docker as passes ask them. An answer that is refused, broken or late fails alike, and holds up a pass for
// seconds at most: what is late is waited for beside the passes and counts when it comes, what failed is asked for again.
// Not here: the connection (api-client.ts), what is done without an answer (labels/discovery/containers.ts).

import { backoffMs } from '../base/backoff.js';
import { withDeadline } from '../base/deadline.js';
import { ClosedError, messageOf } from '../base/errors.js';
import { type DockerApi, TimeoutError } from './api-client.js';
import { brokenAlike } from './request.js';

/** How long a pass waits for an answer, in milliseconds, and how many times shorter for another one after one was late. */
const [PATIENCE_MS, IMPATIENCE] = [3_000, 10] as const;
/** After so long, in milliseconds, a question that was late is given up, and asked anew. */
const GIVEN_UP_MS = 30_000;
const RETRY_LIMITS = { firstMs: 250, longestMs: 30_000 };
/** The listing of containers, without which there is no pass: whoever runs the passes asks again. */
export const LISTING = '/containers/json';

/** One that is under way, or was late. */
interface Query {
  readonly answer: Promise<unknown>;
  isLate: boolean;
  isSettled: boolean;
  /** Whether a pass has begun since it was settled. */
  isOld: boolean;
}

export class Queries {
  readonly #api: DockerApi;
  readonly #patience: number;
  /** By path. */
  readonly #queries = new Map<string, Query>();
  /** Paths of those that failed when they were asked last. */
  #failing = new Set<string>();
  #attempts = 0;
  #retry: NodeJS.Timeout | undefined;
  #isDue = false;
  #wake: (() => void) | undefined;
  /** Whether an answer was late in this pass. */
  #isHanging = false;

  /** @param patience milliseconds that a pass waits for an answer */
  constructor(api: DockerApi, patience: number = PATIENCE_MS) {
    this.#patience = patience;
    this.#api = api;
  }

  /** Calls back whenever an answer came that was late, or it is time to ask again for what failed. */
  listen(wake: () => void): void {
    this.#wake = wake;
  }

  /** Begins a pass. Whether what failed is to be asked for again. */
  begin(): boolean {
    const isDue = this.#isDue;
    this.#isDue = false;
    this.#isHanging = false;
    // What the pass before did not ask for, nobody waits for.
    for (const [path, query] of this.#queries) {
      if (query.isOld) this.#queries.delete(path);
      query.isOld = query.isSettled;
    }
    return isDue;
  }

  /** Has the path asked anew, even if its answer is still to come. */
  forget(path: string): void {
    this.#queries.delete(path);
  }

  /** Drops what is kept for paths of which nobody will ask again: answers that were late, and that one failed. */
  dropAll(isGone: (path: string) => boolean): void {
    for (const known of [this.#queries, this.#failing])
      for (const path of known.keys()) if (isGone(path)) known.delete(path);
  }

  /**
   * What Docker answers. The same question is asked once at a time.
   * @param read throws DecodeError for what is no such answer
   * @throws ClosedError; TimeoutError, at once where it is late already; BrokenError; the error of `read` or of the API
   */
  async get<T>(path: string, read: (answer: unknown) => T): Promise<T> {
    const ask = (): Promise<unknown> => this.#api.get(path, GIVEN_UP_MS);
    return this.#answer(path, async () => read(await this.#inTime(path, ask)));
  }

  /**
   * The containers in the same way: there may be thousands.
   * @param read a part of the list
   * @param ids absent: all of them
   */
  async listing<T>(read: (part: unknown) => readonly T[], ids?: readonly string[]): Promise<readonly T[]> {
    const query = { all: true, ...(ids && { filters: { id: ids } }) };
    const ask = (): Promise<unknown> => this.#api.list(LISTING, GIVEN_UP_MS, read, query);
    const what = ids ? `${LISTING} ${ids.join(' ')}` : LISTING;
    return this.#answer(LISTING, async () => (await this.#inTime(what, ask)) as readonly T[]);
  }

  async #answer<T>(path: string, answered: () => Promise<T>): Promise<T> {
    try {
      const answer = await answered();
      this.#failing.delete(path);
      return answer;
    } catch (err) {
      if (this.#api.isClosed) throw new ClosedError(messageOf(err));
      const failure = this.#plainFailure(err);
      const isGone = (failure as { statusCode?: number }).statusCode === 404;
      const isAwaited = this.#queries.has(path);
      if (isGone) this.#failing.delete(path);
      if (path !== LISTING && !isGone && !isAwaited) this.#retryLater(path);
      throw failure;
    }
  }

  #ask(path: string, answer: Promise<unknown>): Query {
    const asked: Query = { answer, isLate: false, isSettled: false, isOld: false };
    const settle = (): void => {
      asked.isSettled = true;
      if (this.#queries.get(path) !== asked) return;
      if (asked.isLate) this.#due();
      else this.#queries.delete(path);
    };
    this.#queries.set(path, asked);
    answer.then(settle, settle);
    return asked;
  }

  async #inTime(path: string, ask: () => Promise<unknown>): Promise<unknown> {
    const asked = this.#queries.get(path) ?? this.#ask(path, ask());
    if (asked.isSettled) {
      this.#queries.delete(path);
      // It may lack what events have named since it was asked for.
      if (path === LISTING) this.#due();
      return asked.answer;
    }
    if (asked.isLate) throw new TimeoutError(this.#patience);
    const within = this.#isHanging ? this.#patience / IMPATIENCE : this.#patience;
    return withDeadline(asked.answer, within, () => {
      asked.isLate = true;
      this.#isHanging = true;
      return new TimeoutError(this.#patience);
    });
  }

  /** With a back-off, which begins anew with each question that did not fail before. */
  #retryLater(path: string): void {
    if (!this.#failing.has(path)) {
      this.#failing.add(path);
      this.#attempts = 0;
      clearTimeout(this.#retry);
      this.#retry = undefined;
    }
    this.#retry ??= setTimeout(
      () => {
        this.#retry = undefined;
        this.#due();
      },
      backoffMs(++this.#attempts, RETRY_LIMITS),
    ).unref();
  }

  #due(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  /** One text for what has one cause. */
  #plainFailure(err: unknown): unknown {
    if (err instanceof TimeoutError) return new TimeoutError(this.#patience);
    return brokenAlike(err);
  }
}

// Operations on users' files, which may block for ever: one at a time for each user, with a time limit, and on few
// threads of libuv's pool. A user whose operation times out is refused for a while. What hangs keeps its thread, but not the
// turn of another user, until half of the pool hangs. Not here: what the work is (user-files.ts).

import { backoffMs } from '../../base/backoff.js';
import { withDeadline } from '../../base/deadline.js';
import { UserError } from '../../base/errors.js';
import { poolThreads } from './thread-pool.js';

const WITHIN_MS = 2_000;
/** Works of all users that have their turn at once: most take milliseconds, and each has memory for a thread. */
const AT_ONCE = 2;
/** After so many milliseconds a work has lost its turn, and hangs: before the time limit that comes to pass three times. */
const TURN_MS = 500;
/** How long a user is refused after a time-out. */
const PAUSE_LIMITS = { firstMs: 5_000, longestMs: 300_000 };
/** Operations of one user that may wait for their turn. */
const MOST_WAITING = 16;

interface User {
  /** Settles when all that was given so far has ended. */
  last: Promise<unknown>;
  /** Under way or waiting. */
  count: number;
  /** When they are listened to again, by performance.now(). */
  until: number;
  /** How many they had; once late, they are remembered. */
  timeouts: number;
}

export class UserOperations {
  readonly #users = new Map<number, User>();
  readonly #waiting: (() => void)[] = [];
  readonly #within: number;
  readonly #turnMs: number;
  readonly #most: number;
  #turns = AT_ONCE;
  #underWay = 0;

  /**
   * @param within milliseconds that a work may take, with the wait for its turn
   * @param turnMs milliseconds after which another one has its turn
   * @param most works under way at once, those that hang included: half of libuv's threads, which gives the other half to
   * names, and of these half to users' (driver/tunnel/endpoint-resolver.ts)
   */
  constructor(
    within = WITHIN_MS,
    { turnMs = TURN_MS, most = Math.max(1, poolThreads(process.env.UV_THREADPOOL_SIZE) >> 1) } = {},
  ) {
    this.#within = within;
    this.#turnMs = turnMs;
    this.#most = most;
  }

  /**
   * Runs the work when all that was given for this user before has ended.
   * @param work is told whether it is too late, and nobody waits for it any more: then it begins nothing new
   * @throws UserError when it does not end in time, or the user is given up for now; whatever the work throws
   */
  async run<T>(uid: number, work: (isLate: () => boolean) => Promise<T>): Promise<T> {
    const user = this.#user(uid);
    if (performance.now() < user.until || user.count >= MOST_WAITING) throw refusal();
    user.count++;
    let isStarted = false;
    let isLate = false;
    const result = user.last.then(async () => {
      try {
        const end = await this.#turn();
        try {
          if (isLate) throw refusal();
          isStarted = true;
          return await work(() => isLate);
        } finally {
          end();
        }
      } finally {
        user.count--;
        this.#forget(uid, user);
      }
    });
    user.last = result.catch(() => undefined);
    return withDeadline(result, this.#within, () => {
      isLate = true;
      if (isStarted) this.#giveUp(user);
      return refusal();
    });
  }

  #giveUp(user: User): void {
    user.until = performance.now() + backoffMs(++user.timeouts, PAUSE_LIMITS);
  }

  #user(uid: number): User {
    let user = this.#users.get(uid);
    if (!user) {
      user = { last: Promise.resolve(), count: 0, until: 0, timeouts: 0 };
      this.#users.set(uid, user);
    }
    return user;
  }

  /** Forgets a user who has no operation under way and was never late. */
  #forget(uid: number, user: User): void {
    if (user.count === 0 && user.timeouts === 0) this.#users.delete(uid);
  }

  /** Waits for a turn. @returns to be called when the work has ended */
  async #turn(): Promise<() => void> {
    await new Promise<void>(resolve => {
      this.#waiting.push(resolve);
      this.#next();
    });
    let hasTurn = true;
    const passOn = (): void => {
      if (hasTurn) this.#turns++;
      hasTurn = false;
      this.#next();
    };
    const timer = setTimeout(passOn, this.#turnMs).unref();
    return () => {
      clearTimeout(timer);
      this.#underWay--;
      passOn();
    };
  }

  #next(): void {
    if (this.#turns === 0 || this.#underWay >= this.#most) return;
    const begin = this.#waiting.shift();
    if (!begin) return;
    this.#turns--;
    this.#underWay++;
    begin();
  }
}

function refusal(): UserError {
  return new UserError('a file system does not answer in time: try again later', { code: 'ETIMEDOUT' });
}

// The share of the event loop that users other than root have: what they ask for begins one at a time, users in turn,
// and after each follows a rest in proportion to the time that it took. Not here: what they ask for, how much of it may
// wait (driver/plugin/http.ts).

import { performance } from 'node:perf_hooks';
import { setTimeout as sleep, setImmediate as turnsEnd } from 'node:timers/promises';
import { RoundRobin } from './round-robin.js';

/** A rest is so many times as long as the event loop was at work before it, and no longer than so many milliseconds. */
interface Rest {
  readonly times: number;
  readonly mostMs: number;
  /** How long work that waits for something keeps its turn, in milliseconds; what it does later is on no account. */
  readonly turnMs: number;
}

/** Calls have a fifth of the time. */
export const REST_OF_CALLS: Rest = { times: 4, mostMs: 1_000, turnMs: 50 };
/** Answers of users' Dockers are read in a hundredth: nobody waits for what follows from them. Reading waits for nothing. */
const REST_OF_ANSWERS: Rest = { times: 99, mostMs: 10_000, turnMs: 0 };

export class LoopShare {
  readonly #turns = new RoundRobin();
  readonly #rest: Rest;
  readonly #wait: (ms: number) => Promise<unknown>;

  /** @param wait for some milliseconds */
  constructor(rest: Rest, wait: (ms: number) => Promise<unknown> = ms => sleep(ms)) {
    this.#rest = rest;
    this.#wait = wait;
  }

  /**
   * Begins the work when it is the user's turn; root's at once. What others do meanwhile makes the rest longer: when there
   * is much to do, users come last.
   * @returns what comes of the work
   */
  run<T>(user: number, work: () => T | Promise<T>): Promise<T> {
    if (user === 0) return begin(work);
    return new Promise((resolve, reject) => {
      const turn = async (): Promise<void> => {
        const { times, mostMs, turnMs } = this.#rest;
        const before = performance.eventLoopUtilization();
        const done = begin(work);
        done.then(resolve, reject);
        await within(turnMs, done);
        await turnsEnd();
        const { active } = performance.eventLoopUtilization(before);
        await this.#wait(Math.min(active * times, mostMs));
      };
      void this.#turns.run(user, turn);
    });
  }
}

async function begin<T>(work: () => T | Promise<T>): Promise<T> {
  return work();
}

/** Waits for the work to end, well or not, for at most that many milliseconds. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const ended = work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([ended, late]);
  clearTimeout(timer);
}

/** Answers of one user that wait to be read: their Docker is asked four questions at a time. */
const MOST_WAITING = 8;

/** Reads what users' Dockers answer: after each reading that user has to rest, and no other. */
export class AnswerShares {
  readonly #users = new Map<number, { readonly share: LoopShare; waiting: number }>();

  /** @throws Error where too many replies of the user's Docker are pending */
  async run<T>(user: number, parse: () => T): Promise<T> {
    const known = this.#users.get(user) ?? { share: new LoopShare(REST_OF_ANSWERS), waiting: 0 };
    this.#users.set(user, known);
    if (known.waiting >= MOST_WAITING) throw new Error('too many pending replies');
    known.waiting++;
    try {
      return await known.share.run(user, parse);
    } finally {
      known.waiting--;
    }
  }
}

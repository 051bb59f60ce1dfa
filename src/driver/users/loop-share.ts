// The share of the event loop that users other than root have: what they ask for begins one at a time, users in turn,
// and after each follows a rest in proportion to the time that it took. Not here: what they ask for, how much of it may
// wait (driver/plugin/http.ts).

import { setTimeout as sleep, setImmediate as turnsEnd } from 'node:timers/promises';
import { RoundRobin } from './round-robin.js';

/** A rest is so many times as long as what was before it, and no longer than so many milliseconds. */
interface Rest {
  readonly times: number;
  readonly mostMs: number;
}

/** Calls have a fifth of the time. */
export const REST_OF_CALLS: Rest = { times: 4, mostMs: 1_000 };
/** Answers of users' Dockers are read in a hundredth: nobody waits for what follows from them. */
export const REST_OF_ANSWERS: Rest = { times: 99, mostMs: 10_000 };

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
   * Begins the work when it is the user's turn. Only what it does before it waits for anything takes up the turn.
   * @returns what comes of the work
   */
  run<T>(user: number, work: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const turn = async (): Promise<void> => {
        const begun = performance.now();
        void (async () => work())().then(resolve, reject);
        await turnsEnd();
        const { times, mostMs } = this.#rest;
        await this.#wait(Math.min((performance.now() - begun) * times, mostMs));
      };
      void this.#turns.run(user, turn);
    });
  }
}

/** Answers of one user that wait to be read: his Docker is asked four questions at a time. */
const MOST_WAITING = 8;

/** The reading of what users' Dockers answer: each rests for himself, and others go on. */
export class AnswerShares {
  readonly #users = new Map<number, { readonly share: LoopShare; waiting: number }>();

  /** @throws Error where too many answers of the user wait */
  async run<T>(user: number, parse: () => T): Promise<T> {
    const known = this.#users.get(user) ?? { share: new LoopShare(REST_OF_ANSWERS), waiting: 0 };
    this.#users.set(user, known);
    if (known.waiting >= MOST_WAITING) throw new Error('too many answers of this Docker wait to be read');
    known.waiting++;
    try {
      return await known.share.run(user, parse);
    } finally {
      known.waiting--;
    }
  }
}

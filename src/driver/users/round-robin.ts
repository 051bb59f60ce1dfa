// A queue that runs one task at a time and serves users in turn, so that a user with many tasks delays only themselves.
// Not here: time limits, tasks that are ordered by their subject (base/keyed-queue.ts).

import { addTo } from '../../base/group-by.js';

export class RoundRobin {
  /** Waiting tasks by user; the user whose turn is next stands first. */
  readonly #waiting = new Map<number, (() => Promise<void>)[]>();
  #isBusy = false;

  /** Runs the work when it is the user's turn, after all that was given before for the same user. */
  run<T>(user: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const job = (): Promise<void> => work().then(resolve, reject);
      addTo(this.#waiting, user, job);
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let job = this.#next(); job; job = this.#next()) await job();
    this.#isBusy = false;
  }

  #next(): (() => Promise<void>) | undefined {
    for (const [user, [job, ...rest]] of this.#waiting) {
      this.#waiting.delete(user);
      if (rest.length > 0) this.#waiting.set(user, rest);
      return job;
    }
    return undefined;
  }
}

// A queue that runs few tasks at a time and serves users in turn, so that a user with many tasks delays only themselves.
// Not here: time limits, tasks that are ordered by their subject (base/keyed-queue.ts).

import { addTo } from '../../base/group-by.js';

export class RoundRobin {
  /** Waiting tasks by user; the user whose turn is next stands first. */
  readonly #waiting = new Map<number, (() => Promise<void>)[]>();
  /** Users who have a task under way. */
  readonly #busy = new Set<number>();
  readonly #atOnce: number;

  /** @param atOnce tasks under way at once, each of another user */
  constructor(atOnce = 1) {
    this.#atOnce = atOnce;
  }

  /** Runs the work when it is the user's turn, after all that was given before for the same user. */
  run<T>(user: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const job = (): Promise<void> => work().then(resolve, reject);
      addTo(this.#waiting, user, job);
      this.#work();
    });
  }

  #work(): void {
    for (const [user, queue] of this.#waiting) {
      if (this.#busy.size >= this.#atOnce) return;
      if (!this.#busy.has(user)) this.#begin(user, queue);
    }
  }

  #begin(user: number, queue: (() => Promise<void>)[]): void {
    const job = queue.shift()!;
    // Who has more to do comes last.
    this.#waiting.delete(user);
    if (queue.length > 0) this.#waiting.set(user, queue);
    this.#busy.add(user);
    void job().then(() => {
      this.#busy.delete(user);
      this.#work();
    });
  }
}

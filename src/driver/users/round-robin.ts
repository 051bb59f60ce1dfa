// A queue that runs one task at a time and serves users in turn, so that a user with many tasks delays only himself.
// Not here: time limits, tasks that are ordered by their subject (base/keyed-queue.ts).

export class RoundRobin {
  /** Waiting tasks by user; the user whose turn is next stands first. */
  readonly #waiting = new Map<number, (() => Promise<void>)[]>();
  #isBusy = false;

  /** Runs the work when it is the user's turn, after all that was given before for the same user. */
  run<T>(user: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const job = (): Promise<void> => work().then(resolve, reject);
      const queue = this.#waiting.get(user);
      if (queue) queue.push(job);
      else this.#waiting.set(user, [job]);
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

// One thing at a time for all users together, each user in turn: who asks for much waits for himself. Not here: time
// limits, things that wait for each other by subject (keyed-queue.ts).

export class RoundRobin {
  /** What waits, by user; whose turn it is stands first. */
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

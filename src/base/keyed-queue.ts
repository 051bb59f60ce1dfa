// A queue for each key: tasks with the same key run one after another, in order. Not here: time-outs.

export class KeyedQueue {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** Runs the function after all that was given before under the same key. */
  run<T>(key: string, fn: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(fn);
    const tail = result.catch(() => undefined);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }
}

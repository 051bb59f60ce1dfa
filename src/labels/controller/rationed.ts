// Work that is done at once when it is asked for, and yet takes no more than a fifth of the time. Not here: what it is.

/** Rests for so many times as long as it took. */
const REST_FACTOR = 4;

export class Rationed {
  readonly #work: () => void;
  #restsUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param work synchronous; never throws */
  constructor(work: () => void) {
    this.#work = work;
  }

  /** While it rests, all that ask for it are served together afterwards. */
  request(): void {
    const wait = this.#restsUntil - performance.now();
    if (wait <= 0) this.#run();
    else this.#timer ??= setTimeout(() => this.#run(), Math.ceil(wait));
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #run(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const began = performance.now();
    this.#work();
    const ended = performance.now();
    this.#restsUntil = ended + (ended - began) * REST_FACTOR;
  }
}

// Work that is done at once when it is asked for, and yet leaves time for others. Not here: what it is.

/** Rests for so many times as long as it took, and no longer than so many milliseconds. */
const [REST_FACTOR, MAX_REST_MS] = [4, 100] as const;

export class Rationed {
  readonly #work: () => void;
  #restsUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param work synchronous; never throws */
  constructor(work: () => void) {
    this.#work = work;
  }

  /** Whether somebody has asked for it and is not served yet. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
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
    this.#restsUntil = ended + Math.min((ended - began) * REST_FACTOR, MAX_REST_MS);
  }
}

// Something that is done again and again while it is wanted, with a pause before each time. Not here: what is done
// (gateway-watch.ts, router-watch.ts).

export class Rounds {
  readonly #round: () => Promise<void>;
  readonly #pause: () => number;
  #isWanted = false;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param round never rejects. @param pause in milliseconds */
  constructor(round: () => Promise<void>, pause: () => number) {
    this.#round = round;
    this.#pause = pause;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  want(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted && !this.#timer) this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = this.#isClosed ? undefined : setTimeout(() => void this.#run(), this.#pause()).unref();
  }

  async #run(): Promise<void> {
    await this.#round();
    this.#timer = undefined;
    if (this.#isWanted) this.#arm();
  }
}

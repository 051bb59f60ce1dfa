// A coalescing runner: one pass at a time; requests that arrive during a pass are folded into a single next one. Not
// here: what a pass does, who asks for one; tasks that run in order (keyed-queue.ts).

export class Coalescer {
  readonly #pass: () => Promise<void>;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** @param pass one pass; what fails in it is its own to report */
  constructor(pass: () => Promise<void>) {
    this.#pass = pass;
  }

  /** Asks for a pass, which begins at once where none is under way. */
  trigger(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  /** Whether another one was asked for since the one under way began. */
  get isPending(): boolean {
    return this.#again;
  }

  /** Whether no pass is under way. */
  get isIdle(): boolean {
    return this.#running === undefined;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Begins no other pass; the one under way ends by itself. */
  close(): void {
    this.#closed = true;
  }

  /** Resolves when no pass is under way. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      await this.#pass();
    }
    this.#running = undefined;
  }
}

// Polls for conditions that cause no event, until they hold: often at first, less often later, with a bounded share of
// time for each user. Not here: what is asked.

/** The first interval: a container's process may start some tens of milliseconds after the condition holds. */
const FAST_STEP_MS = 5;
const FAST_STEPS = 600;
const SLOW_STEP_MS = 50;
const SLOW_STEPS = 1_200;
/** The shortest interval between two polls for one user other than root, however many conditions are waited for. */
const USER_STEP_MS = 25;
/** A slow poll is repeated less often: after this many times its duration. */
const REST = 19;

/** Whether an answer is final. */
export type Progress = 'done' | 'waiting';

interface Wait {
  readonly owner: number;
  steps: number;
  /** How long the last question took, in milliseconds. */
  took: number;
  wake: () => void;
}

export class Poller {
  readonly #ask: (id: string) => Promise<Progress>;
  readonly #gaveUp: (id: string) => void;
  readonly #waits = new Map<string, Wait>();
  readonly #tasks = new Set<Promise<void>>();
  #closed = false;

  /**
   * @param ask one question about a subject; what fails in it is its own to report
   * @param gaveUp is called for a subject after about a minute of questions
   */
  constructor(ask: (id: string) => Promise<Progress>, gaveUp: (id: string) => void) {
    this.#ask = ask;
    this.#gaveUp = gaveUp;
  }

  /** Asks about a subject now, and until the answer is final; one that is asked about already, often again. */
  follow(id: string, owner: number): void {
    const present = this.#waits.get(id);
    if (present) {
      present.steps = 0;
      present.wake();
      return;
    }
    const wait: Wait = { owner, steps: 0, took: 0, wake: () => undefined };
    this.#waits.set(id, wait);
    const task = this.#run(id, wait).finally(() => {
      this.#waits.delete(id);
      this.#tasks.delete(task);
    });
    this.#tasks.add(task);
  }

  has(id: string): boolean {
    return this.#waits.has(id);
  }

  close(): void {
    this.#closed = true;
    for (const wait of this.#waits.values()) wait.wake();
  }

  /** Resolves when nothing is asked about any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  async #run(id: string, wait: Wait): Promise<void> {
    while (!this.#closed) {
      const start = performance.now();
      if ((await this.#ask(id)) === 'done') return;
      wait.took = performance.now() - start;
      if (++wait.steps > FAST_STEPS + SLOW_STEPS) return this.#gaveUp(id);
      await this.#pause(wait);
    }
  }

  #pause(wait: Wait): Promise<void> {
    return new Promise(resolve => {
      const others = [...this.#waits.values()].filter(({ owner }) => owner === wait.owner).length;
      const timer = setTimeout(resolve, pauseMs(wait, wait.owner === 0 ? undefined : others)).unref();
      wait.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Milliseconds until the next question.
 * @param sharing how many of one user's subjects share the time; absent for root's
 */
export function pauseMs({ steps, took }: Pick<Wait, 'steps' | 'took'>, sharing?: number): number {
  const step = Math.max(steps > FAST_STEPS ? SLOW_STEP_MS : FAST_STEP_MS, REST * took);
  return sharing === undefined ? step : Math.max(step, USER_STEP_MS) * sharing;
}

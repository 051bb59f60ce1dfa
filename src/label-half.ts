// The half of the daemon that applies labels: begun, begun again with other options, ended. What is in force stays so in
// between. Not here: what it does (labels/service.ts), when its options change (reload.ts).

import { messageOf } from './base/errors.js';
import type { Log } from './base/log.js';
import type { LabelsHalf } from './control/halves.js';
import type { ContainerView } from './labels/discovery/container.js';
import type { LabelOptions, LabelService } from './labels/service.js';

/** Between attempts to keep labels. */
const TRY_AGAIN_MS = 10_000;

/** What runs while labels are kept. */
type Running = Pick<LabelService, 'status' | 'close'> & Partial<Pick<LabelService, 'containers'>>;
type Begin = (options: LabelOptions) => Promise<Running>;

export class LabelHalf {
  readonly #log: Log;
  readonly #load: () => Promise<Begin>;
  #running: Running | undefined;
  #started: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #lastLogged = 'the labels are being started';
  #since = new Date();
  #isLoading = false;
  #isClosed = false;

  /** @param load the code, which takes its time; what it gives begins to apply labels */
  constructor(log: Log, load: () => Promise<Begin>) {
    this.#log = log;
    this.#load = load;
  }

  /** What it tells of itself, also while it does not run. */
  readonly status: LabelsHalf = {
    health: () =>
      this.#running?.status.health() ?? {
        state: 'failing',
        reason: this.#lastLogged,
        since: this.#since.toISOString(),
      },
    containers: () => this.#running?.status.containers() ?? [],
    hearing: () => this.#running?.status.hearing(),
    rules: async name => this.#running?.status.rules(name),
    survey: async () => this.#running?.status.survey(),
    inspect: async name => this.#running?.status.inspect(name),
    metrics: async () => this.#running?.status.metrics() ?? [],
  };

  /** All containers as they were listed last; undefined while they are not listed. */
  containers(): readonly ContainerView[] | undefined {
    return this.#running?.containers?.();
  }

  /** @throws UserError when it cannot start */
  async start(options: LabelOptions): Promise<void> {
    this.#isLoading = true;
    const begin = await this.#load().finally(() => {
      this.#isLoading = false;
    });
    if (!this.#isClosed) this.#running = await begin(options);
  }

  /** Beside the driver, which goes on without labels: what they lack may come, or another daemon go. */
  keepTrying(options: LabelOptions): void {
    this.#started = this.#attempt(options);
  }

  /** Ends, and begins again with other options. */
  async replace(options: LabelOptions): Promise<void> {
    await this.#end();
    this.keepTrying(options);
    await this.#started;
  }

  /** For good. What is being loaded is not waited for, and does not begin. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (!this.#isLoading) await this.#end();
  }

  async #end(): Promise<void> {
    await this.#started;
    clearTimeout(this.#timer);
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
  }

  async #attempt(options: LabelOptions): Promise<void> {
    try {
      await this.start(options);
    } catch (err) {
      const text = `container labels are left alone: ${messageOf(err)}`;
      if (text !== this.#lastLogged) {
        this.#log.error(text);
        this.#since = new Date();
      }
      this.#lastLogged = text;
      this.#timer = setTimeout(() => this.keepTrying(options), TRY_AGAIN_MS);
    }
  }
}

// SIGHUP, as systemd's reload sends it: the options are read again; what can change while the daemon runs does, and what cannot
// is told in one sentence. With a mistake in them nothing changes. Not here: reading them (cli/settings/sources.ts).

import type { Notifier } from '../native/sd-notify.js';
import { messageOf } from './base/errors.js';
import type { Log } from './base/log.js';
import type { LabelOptions } from './labels/service.js';

/** What of the daemon's options may differ. */
interface Reloadable {
  readonly database: string;
  readonly verbose: boolean;
  readonly rootless: unknown;
  readonly rootlessIfnames: unknown;
  readonly driver: boolean;
  readonly dockerHost?: string;
  readonly metrics?: unknown;
  readonly page?: boolean;
  readonly labels?: LabelOptions;
}

/** What waits for the next start, by the names of its settings. */
const AT_START: readonly (readonly [setting: string, of: (options: Reloadable) => unknown])[] = [
  ['database', ({ database }) => database],
  ['verbose', ({ verbose }) => verbose],
  ['rootless', ({ rootless }) => rootless],
  ['rootless-ifname', ({ rootlessIfnames }) => rootlessIfnames],
  ['driver', ({ driver }) => driver],
  ['labels', ({ labels }) => labels !== undefined],
  ['docker-host', ({ dockerHost }) => dockerHost],
  ['metrics', ({ metrics }) => metrics],
  ['page', ({ page }) => page],
];

interface ReloadParts {
  /** The options as they are by now. @throws Error with a sentence for each mistake */
  readonly reread: () => Promise<Reloadable>;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
  readonly notifier: Pick<Notifier, 'send'>;
}

/** Who takes over what was read again; a half that does not run has nothing to. */
interface Apply {
  readonly labels?: (options: LabelOptions) => Promise<void>;
  /** Files that networks name are read again. */
  readonly files?: () => void;
}

/** The names of what differs and waits for the next start; the options of labels where these differ. */
export function changesOf(
  now: Reloadable,
  next: Reloadable,
): { readonly waiting: string[]; readonly labels?: LabelOptions } {
  const differs = (of: (options: Reloadable) => unknown): boolean =>
    JSON.stringify(of(now)) !== JSON.stringify(of(next));
  const waiting = AT_START.filter(([, of]) => differs(of)).map(([setting]) => setting);
  const areLabelsNew = now.labels && next.labels && differs(({ labels }) => labels);
  return { waiting, ...(areLabelsNew && next.labels && { labels: next.labels }) };
}

export class Reload {
  readonly #parts: ReloadParts;
  #options: Reloadable;
  #apply: Apply = {};
  #isBegun = false;
  #isAsked = false;
  #isClosed = false;
  #underWay: Promise<void> | undefined;
  readonly #ask = (): void => {
    this.#isAsked = true;
    if (this.#isBegun) this.#underWay ??= this.#work();
  };

  /** From now on SIGHUP does not end the process. */
  constructor(options: Reloadable, parts: ReloadParts) {
    this.#options = options;
    this.#parts = parts;
    process.on('SIGHUP', this.#ask);
  }

  /** The daemon is up. */
  begin(apply: Apply): void {
    this.#apply = apply;
    this.#isBegun = true;
    if (this.#isAsked) this.#ask();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#underWay;
  }

  /** As long as somebody has asked since the last look. */
  async #work(): Promise<void> {
    const { notifier } = this.#parts;
    while (this.#isAsked && !this.#isClosed) {
      this.#isAsked = false;
      notifier.send(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
      try {
        await this.#once();
      } catch (err) {
        this.#parts.log.error(`the settings could not be taken over: ${messageOf(err)}`);
      }
      notifier.send('READY=1');
    }
    this.#underWay = undefined;
  }

  async #once(): Promise<void> {
    const { reread, log } = this.#parts;
    this.#apply.files?.();
    let next: Reloadable;
    try {
      next = await reread();
    } catch (err) {
      log.error(`the settings stay as they are: ${messageOf(err)}`);
      return;
    }
    const { waiting, labels } = changesOf(this.#options, next);
    if (waiting.length > 0)
      log.warn(
        `of the settings, ${waiting.join(', ')} will change at the next start of dwgd (systemctl restart dwgd)`,
      );
    if (labels) await this.#apply.labels?.(labels);
    // What waits is told again each time.
    if (labels) this.#options = { ...this.#options, labels };
    log.info(labels ? 'settings of labels were taken over' : 'read the settings again: nothing changes now');
  }
}

// The end of the daemon: who asks for it, and the closing of its parts, which is bounded. Not here: what closing means.

import { messageOf } from './base/errors.js';
import type { Log } from './base/log.js';

/** Less than the unit's TimeoutStopSec=: what holds it up is named while somebody can still say so. */
const MAX_CLOSE_MS = 12_000;

/** The first of SIGTERM and SIGINT; a second one ends the process at once. */
export class StopSignal {
  /** Resolves with the signal's name. */
  readonly asked: Promise<string>;
  #isAsked = false;

  constructor(log: Pick<Log, 'warn'>) {
    this.asked = new Promise(resolve => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        process.on(signal, () => {
          if (this.#isAsked) {
            log.warn('asked to stop twice: leaving now');
            process.exit(1);
          }
          this.#isAsked = true;
          resolve(signal);
        });
      }
    });
  }

  /** What has not begun by then need not begin. */
  get isAsked(): boolean {
    return this.#isAsked;
  }
}

/**
 * Waits until each part has closed, or for MAX_CLOSE_MS.
 * @param parts by what a log calls them
 * @param within milliseconds
 * @returns the exit status: 0 when all closed
 */
export async function closeAll(
  parts: Readonly<Record<string, Promise<void> | undefined>>,
  log: Pick<Log, 'error'>,
  within = MAX_CLOSE_MS,
): Promise<0 | 1> {
  const open = new Set(Object.keys(parts));
  let failed = false;
  const closing = Object.entries(parts).map(async ([name, closed]) => {
    try {
      await closed;
    } catch (err) {
      failed = true;
      log.error(`${name} did not close well: ${messageOf(err)}`);
    }
    open.delete(name);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, within);
  });
  await Promise.race([Promise.all(closing), late]);
  clearTimeout(timer);
  if (open.size > 0)
    log.error(
      `leaving now: ${[...open].join(' and ')} did not close within ${within / 1000} s; what is left undone is done at the next start`,
    );
  return failed || open.size > 0 ? 1 : 0;
}

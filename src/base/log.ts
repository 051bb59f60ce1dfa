// The daemon's log: lines for people on stderr, with systemd's priority in front under a unit. Not here: what is
// worth a line. Secrets are of types that print as "(secret)"; options are never logged whole.

import { AsyncLocalStorage } from 'node:async_hooks';
import { type Logger, pino } from 'pino';
import { LogLimit } from './log-limit.js';
import { oneLine, quoteAsJson, truncate } from './text.js';

export type Log = Logger;

/**
 * Of a line, in bytes: journald cuts those beyond LineMax (48 KiB) into lines of their own, and reads a priority at the
 * beginning of each.
 */
const LINE_BYTES = 8 * 1024;
/** Limits on the message and on one field, so that neither can push the other out of the line. */
const [TEXT_BYTES, FIELD_BYTES] = [6 * 1024, 2 * 1024] as const;

/** sd-daemon(3): what the journal reads at the beginning of a line. */
const PRIORITY: Record<number, string> = { 20: '<7>', 30: '<6>', 40: '<4>', 50: '<3>', 60: '<2>' };
const LABEL: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warning', 50: 'error', 60: 'fatal' };

/** How often the number of users' dropped lines is logged, in milliseconds. */
const DROPPED_LOGGED_EVERY_MS = 10_000;

const actor = new AsyncLocalStorage<number>();

/**
 * Runs what a user brought about. Each line that comes of it, however far below and late, names the user and counts as
 * that user's: others' lines are not crowded out. Root's never count as a user's, also where a user's call led to them.
 */
export function onBehalfOf<T>(user: number, work: () => T): T {
  if (user !== 0) return actor.run(user, work);
  return actor.getStore() === undefined ? work() : actor.exit(work);
}

/**
 * Lines that users other than root cause are limited in number (log-limit.ts).
 * @param verbose whether debug lines are written too
 * @param journal whether the lines go to the journal, which has a clock of its own
 * @param write where a finished line goes: standard error
 */
export function createLog(
  verbose: boolean,
  journal: boolean,
  write: (line: string) => void = line => void process.stderr.write(line),
): Log {
  const limit = new LogLimit();
  let isScheduled = false;
  const logDropped = (): void => {
    isScheduled = false;
    for (const [user, lines] of limit.takeLeftOut())
      actor.exit(() =>
        log.warn({ user, lines }, 'lines that a user caused were left out: too many at a time'),
      );
  };
  const writeLine = (json: string): void => {
    const user = actor.getStore();
    const isTrouble = !/^\{"level":[123]0,/.test(json);
    if (user === undefined || limit.admits(user, isTrouble, performance.now())) {
      write(formatLine(json, journal));
    } else if (!isScheduled) {
      isScheduled = true;
      setTimeout(logDropped, DROPPED_LOGGED_EVERY_MS).unref();
    }
  };
  const log = pino(
    {
      level: verbose ? 'debug' : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: () => (actor.getStore() === undefined ? {} : { user: actor.getStore() }),
    },
    { write: writeLine },
  );
  return log;
}

/** A line of pino's JSON as text: time, level, message, then the fields as key=value. */
export function formatLine(json: string, journal: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as { level: number; time: string; msg?: string };
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const begin = journal ? (PRIORITY[level] ?? '') : `${time} ${LABEL[level] ?? level} `;
  return `${truncate(`${begin}${oneLine(msg ?? '', TEXT_BYTES)}${pairs.join('')}`, LINE_BYTES - 1)}\n`;
}

function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = truncate(text, FIELD_BYTES);
  const quoted = quoteAsJson(shown);
  return /[\s"=]/.test(shown) || quoted.length !== shown.length + 2 || shown === '' ? quoted : shown;
}

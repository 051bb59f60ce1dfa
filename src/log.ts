// The daemon's log: lines for people on stderr, with systemd's priority in front under a unit. Not here: what is
// worth a line. Secrets are of types that print as "(secret)"; options are never logged whole.

import { type Logger, pino } from 'pino';

export type Log = Logger;

/** sd-daemon(3): what the journal reads at the beginning of a line. */
const PRIORITY: Record<number, string> = { 20: '<7>', 30: '<6>', 40: '<4>', 50: '<3>', 60: '<2>' };
const LABEL: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warning', 50: 'error', 60: 'fatal' };

/**
 * @param verbose whether debug lines are written too
 * @param journal whether the lines go to the journal, which has a clock of its own
 * @param write where a finished line goes: standard error
 */
export function createLog(
  verbose: boolean,
  journal: boolean,
  write: (line: string) => void = line => void process.stderr.write(line),
): Log {
  return pino(
    { level: verbose ? 'debug' : 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (json: string) => write(formatLine(json, journal)) },
  );
}

/** A line of pino's JSON as text: time, level, message, then the fields as key=value. */
export function formatLine(json: string, journal: boolean): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as { level: number; time: string; msg?: string };
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${formatValue(value)}`);
  const text = `${oneLine(msg ?? '')}${pairs.join('')}\n`;
  return journal ? `${PRIORITY[level] ?? ''}${text}` : `${time} ${LABEL[level] ?? level} ${text}`;
}

function formatValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (/^[^\s"=\p{Cc}]+$/u.test(text)) return text;
  // JSON lets pass DEL and the controls behind it, which terminals obey.
  return JSON.stringify(text).replace(/\p{Cc}/gu, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Nobody writes lines of his own into the log. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

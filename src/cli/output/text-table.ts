// Text for a terminal: tables, amounts, times, colours. Pure. Not here: whether there are colours (colours.ts), what is printed.

import { blankUnseen } from '../../base/text.js';

/** What a cell is about: trouble is red, well is green, the rest is as it is. */
export type Tone = 'bad' | 'good' | 'faint';

/** A text, or one with a tone. */
export type Cell = string | readonly [text: string, tone: Tone | undefined];

const CODES: Readonly<Record<Tone, string>> = { bad: '31', good: '32', faint: '2' };
/** No column but the last is wider, in characters. */
const MAX_WIDTH = 48;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** The text in the colour of its tone. */
export function toned(text: string, tone: Tone | undefined, hasColours: boolean): string {
  return tone && hasColours ? `\x1b[${CODES[tone]}m${text}\x1b[0m` : text;
}

/** Lines with aligned columns below their heads. What the cells hold may be anybody's text. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  hasColours: boolean,
): string[] {
  const all: (readonly Cell[])[] = [heads.map((head): Cell => [head, 'faint']), ...rows];
  const lines = all.map(row => row.map(cell => readCell(cell)));
  const widths = heads.map((_, n) => Math.max(...lines.map(row => lengthOf(row[n]?.text ?? ''))));
  return lines.map(row =>
    row
      .map(({ text, tone }, n) => {
        const isLast = n === row.length - 1;
        const shown = isLast ? text : cut(text, MAX_WIDTH);
        const gap = isLast ? '' : ' '.repeat(Math.min(widths[n]!, MAX_WIDTH) - lengthOf(shown) + 2);
        return toned(shown, tone, hasColours) + gap;
      })
      .join('')
      .trimEnd(),
  );
}

function readCell(cell: Cell): { readonly text: string; readonly tone: Tone | undefined } {
  const [text, tone] = typeof cell === 'string' ? [cell, undefined] : cell;
  return { text: text === '' ? '-' : blankUnseen(text), tone };
}

function lengthOf(text: string): number {
  return [...text].length;
}

function cut(text: string, max: number): string {
  const characters = [...text];
  return characters.length > max ? `${characters.slice(0, max - 1).join('')}…` : text;
}

/** `1.5 MiB`. */
export function formatBytes(count: number): string {
  let [rest, unit] = [count, 0];
  for (; rest >= 1024 && unit < UNITS.length - 1; unit++) rest /= 1024;
  return `${unit === 0 ? rest : rest.toFixed(1)} ${UNITS[unit]}`;
}

/** `12 s`, `3 min`, `5 h`, `2 d`: what is younger than a second has none. @param ms milliseconds */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** How long ago a time is; `never` where there is none. @param time ISO 8601 @param now milliseconds since 1970 */
export function ago(time: string | undefined, now: number): string {
  return time === undefined ? 'never' : `${duration(now - Date.parse(time))} ago`;
}

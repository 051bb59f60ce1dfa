// Ages, bytes and rates as a person reads them, short. Pure. Not here: what has them (graph.ts).

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
/** The seconds of each unit of time, the largest first. */
const TIMES: readonly (readonly [seconds: number, unit: string])[] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
];

/** `1.2 MB`: three digits at most. */
export function shortBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** `12 s`, `3 min`, `2 h`, `5 d`; never below 0, though clocks differ. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  for (const [length, unit] of TIMES) if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  return `${seconds} s`;
}

/** At most so many characters, the end cut off. */
export function cutOff(text: string, most: number): string {
  const characters = [...text];
  return characters.length <= most
    ? text
    : `${characters
        .slice(0, most - 1)
        .join('')
        .trimEnd()}…`;
}

/** `1 label`, `3 labels`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

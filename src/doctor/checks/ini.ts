// Files of settings as systemd and NetworkManager write them: sections, keys, values. Pure. Not here: which keys mean
// something.

/** A line of a section. */
export interface ConfLine {
  readonly section: string;
  /** How many sections have begun before it, its own included: two may have one name. */
  readonly at: number;
  readonly key: string;
  readonly value: string;
}

/** Of one file. */
const MOST_LINES = 4096;

/** The settings in the order of their lines; a line that ends with a backslash goes on. */
export function settingsOf(text: string): ConfLine[] {
  const lines = text
    .replaceAll(/\\\r?\n(?:[#;].*\n)*/g, ' ')
    .split(/\r?\n/, MOST_LINES)
    .map(line => line.trim());
  let section = '';
  let at = 0;
  const settings: ConfLine[] = [];
  for (const line of lines) {
    if (line === '' || /^[#;]/.test(line)) continue;
    const [, name] = /^\[(.*)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      section = name;
      at++;
      continue;
    }
    const equals = line.indexOf('=');
    if (equals > 0)
      settings.push({ section, at, key: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() });
  }
  return settings;
}

/** The last value of a key over several files. */
export function lastOf(texts: readonly string[], section: string, key: string): string | undefined {
  return texts
    .flatMap(settingsOf)
    .filter(one => one.section === section && one.key === key)
    .at(-1)?.value;
}

/** The values of a key that adds up, in words; an empty value takes back those before it. */
export function wordsOf(texts: readonly string[], section: string, key: string): string[] {
  let words: string[] = [];
  for (const one of texts.flatMap(settingsOf)) {
    if (one.section !== section || one.key !== key) continue;
    words = one.value === '' ? [] : [...words, ...one.value.split(/\s+/)];
  }
  return words;
}

/** A boolean as systemd reads it; undefined for what is none. */
export function booleanOf(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(1|yes|y|true|t|on)$/i.test(value)) return true;
  return /^(0|no|n|false|f|off)$/i.test(value) ? false : undefined;
}

/** Whether a name fits a pattern of fnmatch(3) with `*`, `?` and `[…]`. */
export function fitsGlob(pattern: string, name: string): boolean {
  // Runs of stars are one: the expression takes no more than quadratic time.
  const source = pattern
    .slice(0, 256)
    .replaceAll(/\*+/g, '*')
    .replaceAll(/\[[!^]?[^\]]+\]|[\s\S]/g, part => {
      if (part === '*') return '.*';
      if (part === '?') return '.';
      if (part.length > 1)
        return `[${/^\[[!^]/.test(part) ? '^' : ''}${part
          .slice(1, -1)
          .replace(/^[!^]/, '')
          .replaceAll(/[\\[\]^]/g, '\\$&')}]`;
      return part.replaceAll(/[\\^$.|?*+()[\]{}]/g, '\\$&');
    });
  try {
    return new RegExp(`^${source}$`, 's').test(name);
  } catch {
    // `[z-a]` is no range.
    return false;
  }
}

// The file of settings: /etc/dwgd/config.toml, flat TOML. It decides what root does, so it must be root's, and nobody else's to
// write. Not here: what the settings are (settings-table.ts), what goes before it (sources.ts).

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, isNotFound, messageOf } from '../../base/errors.js';
import { excerpt } from '../../base/text.js';
import { NotAFileError, readRegularFile } from '../../files/regular-file.js';
import { UsageError, unknownWord } from './flag-values.js';
import { SETTING_KEYS, SETTINGS, type Setting, type SettingKey } from './settings-table.js';

const MAX_BYTES = 64 * 1024;

/** What a file says, each value as text for the setting's reader, with its line. */
export interface SettingsFile {
  readonly path: string;
  readonly entries: ReadonlyMap<SettingKey, { readonly text: string; readonly line: number }>;
}

/**
 * Reads the file; undefined where there is none.
 * @param isNamed whether somebody has named it: then it has to be there
 * @throws UsageError with a sentence for each mistake, and where it is
 */
export async function readSettingsFile(path: string, isNamed: boolean): Promise<SettingsFile | undefined> {
  const text = readTrusted(path, isNamed);
  if (text === undefined) return undefined;
  const { parse, TomlError } = await import('smol-toml');
  let table: Readonly<Record<string, unknown>>;
  try {
    table = parse(text);
  } catch (err) {
    if (!(err instanceof TomlError)) throw err;
    // What follows the first line shows the text again.
    const [why] = err.message.split('\n');
    throw new UsageError(`${path}:${err.line}: ${excerpt(why ?? 'it is no TOML')}`);
  }
  const mistakes: string[] = [];
  const entries = new Map<SettingKey, { text: string; line: number }>();
  for (const [key, value] of Object.entries(table)) {
    const line = lineOf(text, key);
    const setting = SETTINGS.find(one => one.key === key);
    const given = setting && textOf(setting, value);
    if (!setting) mistakes.push(`${path}:${line}: ${unknownWord('key', key, SETTING_KEYS)}`);
    else if (given === undefined) mistakes.push(`${path}:${line}: ${key} ${FORMS[setting.kind]}`);
    else entries.set(setting.key, { text: given, line });
  }
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\nerror: '));
  return { path, entries };
}

/** What each kind has to be in the file. */
const FORMS: Readonly<Record<Setting['kind'], string>> = {
  text: 'is not a text: put it between quotes',
  switch: 'is neither true nor false, without quotes',
  list: 'is neither a text nor a list of texts, such as ["a", "b"]',
  number: 'is not a number, without quotes',
  users: 'is neither true, false nor a list of users, such as ["alice", 1001]',
};

/** The text that a flag would have; undefined for what is of another kind. */
function textOf({ kind }: Setting, value: unknown): string | undefined {
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const isText = typeof value === 'string';
  switch (kind) {
    case 'text':
      return isText ? value : undefined;
    case 'switch':
      return typeof value === 'boolean' ? String(value) : undefined;
    case 'number':
      return isNumber ? String(value) : undefined;
    case 'list':
    case 'users': {
      if (isText || (kind === 'users' && typeof value === 'boolean')) return String(value);
      const isList =
        Array.isArray(value) &&
        value.every(one => typeof one === 'string' || (kind === 'users' && typeof one === 'number'));
      return isList ? value.join(',') : undefined;
    }
  }
}

/** The line of a key of the first level; the first one where it is written in an unusual way. */
function lineOf(text: string, key: string): number {
  const lines = text.split('\n');
  const at = lines.findIndex(line => {
    const [, table, quoted, bare] =
      /^\s*(?:\[+\s*([\w-]+)|["']([^"']*)["']|([\w-]+))\s*[.=\]]?/.exec(line) ?? [];
    return [table, quoted, bare].includes(key);
  });
  return Math.max(at, 0) + 1;
}

/** @throws UsageError for a file that somebody else could have written */
function readTrusted(path: string, isNamed: boolean): string | undefined {
  const mend = (what: string): UsageError => new UsageError(`${path} ${what}`);
  try {
    const { content } = readRegularFile(path, MAX_BYTES + 1, ({ uid, mode }) => {
      if (!isTrusted(uid))
        throw mend(`belongs to user ${uid}, and decides what root does: make it root's (chown root ${path})`);
      if ((mode & 0o022) !== 0)
        throw mend(`can be written by others, and decides what root does: run chmod go-w ${path}`);
      const folder = statSync(dirname(path));
      if (!isTrusted(folder.uid) || (folder.mode & 0o022) !== 0)
        throw mend(`is in a folder that others can write: make that root's (chown root, chmod go-w)`);
    });
    if (content.length > MAX_BYTES) throw mend(`is larger than ${MAX_BYTES / 1024} KiB`);
    return content.toString('utf8');
  } catch (err) {
    if (err instanceof UsageError) throw err;
    if (!isNamed && isNotFound(err)) return undefined;
    if (err instanceof NotAFileError) throw mend('is not a file');
    if (errorCode(err) !== undefined) throw mend(`cannot be read: ${messageOf(err)}`);
    throw err;
  }
}

/** Root, or whoever runs this. */
function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid!();
}

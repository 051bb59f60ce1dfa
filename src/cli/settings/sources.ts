// Which value of a setting counts: a flag's, else its variable's, else the file's, else the default; and where it came from.
// Not here: what the settings are (settings-table.ts), how the file is read (file.ts).

import { existsSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { SettingsFile } from './file.js';
import { UsageError, unknownWord } from './flag-values.js';
import {
  SETTING_KEYS,
  SETTINGS,
  type Setting,
  type SettingKey,
  type Settings,
  variableOf,
} from './settings-table.js';

const SETTINGS_FILE = '/etc/dwgd/config.toml';
/** The variable that names another file. */
const CONFIG = 'DWGD_CONFIG';
const PREFIX = 'DWGD_';

/** Where a value came from: `flag`, a variable's name, `FILE:LINE`, `default`. */
type Origin = string;

export interface Resolved {
  readonly settings: Settings;
  readonly origins: ReadonlyMap<SettingKey, Origin>;
  /** The file that was read. */
  readonly file?: string;
}

export interface Sources {
  /** By settings' keys. */
  readonly flags: ReadonlyMap<SettingKey, unknown>;
  /** What is said of one from there. */
  readonly flagOrigin?: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The file that a flag names. */
  readonly file?: string | undefined;
}

/** @throws UsageError with every mistake of the variables, or of the file */
export async function resolveSettings({
  flags,
  flagOrigin = 'flag',
  environment,
  file: named,
}: Sources): Promise<Resolved> {
  const path = named ?? (environment[CONFIG] || undefined);
  const file = await readFile(path);
  const mistakes = unknownVariables(environment);
  const origins = new Map<SettingKey, Origin>();
  const pick = (setting: Setting): unknown => {
    const { key } = setting;
    const given = flags.has(key)
      ? { origin: flagOrigin, read: () => flags.get(key) }
      : (ofVariable(setting, environment) ?? ofFile(setting, file));
    origins.set(key, given?.origin ?? 'default');
    try {
      return given ? given.read() : setting.default;
    } catch (err) {
      if (!(err instanceof InvalidArgumentError)) throw err;
      mistakes.push(`${given!.origin}: ${key} is invalid. ${err.message}`);
      return setting.default;
    }
  };
  const settings = Object.fromEntries(SETTINGS.map(setting => [setting.key, pick(setting)]));
  if (mistakes.length > 0) throw new UsageError(mistakes.join('\nerror: '));
  return { settings: settings as unknown as Settings, origins, ...(file && { file: file.path }) };
}

/** Most hosts have none: what reads it is loaded where there is one. */
async function readFile(named: string | undefined): Promise<SettingsFile | undefined> {
  if (named === undefined && !existsSync(SETTINGS_FILE)) return undefined;
  const { readSettingsFile } = await import('./file.js');
  return readSettingsFile(named ?? SETTINGS_FILE, named !== undefined);
}

interface Given {
  readonly origin: Origin;
  readonly read: () => unknown;
}

/** An empty variable counts as none. */
function ofVariable({ key, read }: Setting, environment: Sources['environment']): Given | undefined {
  const name = variableOf(key);
  const text = environment[name];
  return text ? { origin: name, read: () => read(text) } : undefined;
}

function ofFile({ key, kind, read }: Setting, file: SettingsFile | undefined): Given | undefined {
  const entry = file?.entries.get(key);
  if (!entry) return undefined;
  const { text, line } = entry;
  return { origin: `${file!.path}:${line}`, read: () => (kind === 'list' && text === '' ? [] : read(text)) };
}

function unknownVariables(environment: Sources['environment']): string[] {
  const known = [...SETTING_KEYS.map(variableOf), CONFIG];
  return Object.keys(environment)
    .filter(name => name.startsWith(PREFIX) && !known.includes(name))
    .map(name => unknownWord('variable', name, known));
}

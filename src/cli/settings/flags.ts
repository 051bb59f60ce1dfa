// The flags of the command line that settings have, as commander takes them. Not here: the settings (settings-table.ts), what goes
// before a flag (sources.ts).

import { type Command, Option } from 'commander';
import { fromGoFlags } from './go-flags.js';
import { SETTINGS, type Setting, type SettingKey } from './settings-table.js';
import type { Sources } from './sources.js';

const CONFIG = 'config';

/** Gives a command every setting as a flag, for each switch a hidden one for its opposite, and the one for the file. */
export function addSettings(command: Command): void {
  for (const option of SETTINGS.flatMap(optionsOf)) command.addOption(option);
  command.option(
    `--${CONFIG} <path>`,
    'the file of settings; absent: DWGD_CONFIG, else /etc/dwgd/config.toml where there is one',
  );
}

function optionsOf(setting: Setting): Option[] {
  const { flags, meaning, kind, read } = setting;
  const own = new Option(flags, meaning);
  if (kind === 'switch') return [own, new Option(oppositeOf(flags)).hideHelp()];
  if (setting.default !== undefined) own.default(setting.default, kind === 'list' ? 'none' : undefined);
  if (kind !== 'list') return [own.argParser(read)];
  // Given twice, it adds up.
  const add = (text: string, before: readonly unknown[]): unknown => [
    ...before,
    ...(read(text) as unknown[]),
  ];
  return [own.argParser(add as (text: string, before: unknown) => unknown)];
}

/** `--strict` and `--no-strict`; of `-v` it is `--no-v`. */
function oppositeOf(flags: string): string {
  if (flags.startsWith('--no-')) return `--${flags.slice('--no-'.length)}`;
  return flags.startsWith('--') ? `--no-${flags.slice('--'.length)}` : `--no${flags}`;
}

/** What a command that was parsed was given. */
export function givenIn(command: Command): Pick<Sources, 'flags' | 'file'> {
  const values = command.opts<Record<string, unknown>>();
  const isGiven = (attribute: string): boolean => command.getOptionValueSource(attribute) === 'cli';
  const flags = new Map(
    SETTINGS.flatMap((setting): [SettingKey, unknown][] => {
      const attribute = optionsOf(setting)[0]!.attributeName();
      return isGiven(attribute) ? [[setting.key, values[attribute]]] : [];
    }),
  );
  return { flags, ...(isGiven(CONFIG) && { file: values[CONFIG] as string }) };
}

/** The same of words that somebody else's command line has. @throws CommanderError */
export function givenBy(words: readonly string[], command: Command): Pick<Sources, 'flags' | 'file'> {
  addSettings(command);
  command.exitOverride().configureOutput({ writeErr() {}, writeOut() {} });
  command.parse(fromGoFlags(words), { from: 'user' });
  return givenIn(command);
}

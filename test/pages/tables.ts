// The tables of docs/reference.md that are made from the code: commands, flags, options, labels, metrics. Not here: writing them
// (write.ts), docs/rules.md (../rules/page.ts).

import type { Command, Option } from 'commander';
import { program } from '../../src/cli/command-line.js';
import { SETTINGS } from '../../src/cli/settings/settings-table.js';
import { METRICS } from '../../src/control/metric-table.js';
import { OPTIONS } from '../../src/driver/spec/option-table.js';
import { LABELS } from '../../src/labels/spec/label-keys.js';

/** What stands in a text as it is typed: flags, options, labels and their like. */
const TYPED =
  /(?<![\w`/])(?:-{1,2}[a-z][\w-]*(?:=[\w,]+)?|(?:dwgd|twine)\.[a-z]+(?:\.[a-z]+)*(?:\.<\w+>|=\w+)?|unix:\/\/[\w./]+|tcp:\/\/[\w.:]+|DOCKER_HOST|DWGD_CONFIG|\/etc\/[\w./]+)/g;

const TABLES: Readonly<Record<string, () => string[]>> = { commands, flags, options, labels, metrics };

/** The page with each table between `<!-- table: name -->` and `<!-- end of table -->` made anew. */
export function withTables(page: string): string {
  const wanted = new Set(Object.keys(TABLES));
  const made = page.replaceAll(
    /(<!-- table: (\w+) -->\n).*?(\n<!-- end of table -->)/gs,
    (_, before: string, name: string, after: string) => {
      const lines = TABLES[name];
      if (!lines || !wanted.delete(name)) throw new Error(`there is no table ${name}, or it is there twice`);
      return `${before}\n${lines().join('\n')}\n${after}`;
    },
  );
  if (wanted.size > 0) throw new Error(`the page has no place for the tables: ${[...wanted].join(', ')}`);
  return made;
}

function commands(): string[] {
  return [
    '| Command | Flag | Meaning |',
    '| --- | --- | --- |',
    row(['`dwgd`', '', 'the daemon, in the foreground, with [flags of its own](#flags-of-the-daemon)']),
    ...program(async () => {}).commands.flatMap(command => [
      row([`\`${usage(command)}\``, '', prose(command.description())]),
      ...command.options.map(option => row(['', `\`${escaped(option.flags)}\``, prose(option.description)])),
    ]),
  ];
}

/** A word in quotes is one that a shell would cut. */
function usage(command: Command): string {
  const words = command.registeredArguments.map(word =>
    word.required ? `'<${word.name()}>'` : `[<${word.name()}>]`,
  );
  return ['dwgd', command.name(), ...words].join(' ');
}

function flags(): string[] {
  return [
    '| Flag | Meaning | Default | Key of the file |',
    '| --- | --- | --- | --- |',
    ...program(async () => {})
      .options.filter(({ hidden }) => !hidden)
      .map(option =>
        row([`\`${escaped(option.flags)}\``, prose(option.description), defaultOf(option), keyOf(option)]),
      ),
    row(['`-h`, `--help`', 'print the flags; those of a command behind its name', '', '']),
  ];
}

/** The key of the setting that a flag is for; `R` where a running daemon takes over another value. */
function keyOf({ flags }: Option): string {
  const setting = SETTINGS.find(one => one.flags === flags);
  return setting ? `\`${setting.key}\`${setting.reloads ? ' R' : ''}` : '';
}

function defaultOf({ defaultValue, negate, required, optional, long }: Option): string {
  if (negate || long === '--version') return '';
  if (defaultValue === undefined) return required || optional ? '' : 'off';
  if (defaultValue === true) return 'on';
  if (Array.isArray(defaultValue)) return 'none';
  return `\`${String(defaultValue)}\``;
}

function options(): string[] {
  return [
    '| Option | Meaning | Accepts | Default |',
    '| --- | --- | --- | --- |',
    ...OPTIONS.map(option =>
      row([`\`${option.name}\``, option.meaning, option.accepts, 'default' in option ? option.default : '–']),
    ),
  ];
}

function labels(): string[] {
  return [
    '| Label | Value | Meaning |',
    '| --- | --- | --- |',
    ...LABELS.map(({ key, rest, value, meaning }) =>
      row([`\`${escaped(key + (rest?.[0] ?? ''))}\``, value, meaning]),
    ),
  ];
}

function metrics(): string[] {
  return [
    '| Metric | Labels | Meaning |',
    '| --- | --- | --- |',
    ...METRICS.map(({ name, labels, help }) =>
      row([`\`${name}\``, labels.map(label => `\`${label}\``).join(', '), help]),
    ),
  ];
}

function row(cells: readonly string[]): string {
  return `|${cells.map(cell => (cell === '' ? ' |' : ` ${cell} |`)).join('')}`;
}

/** A sentence of the command line's help in Markdown. */
function prose(text: string): string {
  return escaped(text).replaceAll(TYPED, typed => `\`${typed}\``);
}

/** A bar would end the cell, in code too. */
function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

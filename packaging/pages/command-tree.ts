// The command tree as completion and manual pages need it: what there is to type and what it means, read from commander
// alone. Not here: the pages (bash.ts, zsh.ts, fish.ts, manual.ts).

import type { Argument, Command, Option } from 'commander';

/** What stands for a value: what a shell can offer there. */
export type ValueKind = 'file' | 'interface' | 'user' | 'container' | 'network';

export interface Value {
  /** As the help has it, without brackets. */
  readonly name: string;
  readonly isOptional: boolean;
  readonly isRepeated: boolean;
  readonly kinds: readonly ValueKind[];
  readonly choices: readonly string[];
}

export interface FlagEntry {
  readonly short?: string;
  readonly long?: string;
  readonly meaning: string;
  readonly value?: Value;
  readonly default?: string;
}

export interface WordEntry extends Value {
  readonly meaning: string;
}

export interface CommandEntry {
  /** What is typed to have it, such as `dwgd pubkey`. */
  readonly path: string;
  readonly name: string;
  readonly meaning: string;
  readonly flags: readonly FlagEntry[];
  readonly words: readonly WordEntry[];
  readonly commands: readonly CommandEntry[];
  /** Lines of its help after `Examples:`. */
  readonly examples: readonly string[];
}

/** What commander's own help would show of a command, hidden things left out. */
export function readCommand(command: Command, path = command.name()): CommandEntry {
  const help = command.createHelp();
  return {
    path,
    name: command.name(),
    meaning: command.description(),
    flags: help.visibleOptions(command).map(readFlag),
    words: help.visibleArguments(command).map(readWord),
    commands: help.visibleCommands(command).map(child => readCommand(child, `${path} ${child.name()}`)),
    examples: readExamples(command),
  };
}

/** A command and all below it, parents first. */
export function allCommands(command: CommandEntry): CommandEntry[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** What is typed for a flag: `-h` and `--help`. */
export function spellings({ short, long }: FlagEntry): string[] {
  return [short, long].filter(spelling => spelling !== undefined);
}

function readFlag(option: Option): FlagEntry {
  const { short, long, description, defaultValue, negate } = option;
  const name = /[<[](.+?)(\.\.\.)?[>\]]/.exec(option.flags)?.[1];
  // No default is said of a switch, nor where there is no list.
  const hasDefault = name !== undefined && !negate && ['string', 'number'].includes(typeof defaultValue);
  return {
    ...(short !== undefined && { short }),
    ...(long !== undefined && { long }),
    meaning: description,
    ...(name !== undefined && {
      value: {
        name,
        isOptional: option.optional,
        isRepeated: option.variadic,
        kinds: kindsOf(`${long ?? ''} ${name}`),
        choices: option.argChoices ?? [],
      },
    }),
    ...(hasDefault && { default: String(defaultValue) }),
  };
}

function readWord(word: Argument): WordEntry {
  return {
    name: word.name(),
    isOptional: !word.required,
    isRepeated: word.variadic,
    kinds: kindsOf(word.name()),
    choices: word.argChoices ?? [],
    meaning: word.description,
  };
}

/** By the words with which the help names it. `--allow-host-routes <networks>` are no networks of Docker. */
const KINDS: readonly (readonly [ValueKind, RegExp])[] = [
  ['file', /\b(path|file|compose|yml)\b/],
  ['interface', /ifname|interface/],
  ['user', /\busers?\b/],
  ['container', /\bcontainer\b/],
  ['network', /\bnetwork\b/],
];

function kindsOf(name: string): ValueKind[] {
  return KINDS.flatMap(([kind, words]) => (words.test(name) ? [kind] : []));
}

function readExamples(command: Command): string[] {
  let text = '';
  command.configureOutput({ writeOut: part => (text += part) }).outputHelp();
  const lines = text.split('\n');
  const start = lines.indexOf('Examples:');
  return start < 0 ? [] : lines.slice(start + 1).flatMap(line => (line.trim() === '' ? [] : [line.trim()]));
}

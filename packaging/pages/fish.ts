// Completion for fish. Not here: what there is to complete (command-tree.ts).

import {
  allCommands,
  type CommandEntry,
  type FlagEntry,
  spellings,
  type Value,
  type ValueKind,
} from './command-tree.js';

/** What prints values of a kind; files are fish's own to offer. */
const PRINT: Readonly<Record<Exclude<ValueKind, 'file'>, string>> = {
  interface: '(command ls /sys/class/net)',
  user: '(__fish_complete_users)',
  container: "(docker ps -a --format '{{.Names}}' 2> /dev/null)",
  network: "(docker network ls --format '{{.Name}}' 2> /dev/null)",
};

/** The file that fish reads for dwgd: conditions that compare the command typed so far, and what is offered there. */
export function fishCompletion(root: CommandEntry): string {
  const commands = allCommands(root);
  const valued = commands.flatMap(({ path, flags }) =>
    flags.flatMap(flag =>
      flag.value && !flag.value.isOptional
        ? spellings(flag).map(spelling => quote(`${path} ${spelling}`))
        : [],
    ),
  );
  return `# Completion of dwgd for fish, made from its commands.

function __dwgd_is -d 'whether this is the command so far'
    set -l commands ${commands.map(({ path }) => quote(path)).join(' ')}
    set -l valued ${valued.join(' ')}
    set -l path dwgd
    set -l is_value no
    for word in (commandline -opc)[2..-1]
        if test $is_value = yes
            set is_value no
        else if contains -- "$path $word" $commands
            set path "$path $word"
        else if contains -- "$path $word" $valued
            set is_value yes
        end
    end
    test "$path" = "$argv"
end

complete -c dwgd -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf({ path, commands, flags, words }: CommandEntry): string[] {
  const at = `complete -c dwgd -n ${quote(`__dwgd_is ${path}`)}`;
  return [
    ...commands.map(({ name, meaning }) => `${at} -a ${name} -d ${quote(meaning)}`),
    ...flags.map(
      flag => `${at} ${nameOf(flag)}${flag.value ? valuesOf(flag.value) : ''} -d ${quote(flag.meaning)}`,
    ),
    ...words.flatMap(word => {
      const offered = offers(word);
      return offered === '' ? [] : [`${at}${offered} -d ${quote(word.meaning || word.name)}`];
    }),
  ];
}

function nameOf({ short, long }: FlagEntry): string {
  return [...(short ? [`-s ${short.slice(1)}`] : []), ...(long ? [`-l ${long.slice(2)}`] : [])].join(' ');
}

/** A value that may be left out is not asked for. */
function valuesOf(value: Value): string {
  const needed = value.kinds.includes('file') ? ' -r' : ' -x';
  return `${value.isOptional ? '' : needed}${offers(value)}`;
}

function offers({ kinds, choices }: Value): string {
  if (choices.length > 0) return ` -a ${quote(choices.join(' '))}`;
  const printed = kinds.flatMap(kind => (kind === 'file' ? [] : [PRINT[kind]]));
  const files = kinds.includes('file') ? ' -F' : '';
  return printed.length > 0 ? `${files} -a ${quote(printed.join(' '))}` : files;
}

/** One word of fish. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

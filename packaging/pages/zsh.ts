// Completion for zsh. Not here: what there is to complete (command-tree.ts).

import {
  allCommands,
  type CommandEntry,
  type FlagEntry,
  type Value,
  type ValueKind,
} from './command-tree.js';

/** The functions of zsh and of Docker's own completion that offer values of a kind. */
const ACTION: Readonly<Record<ValueKind, string>> = {
  file: '_files',
  interface: '_net_interfaces',
  user: '_users',
  container: '_dwgd_containers',
  network: '_dwgd_networks',
};

/** The file `_dwgd` that zsh finds by its first line: one function for each command. */
export function zshCompletion(root: CommandEntry): string {
  return `#compdef dwgd
# Completion of dwgd for zsh, made from its commands.

_dwgd_containers() {
  local -a names=(\${(f)"$(docker ps -a --format '{{.Names}}' 2> /dev/null)"})
  compadd -a names
}

_dwgd_networks() {
  local -a names=(\${(f)"$(docker network ls --format '{{.Name}}' 2> /dev/null)"})
  compadd -a names
}

${allCommands(root).map(functionOf).join('\n\n')}

_dwgd "$@"
`;
}

function functionOf(command: CommandEntry): string {
  const specs = command.flags.flatMap(specsOf);
  const name = functionName(command.path);
  if (command.commands.length === 0) {
    const words = command.words.map((word, n) => {
      const place = word.isRepeated ? '*' : `${n + 1}`;
      return quote(
        `${place}:${word.isOptional ? ':' : ''}${escaped(word.meaning || word.name)}:${actionOf(word)}`,
      );
    });
    return `${name}() {\n  _arguments -s ${[...specs, ...words].join(' \\\n    ')}\n}`;
  }
  const commands = command.commands.map(child => quote(`${child.name}:${child.meaning}`));
  const calls = command.commands.map(child => `    ${child.name}) ${functionName(child.path)} ;;`);
  return `${name}() {
  local curcontext="$curcontext" state line
  local -a commands=(
    ${commands.join('\n    ')}
  )
  _arguments -s -C ${[...specs, "'1: :->command'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
    command) _describe -t commands command commands ;;
    rest) case $line[1] in
${calls.join('\n')}
    esac ;;
  esac
}`;
}

/** One for each spelling; only a long flag, and one whose value may be left out, has it behind \`=\`. */
function specsOf(flag: FlagEntry): string[] {
  const { short, long, meaning, value } = flag;
  const spec = (spelling: string, isLong: boolean): string => {
    const text = `[${escaped(meaning)}]`;
    if (!value) return quote(`${spelling}${text}`);
    const behind = `${value.isOptional ? '::' : ':'}${escaped(value.name)}:${actionOf(value)}`;
    return quote(`${spelling}${value.isOptional ? '=-' : isLong ? '=' : ''}${text}${behind}`);
  };
  return [...(short ? [spec(short, false)] : []), ...(long ? [spec(long, true)] : [])];
}

function actionOf({ kinds, choices }: Value): string {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  if (kinds.length > 1)
    return `_alternative ${kinds.map(kind => `"${kind}s\\:${kind}\\:${ACTION[kind]}"`).join(' ')}`;
  return kinds[0] ? ACTION[kinds[0]] : ' ';
}

function functionName(path: string): string {
  return `_${path.replaceAll(/[^\w]/g, '_')}`;
}

/** For within a specification: a colon ends a part of it, a bracket the meaning. */
function escaped(text: string): string {
  return text.replaceAll(/[\\:[\]]/g, '\\$&');
}

/** One word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Completion for bash. Not here: what there is to complete (command-tree.ts).

import { allCommands, type CommandEntry, type FlagEntry, spellings, type Value } from './command-tree.js';

/** The script that bash reads for dwgd. */
export function bashCompletion(root: CommandEntry): string {
  const commands = allCommands(root);
  const valued = (wanted: (value: Value) => boolean): string =>
    patterns(
      commands.flatMap(({ path, flags }) =>
        flags.flatMap(flag => (flag.value && wanted(flag.value) ? typed(path, flag) : [])),
      ),
    );
  return `# Completion of dwgd for bash, made from its commands.

_dwgd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} path=dwgd n
  COMPREPLY=()
  for ((n = 1; n < COMP_CWORD; n++)); do
    case "$path \${COMP_WORDS[n]}" in
      ${patterns(commands.slice(1).map(({ path }) => path))}) path+=" \${COMP_WORDS[n]}" ;;
      # The next word is its value, and no command.
      ${valued(value => !value.isOptional)}) n=$((n + 1)) ;;
    esac
  done
  # -d=PATH is three words here. A value that may be left out is not the next one.
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $prev == '=' ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 2]}
  else
    case "$path $prev" in ${valued(value => value.isOptional)}) prev= ;; esac
  fi
  case "$path $prev" in
${commands.flatMap(({ path, flags }) => flags.flatMap(flag => valuesOf(path, flag))).join('\n')}
    *) _dwgd_words ;;
  esac
}

_dwgd_words() {
  case "$path" in
${commands.map(wordsOf).join('\n')}
  esac
}

_dwgd_offer() {
  case $1 in
    file) local IFS=$'\\n'; compopt -o filenames 2> /dev/null; COMPREPLY+=($(compgen -f -- "$cur")) ;;
    user) COMPREPLY+=($(compgen -u -- "$cur")) ;;
    interface) _dwgd_offer words "$(command ls /sys/class/net)" ;;
    container) _dwgd_offer words "$(docker ps -a --format '{{.Names}}' 2> /dev/null)" ;;
    network) _dwgd_offer words "$(docker network ls --format '{{.Name}}' 2> /dev/null)" ;;
    words) COMPREPLY+=($(compgen -W "$2" -- "$cur")) ;;
  esac
}

complete -F _dwgd dwgd
`;
}

/** What a flag's value may be. */
function valuesOf(path: string, flag: FlagEntry): string[] {
  if (!flag.value) return [];
  return [`    ${patterns(typed(path, flag))}) ${offers(flag.value).join('; ') || ':'} ;;`];
}

/** Where no flag awaits a value: flags behind a hyphen, else commands and the command's own words. */
function wordsOf({ path, commands, flags, words }: CommandEntry): string {
  const names = commands.map(({ name }) => name).join(' ');
  const other = [...(names === '' ? [] : [offerWords(names)]), ...words.flatMap(offers)];
  const allFlags = offerWords(flags.flatMap(spellings).join(' '));
  if (other.length === 0) return `    ${quote(path)}) ${allFlags} ;;`;
  return `    ${quote(path)}) if [[ $cur == -* ]]; then ${allFlags}; else ${other.join('; ')}; fi ;;`;
}

function offers({ kinds, choices }: Value): string[] {
  return choices.length > 0 ? [offerWords(choices.join(' '))] : kinds.map(kind => `_dwgd_offer ${kind}`);
}

function offerWords(words: string): string {
  return `_dwgd_offer words ${quote(words)}`;
}

/** A flag as the command line so far has it: the command, and one of the flag's spellings. */
function typed(path: string, flag: FlagEntry): string[] {
  return spellings(flag).map(spelling => `${path} ${spelling}`);
}

/** For a `case`: one that nothing fits where there is none. */
function patterns(texts: readonly string[]): string {
  return texts.length > 0 ? texts.map(quote).join(' | ') : "''";
}

/** One word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// Manual pages in man(7)'s macros: dwgd(1), and one for each command. Not here: the commands (command-tree.ts).

import { allCommands, type CommandEntry, type FlagEntry, type WordEntry } from './command-tree.js';

/** What no command line says. */
const FILES: readonly (readonly [file: string, what: string])[] = [
  ['/var/lib/dwgd/dwgd.db', 'the database of networks and endpoints; /var/lib/dwgd.db leads there'],
  ['/run/docker/plugins/dwgd.sock', 'where Docker finds the network driver'],
  ['/usr/lib/dwgd/no-rootless.conf', 'a drop-in for the service on a host without rootless Dockers'],
];
const STATUS: readonly (readonly [status: string, what: string])[] = [
  ['0', 'done'],
  ['1', 'something is wrong, as the message says'],
  ['2', 'a mistake in the command line'],
];
/** Of <sysexits.h>; the daemon's alone. */
const DAMAGED = ['65', 'the database is damaged: the service does not start it again'] as const;
const SEE_ALSO = [
  'docker-network-create(1)',
  'wg(8)',
  'ip-netns(8)',
  'nft(8)',
  'systemctl(1)',
  'journalctl(1)',
];

/** The text of each page by its name, such as `dwgd-pubkey.1`. */
export function manualPages(root: CommandEntry, version: string): Map<string, string> {
  return new Map(
    allCommands(root).map(command => [`${pageName(command)}.1`, manualPage(command, root, version)]),
  );
}

function manualPage(command: CommandEntry, root: CommandEntry, version: string): string {
  const isRoot = command === root;
  const name = pageName(command);
  return [
    `.TH ${name.toUpperCase()} 1 "" "dwgd ${version}" "dwgd"`,
    // Words are not cut, and lines are not stretched.
    '.nh',
    '.ad l',
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(firstSentence(command.meaning))}`,
    '.SH SYNOPSIS',
    ...synopsis(command),
    ...section('DESCRIPTION', isRoot ? ROOT_DESCRIPTION : [`${escaped(capitalized(command.meaning))}.`]),
    ...section('ARGUMENTS', command.words.flatMap(aboutWord)),
    ...section('OPTIONS', command.flags.flatMap(aboutFlag)),
    ...section(
      'COMMANDS',
      command.commands.flatMap(child => term(`.BR ${escaped(pageName(child))} (1)`, child.meaning)),
    ),
    ...section('EXIT STATUS', terms([...STATUS, ...(isRoot ? [DAMAGED] : [])])),
    ...section('FILES', isRoot ? terms(FILES) : []),
    ...section('EXAMPLES', examples(command.examples)),
    ...section('SEE ALSO', [seeAlso(command, root)]),
    '',
  ].join('\n');
}

const ROOT_DESCRIPTION = [
  'A network driver of Docker that puts a WireGuard interface into each container of a network, and a daemon that applies',
  "what labels say about a container's network. Without a command it is that daemon, which stays in the foreground and",
  'logs to standard error. It is run as root by the service',
  '.BR dwgd.service ;',
  'what it logs is read by',
  '.BR "journalctl \\-u dwgd" .',
];

function synopsis({ path, flags, words, commands }: CommandEntry): string[] {
  const usage = (rest: readonly string[]): string => `.B ${escaped(path)}\n${rest.join(' ')}`;
  const options = flags.length > 0 ? ['[\\fIoption\\fR]...'] : [];
  const lines = [usage([...options, ...words.map(usageOf)])];
  if (commands.length > 0) lines.push('.br', usage(['\\fIcommand\\fR', '[\\fIoption\\fR]...']));
  return lines;
}

function usageOf({ name, isOptional, isRepeated }: WordEntry): string {
  const word = `\\fI${escaped(name)}\\fR${isRepeated ? '...' : ''}`;
  return isOptional ? `[${word}]` : word;
}

function aboutWord(word: WordEntry): string[] {
  return term(`\\fI${escaped(word.name)}\\fR`, word.meaning);
}

function aboutFlag({ short, long, value, meaning, ...flag }: FlagEntry): string[] {
  const names = [short, long].flatMap(name => (name ? [`\\fB${escaped(name)}\\fR`] : [])).join(', ');
  const behind =
    value && (value.isOptional ? `[=\\fI${escaped(value.name)}\\fR]` : ` \\fI${escaped(value.name)}\\fR`);
  const fallback = flag.default === undefined ? '' : ` (default: ${flag.default})`;
  return term(`${names}${behind ?? ''}`, `${meaning}${fallback}`);
}

function examples(lines: readonly string[]): string[] {
  return lines.flatMap(line =>
    line.startsWith('# ')
      ? ['.PP', `${escaped(line.slice(2))}:`]
      : ['.PP', '.nf', '.RS', escaped(line), '.RE', '.fi'],
  );
}

function seeAlso(command: CommandEntry, root: CommandEntry): string {
  const pages = [
    ...allCommands(root)
      .filter(other => other !== command)
      .map(other => `${pageName(other)}(1)`),
    ...SEE_ALSO,
  ];
  return pages
    .map((page, n) =>
      page.replace(
        /^(.*)(\(\d\))$/,
        (_, name: string, part: string) => `.BR ${escaped(name)} ${part}${n < pages.length - 1 ? ',' : ''}`,
      ),
    )
    .join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [`.SH ${title.includes(' ') ? `"${title}"` : title}`, ...lines] : [];
}

function terms(entries: readonly (readonly [string, string])[]): string[] {
  return entries.flatMap(([name, what]) => term(`\\fB${escaped(name)}\\fR`, what));
}

/** A hanging paragraph: what it is about, and what there is to say of that. */
function term(about: string, text: string): string[] {
  return ['.TP', about, escaped(text) || '\\&'];
}

function firstSentence(text: string): string {
  return text.replace(/\. .*$/s, '');
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function pageName({ path }: CommandEntry): string {
  return path.replaceAll(' ', '-');
}

/** Text in which nothing is a request or an escape of roff; a hyphen stays one that can be copied. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/, '\\&$&');
}

// The options of iptables(8) by their names: those that need no match, those that a label cannot have, and the
// message for an unknown one. Not here: the reading of a rule (parser.ts).

import { nearest } from '../../base/suggest.js';
import { MATCHES, TARGETS } from './registry.js';
import type { Extension, OptionSpec } from './syntax/extension.js';
import { TWINE_CHAINS } from './syntax/rule.js';
import { refuse, show, type Token } from './syntax/tokens.js';

interface BasicOption extends OptionSpec {
  readonly letter: string;
}

/** Options that need no match. */
export const BASIC_OPTIONS: readonly BasicOption[] = [
  { letter: 'p', names: ['protocol', 'proto'], values: ['protocol'], negatable: true },
  { letter: 's', names: ['source', 'src'], values: ['address[/mask][,…]'], negatable: true },
  { letter: 'd', names: ['destination', 'dst'], values: ['address[/mask][,…]'], negatable: true },
  { letter: 'i', names: ['in-interface'], values: ['name[+]'], negatable: true },
  { letter: 'o', names: ['out-interface'], values: ['name[+]'], negatable: true },
  { letter: 'f', names: ['fragment'], negatable: true },
  { letter: 'm', names: ['match'], values: ['match'] },
  { letter: 'j', names: ['jump'], values: ['target'] },
  { letter: 'g', names: ['goto'], values: ['chain'] },
  { letter: '4', names: ['ipv4'] },
  { letter: '6', names: ['ipv6'] },
];

/** iptables' other options, and why a label cannot have them. */
export const REFUSED: ReadonlyMap<string, string> = new Map([
  ...['-t', '--table'].map(name => [name, 'is not for a label: the chain decides the table'] as const),
  ...['-A', '-I', '-D', '-R', '-C', '--append', '--insert', '--delete', '--replace', '--check'].map(
    name => [name, 'is not for a label: the rule begins with its chain'] as const,
  ),
  ...['-P', '-N', '-X', '-F', '-Z', '-L', '-S', '-E'].map(
    name => [name, 'is a command of its own and no part of a rule'] as const,
  ),
  ...['-c', '--set-counters', '-w', '--wait', '-v', '--verbose', '-n', '--numeric', '-x', '--exact'].map(
    name => [name, 'means nothing in a label'] as const,
  ),
]);

export function findBasic(name: string): BasicOption | undefined {
  return BASIC.get(name);
}

const BASIC: ReadonlyMap<string, BasicOption> = new Map(
  BASIC_OPTIONS.flatMap(option => [
    [`-${option.letter}`, option] as const,
    ...option.names.map(name => [`--${name}`, option] as const),
  ]),
);

/** The option in a word, and the value that is attached to it: `--dport=80`, `-ptcp`. */
export function splitOption(token: Token): { name: string; attached?: Token } {
  const { text, offset, quoted } = token;
  const cut = text.startsWith('--') ? text.indexOf('=') : 2;
  if (cut < 0 || text.length === cut) return { name: text };
  const begin = text.startsWith('--') ? cut + 1 : cut;
  return {
    name: text.slice(0, cut),
    attached: { text: text.slice(begin), offset: quoted ? offset : offset + begin, quoted },
  };
}

/** The first match or target that has an option, by the option's name. */
const OWNERS: ReadonlyMap<string, { readonly extension: Extension; readonly letter: 'm' | 'j' }> = new Map(
  [
    ...TARGETS.map(extension => ({ extension, letter: 'j' }) as const),
    ...[...MATCHES].reverse().map(extension => ({ extension, letter: 'm' }) as const),
  ].flatMap(owner =>
    owner.extension.options.flatMap(({ names }) => names.map(name => [name, owner] as const)),
  ),
);

/** The likeliest first: of two equally near names, the first is suggested. */
const ALL_NAMES = [...MATCHES, ...TARGETS, { options: BASIC_OPTIONS }].flatMap(({ options }) =>
  options.flatMap(({ names }) => names.map(name => `--${name}`)),
);

/** Matches that `-p` brings in by itself. */
const IMPLIED = ['tcp', 'udp', 'sctp', 'dccp', 'icmp', 'icmp6', 'ah', 'esp', 'ipcomp', 'mh'];

/** Refuses an option that no match or target of the rule has. @throws RuleError always */
export function refuseOption(token: Token, name: string | undefined): never {
  const owner = name === undefined ? undefined : OWNERS.get(name);
  if (!owner) refuse(token, `is no option that is known here${suggestion(token.text, ALL_NAMES)}`);
  const { extension, letter } = owner;
  const { name: owning } = extension;
  const bringer = IMPLIED.includes(owning) ? 'p' : letter;
  // The match has another name than its protocol.
  const brought = owning === 'icmp6' ? 'icmpv6' : owning;
  refuse(token, `is an option of ${owning}: put -${bringer} ${brought} before it`);
}

/** `--dport` of `-dport`, and `-j` of a dash that a word processor has made; undefined for any other word. */
export function dashMeant(text: string): string | undefined {
  const plain = text.replace(/^[\u2010-\u2015\u2212]{1,2}/, '-');
  const long = `-${plain}`;
  if (!/^-ipv[46]$/.test(plain) && ALL_NAMES.includes(long)) return long;
  return plain !== text && /^-[\w-]+$/.test(plain) ? plain : undefined;
}

/** Why a word that is no option stands where one should. @param before the word before it */
export function whyStray(text: string, before: string | undefined): string {
  const why = 'is no option, and no option takes it as a value';
  if (before?.endsWith(',')) return 'stands behind a comma: a list has no spaces';
  if (TARGETS.some(({ name }) => name === text)) return `${why}; did you mean "-j ${text}"?`;
  const isSecond = TWINE_CHAINS.some(name => name === text) || /^(;|&&?|\|\|?|#.*)$/.test(text);
  return isSecond
    ? `${why}: a label holds one rule and nothing else, so give a second one a label of its own`
    : why;
}

/** `; did you mean "…"?`, or nothing. */
export function suggestion(text: string, known: readonly string[]): string {
  const best = nearest(text, known);
  return best === undefined ? '' : `; did you mean ${show(best)}?`;
}

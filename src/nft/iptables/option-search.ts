// Which option a word names: written out, or its beginning as getopt_long(3) takes it for iptables(8), where it is
// the beginning of one option only, of all that iptables and what the rule has loaded know at that place. Not here:
// the options' names (option-names.ts), their values (parser.ts).

import { BASIC_OPTIONS, findBasic, REFUSED, refuseOption } from './option-names.js';
import type { Instance, OptionSpec } from './syntax/extension.js';
import { refuse, type Token } from './syntax/tokens.js';

/** Of iptables itself, and no part of a rule: they only make beginnings ambiguous. */
const COMMANDS = [
  ...['list', 'list-rules', 'flush', 'zero', 'new-chain', 'delete-chain', 'rename-chain', 'policy'],
  ...['wait-interval', 'version', 'help', 'line-numbers', 'modprobe'],
];

/** How many of the names that begin alike a message shows. */
const SHOWN_MAX = 4;

/** An option of a match or of the target. */
interface Found {
  readonly instance: Instance;
  readonly spec: OptionSpec;
}

/**
 * The option of a word. As iptables, it looks last at the match that `-p` brings in.
 * @param name the word without a value that is attached to it
 * @param loaded the matches and the target that the rule has so far
 * @param implied makes the match that `-p` brings in, if there is one that is not loaded
 * @returns an option of iptables' own, or one of an instance, which may be the implied one
 * @throws RuleError when there is none, or more than one
 */
export function findOption(
  token: Token,
  name: string,
  loaded: readonly Instance[],
  implied: () => Instance | undefined,
): OptionSpec | Found {
  const basic = findBasic(name);
  if (basic) return basic;
  if (!name.startsWith('--')) refuseOption(token, undefined);
  const long = name.slice(2);
  if (long === '') refuseOption(token, undefined);
  const found = byName(loaded, long) ?? byBeginning(token, optionsOf(loaded), long);
  if (found && !('ambiguous' in found)) return found;
  const instance = implied();
  const all = instance ? [...loaded, instance] : loaded;
  const last = instance && (byName([instance], long) ?? byBeginning(token, optionsOf(all), long));
  if (last && !('ambiguous' in last)) return last;
  const several = last ?? found;
  if (several)
    refuse(token, `is short for more than one: ${several.ambiguous.slice(0, SHOWN_MAX).join(', ')}`);
  return refuseOption(token, long);
}

function optionsOf(instances: readonly Instance[]): Found[] {
  return instances.flatMap(instance => instance.extension.options.map(spec => ({ instance, spec })));
}

/** Of the last match or target that has an option of the name. */
function byName(instances: readonly Instance[], name: string): Found | undefined {
  // A rule may have hundreds of matches, each of which looks for its options here: nothing is made of those that it has.
  for (let at = instances.length - 1; at >= 0; at--) {
    const instance = instances[at]!;
    const spec = instance.extension.options.findLast(({ names }) => names.includes(name));
    if (spec) return { instance, spec };
  }
  return undefined;
}

/** The one option that begins so, or the names of several. */
function byBeginning(
  token: Token,
  options: readonly Found[],
  begin: string,
): OptionSpec | Found | { readonly ambiguous: readonly string[] } | undefined {
  const begins = (name: string): boolean => name.startsWith(begin);
  const basics = BASIC_OPTIONS.filter(({ names }) => names.some(begins));
  const refused = [...REFUSED].filter(([name]) => name.startsWith(`--${begin}`));
  const commands = COMMANDS.filter(begins);
  const found = options.filter(({ spec }) => spec.names.some(begins));
  const names = [
    ...[...basics, ...found.map(({ spec }) => spec)].map(spec => `--${spec.names.find(begins)}`),
    ...refused.map(([name]) => name),
    ...commands.map(name => `--${name}`),
  ];
  if (names.length > 1) return { ambiguous: names };
  if (refused[0]) refuse(token, refused[0][1]);
  return basics[0] ?? found[0];
}

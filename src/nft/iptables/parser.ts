// A rule as iptables(8) reads its command line: options in any order, `-m` and `-p` bringing in more options, `!`
// before what it negates (or after it, as of old). Not here: what the values of a match or a target mean.

import { MATCHES_LEFT_OUT, TARGETS_LEFT_OUT } from './left-out.js';
import { implicitMatch } from './matches/transport.js';
import { dashMeant, REFUSED, splitOption, suggestion, whyStray } from './option-names.js';
import { findOption } from './option-search.js';
import { findExtension, MATCHES, TARGETS } from './registry.js';
import { readChain, readJump } from './syntax/chains.js';
import type {
  Extension,
  FamilySource,
  Instance,
  OptionSpec,
  ParsedOption,
  Protocol,
} from './syntax/extension.js';
import { TWINE_CHAINS, type TwineChain } from './syntax/rule.js';
import { refuse, type Token } from './syntax/tokens.js';
import { readProtocol } from './values/numbers.js';

type Jump = { readonly kind: 'jump' | 'goto'; readonly chain: TwineChain };

/** A rule's parts, by iptables' names of them. */
export interface ParsedRule {
  readonly chain: TwineChain;
  readonly protocol?: Protocol;
  readonly source?: ParsedOption;
  readonly destination?: ParsedOption;
  readonly inInterface?: ParsedOption;
  readonly outInterface?: ParsedOption;
  readonly fragment?: ParsedOption;
  readonly matches: readonly Instance[];
  readonly target?: Instance;
  readonly jump?: Jump;
}

/** Reads the family only where the parse depends on it. @throws RuleError */
export function parseRule(tokens: readonly Token[], of: FamilySource): ParsedRule {
  return new Parser(tokens, of).parse();
}

/** What may follow -j. */
const JUMPS = [...TARGETS.map(({ name }) => name), ...TWINE_CHAINS];

/** What people write for a target. */
const SYNONYMS: readonly (readonly [word: RegExp, target: string])[] = [
  [/^(allow|permit|pass)$/i, 'ACCEPT'],
  [/^(deny|block|discard|blackhole)$/i, 'DROP'],
];

class Parser {
  readonly #tokens: readonly Token[];
  readonly #of: FamilySource;
  readonly #basics = new Map<string, ParsedOption>();
  readonly #matches: Instance[] = [];
  #at = 0;
  #protocol: Protocol | undefined;
  #target: Instance | undefined;
  #jump: Jump | undefined;

  constructor(tokens: readonly Token[], of: FamilySource) {
    this.#tokens = tokens;
    this.#of = of;
  }

  parse(): ParsedRule {
    const chain = readChain(this.#tokens[this.#at++]);
    let not: Token | undefined;
    for (let token = this.#next(); token; token = this.#next()) {
      if (isNot(token)) {
        if (not) refuse(token, 'follows another "!"');
        not = token;
        continue;
      }
      this.#readOption(token, not, chain);
      not = undefined;
    }
    if (not) refuse(not, 'has nothing after it');
    for (const instance of [...this.#matches, ...(this.#target ? [this.#target] : [])]) {
      for (const { names, required } of instance.extension.options) {
        if (required && !instance.given.has(names[0])) refuse(instance.token, `needs --${names[0]}`);
      }
    }
    return this.#rule(chain);
  }

  #rule(chain: TwineChain): ParsedRule {
    const basic = (name: string): ParsedOption | undefined => this.#basics.get(name);
    const parts = {
      protocol: this.#protocol,
      source: basic('source'),
      destination: basic('destination'),
      inInterface: basic('in-interface'),
      outInterface: basic('out-interface'),
      fragment: basic('fragment'),
      target: this.#target,
      jump: this.#jump,
    };
    return {
      chain,
      matches: this.#matches,
      ...(Object.fromEntries(
        Object.entries(parts).filter(([, value]) => value !== undefined),
      ) as Partial<ParsedRule>),
    };
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  #readOption(token: Token, not: Token | undefined, chain: TwineChain): void {
    const { text } = token;
    const refusal = REFUSED.get(text);
    if (refusal !== undefined) refuse(token, refusal);
    const slip = dashMeant(text);
    if (slip !== undefined) refuse(token, `is no option: did you mean "${slip}"?`);
    if (!text.startsWith('-') || text.length < 2)
      refuse(token, whyStray(text, this.#tokens[this.#at - 2]?.text));
    const { name, attached } = splitOption(token);
    const loaded = this.#target ? [...this.#matches, this.#target] : this.#matches;
    const found = findOption(token, name, loaded, () => this.#implied());
    if (!('instance' in found)) {
      this.#takeBasic(found, this.#readValues(found, token, attached, not), chain);
      return;
    }
    const { instance, spec } = found;
    if (!loaded.includes(instance)) this.#matches.push(instance);
    if (spec.refused !== undefined) refuse(token, spec.refused);
    const given = this.#readValues(spec, token, attached, not);
    const first = spec.names[0];
    if (instance.given.has(first)) refuse(token, 'is given twice');
    const other = [...instance.given.keys()].find(
      name => spec.excludes?.includes(name) || specOf(instance, name)?.excludes?.includes(first),
    );
    if (other !== undefined) refuse(token, `cannot stand beside --${other}`);
    instance.given.set(first, given);
    if (this.#protocol) instance.protocolBefore = this.#protocol;
  }

  /** The match that `-p` brings in when one of its options comes: `-p tcp` the match tcp. */
  #implied(): Instance | undefined {
    const name = implicitMatch(this.#protocol, this.#of);
    const extension = name === undefined ? undefined : findExtension(MATCHES, name);
    if (!extension || this.#matches.some(match => match.extension === extension)) return undefined;
    return { extension, token: this.#basics.get('protocol')!.values[0]!, given: new Map() };
  }

  #readValues(
    spec: OptionSpec,
    token: Token,
    attached: Token | undefined,
    not: Token | undefined,
  ): ParsedOption {
    let negation = not;
    const values: Token[] = attached ? [attached] : [];
    const count = spec.values?.length ?? 0;
    if (attached && count === 0) refuse(token, 'takes no value');
    while (values.length < count) {
      const value = this.#next();
      if (!value) refuse(token, `needs a value: ${spec.values!.join(' ')}`);
      if (isNot(value) && values.length === 0) {
        if (negation) refuse(value, 'follows another "!"');
        negation = value;
      } else {
        values.push(value);
      }
    }
    if (negation && !spec.negatable) refuse(token, 'cannot be negated by "!"');
    return { token, values, negated: negation !== undefined };
  }

  #takeBasic({ names: [name] }: OptionSpec, given: ParsedOption, chain: TwineChain): void {
    const value = given.values[0];
    if (name === 'match') {
      this.#matches.push(this.#load(MATCHES, 'match', value!));
      return;
    }
    if (name === 'ipv4' || name === 'ipv6') {
      if (name !== `ipv${this.#of.askFamily()}`)
        refuse(given.token, `makes it no rule of IPv${this.#of.askFamily()}`);
      return;
    }
    const taken = name === 'goto' ? 'jump' : name;
    if (this.#basics.has(taken)) refuse(given.token, 'is given twice');
    this.#basics.set(taken, given);
    if (name === 'protocol') this.#takeProtocol(given);
    if (name === 'jump') this.#takeTarget(value!, chain);
    if (name === 'goto') this.#jump = { kind: 'goto', chain: this.#chain(value!, chain) };
    if (name === 'fragment' && this.#of.askFamily() === 6) refuse(given.token, 'is for IPv4 only');
  }

  #takeProtocol({ values, negated }: ParsedOption): void {
    const number = readProtocol(values[0]!);
    if (number === 0 && negated) refuse(values[0]!, 'negated would be no protocol at all');
    if (number !== 0) this.#protocol = { number, negated };
  }

  #takeTarget(token: Token, chain: TwineChain): void {
    if (findExtension(TARGETS, token.text) || TARGETS_LEFT_OUT.has(token.text))
      this.#target = this.#load(TARGETS, 'target', token);
    else this.#jump = { kind: 'jump', chain: this.#chain(token, chain) };
  }

  #chain(token: Token, from: TwineChain): TwineChain {
    const chain = readJump(token, from);
    if (chain) return chain;
    const meant = SYNONYMS.find(([word]) => word.test(token.text))?.[1];
    const hint = meant === undefined ? suggestion(token.text, JUMPS) : `; did you mean "${meant}"?`;
    refuse(token, `is neither a target nor a chain of twine${hint}`);
  }

  #load(list: readonly Extension[], noun: string, token: Token): Instance {
    const extension = findExtension(list, token.text);
    if (!extension) {
      const reason = (list === MATCHES ? MATCHES_LEFT_OUT : TARGETS_LEFT_OUT).get(token.text);
      if (reason !== undefined) refuse(token, `is a ${noun} that is left out: ${reason}`);
      refuse(
        token,
        `is no ${noun} that is known here${suggestion(
          token.text,
          list.map(({ name }) => name),
        )}`,
      );
    }
    const { family } = extension;
    if (family !== undefined && family !== this.#of.askFamily()) refuse(token, `is for IPv${family} only`);
    return { extension, token, given: new Map(), ...(this.#protocol && { protocolBefore: this.#protocol }) };
  }
}

function specOf({ extension }: Instance, name: string): OptionSpec | undefined {
  return extension.options.find(({ names }) => names[0] === name);
}

/** `! ` as a word of its own, and not in quotes. */
function isNot(token: Token): boolean {
  return token.text === '!' && !token.quoted;
}

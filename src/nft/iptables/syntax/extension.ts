// The definition of a match or a target of iptables: its options, the chains where it is allowed, and its translation.
// Not here: the entries themselves (nft/iptables/matches/, nft/iptables/targets/), how options are found in a rule
// (nft/iptables/parser.ts).

import type { Family } from '../../../base/ip.js';
import type { Statement } from '../../expression.js';
import type { ChainConstraint } from './chains.js';
import type { TwineChain } from './rule.js';
import { refuse, type Token } from './tokens.js';

/** An option as iptables-extensions(8) has it. */
export interface OptionSpec {
  /** Without the hyphens; the first is what it is called here. */
  readonly names: readonly [string, ...string[]];
  /** What its values are, one word for each; none for a flag. */
  readonly values?: readonly string[];
  /** Whether `!` may stand before it. */
  readonly negatable?: true;
  /** Options of the same extension that it cannot stand beside. */
  readonly excludes?: readonly string[];
  /** Why a rule with it is refused: nftables has no equivalent. */
  readonly refused?: string;
  /** Whether it is mandatory. */
  readonly required?: true;
}

/** An option as it was given. */
export interface ParsedOption {
  /** The option itself. */
  readonly token: Token;
  readonly values: readonly Token[];
  readonly negated: boolean;
}

/** `-p` as it was given: never `all`. */
export interface Protocol {
  readonly number: number;
  readonly negated: boolean;
}

/** The rule around a match or a target. */
export interface FamilyContext {
  /** The family; asked only where the translation depends on it: where nobody asks, one translation serves both. */
  readonly askFamily: () => Family;
  readonly chain: TwineChain;
  /** Absent: any protocol. */
  readonly protocol?: Protocol;
  /** `-p` where it stood before the options of this match or target. */
  readonly protocolBefore?: Protocol;
  /** For a target: whether the matches accept only SYN packets. */
  readonly matchesSyn: boolean;
  /** The word that brought the match or the target in. */
  readonly token: Token;
  /** A name for a meter, that no other match of the rule has. */
  readonly meterName: (suffix: string) => string;
}

/** The part of the context that tells the family only. */
export type FamilySource = Pick<FamilyContext, 'askFamily'>;

/** Rules that come before the one with the alternatives. */
export interface Steps {
  readonly lists: readonly (readonly Statement[])[];
  /** What they change: no condition before them may ask for it, since the next step would ask again. */
  readonly changes: 'packet mark' | 'connection mark';
}

/** The translation of a match or a target. */
export interface Translation {
  /** Mutually exclusive lists of statements; usually one. An empty list of alternatives matches no packet. */
  readonly alternatives: readonly (readonly Statement[])[];
  /** What is changed step by step, each a rule with the conditions that stand before it, and lets the packet go on. */
  readonly steps?: Steps;
  /** Whether it keeps state (counts packets), so that it cannot be split into several rules. */
  readonly stateful?: true;
  /** Whether it fits only packets with SYN, as the kernel's xt_TCPMSS requires. */
  readonly matchesSyn?: boolean;
  readonly comment?: string;
  /** The hooks that it can run in, where the kernel has it in some only. */
  readonly constraint?: ChainConstraint;
}

/** One match or one target. */
export interface Extension {
  readonly name: string;
  /** Other names of it for `-m` or `-j`. */
  readonly aliases?: readonly string[];
  /** Absent: both. */
  readonly family?: Family;
  readonly options: readonly OptionSpec[];
  readonly constraint?: ChainConstraint;
  /** The protocol that it is for, where `-p` need not say so: libnftables asks a rule for one protocol only. */
  readonly bringsProtocol?: (of: FamilySource) => Protocol | undefined;
  /** What it does not do as iptables does, for docs/rules.md. */
  readonly notes?: readonly string[];
  /** @throws RuleError */
  translate(options: Options, context: FamilyContext): Translation;
}

/** A match or a target with the options that it was given. */
export interface Instance {
  readonly extension: Extension;
  readonly token: Token;
  readonly given: Map<string, ParsedOption>;
  /** `-p` before the last of its options. */
  protocolBefore?: Protocol;
}

/** The options of one match or target as they were given. */
export class Options {
  readonly #given: ReadonlyMap<string, ParsedOption>;

  constructor(given: ReadonlyMap<string, ParsedOption>) {
    this.#given = given;
  }

  /** By its first name. */
  get(name: string): ParsedOption | undefined {
    return this.#given.get(name);
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  /** The one value of an option, if it was given. */
  value(name: string): Token | undefined {
    return this.#given.get(name)?.values[0];
  }

  /** All that were given, in their order. */
  entries(): [name: string, given: ParsedOption][] {
    return [...this.#given];
  }

  /** The one of these that was given. @throws RuleError when there is none */
  oneOf(
    context: FamilyContext,
    ...names: readonly string[]
  ): [name: string, given: ParsedOption, value: Token] {
    for (const name of names) {
      const given = this.#given.get(name);
      if (given) return [name, given, given.values[0] ?? given.token];
    }
    const wanted = names.map(name => `--${name}`).join(' or ');
    refuse(context.token, `needs ${wanted}`);
  }
}

/** The reason of most options that are refused. */
export const NO_SUCH = 'cannot be expressed: nftables has nothing for it';

/** The usual translation: these statements, in order. */
export function statements(...list: readonly Statement[]): Translation {
  return { alternatives: [list] };
}

/** Requires `-p` with one of these protocols; an error points at the token. @throws RuleError */
export function needProtocol(
  protocol: Protocol | undefined,
  names: Readonly<Record<number, string>>,
  token: Token,
): string {
  const name = protocol && !protocol.negated ? names[protocol.number] : undefined;
  if (name === undefined) {
    const wanted = Object.values(names).map(each => `-p ${each}`);
    refuse(token, `needs ${wanted.length > 1 ? `one of ${wanted.join(', ')}` : wanted[0]} before it`);
  }
  return name;
}

/** Protocols with ports, by the names that both iptables and nftables have for them. */
export const PORT_PROTOCOLS: Readonly<Record<number, string>> = {
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  132: 'sctp',
  136: 'udplite',
};

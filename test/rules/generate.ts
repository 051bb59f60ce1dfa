// Right rules by the thousand: every fragment of every match and target, and combinations of them. Not here: the
// fragments (fragments.ts), the judges (*.test.ts).

import { findExtension, MATCHES, TARGETS } from '../../src/nft/iptables/registry.js';
import { chainsOf, HOOK_OF } from '../../src/nft/iptables/syntax/chains.js';
import { TWINE_CHAINS, type TwineChain } from '../../src/nft/iptables/syntax/rule.js';
import type { Random } from '../support/random.js';
import { type Fragment, MATCH_PIECES, network, not, type Piece, TARGET_PIECES } from './fragments.js';

export interface GeneratedRule {
  readonly family: 4 | 6;
  readonly chain: TwineChain;
  /** The rule without its chain. */
  readonly text: string;
}

interface Choice {
  /** Of the match or target. */
  readonly name: string;
  readonly fragment: Fragment;
  readonly piece: Piece;
  readonly chains: readonly TwineChain[];
}

/** The fragments of pieces, with the chains that their extension may stand in. */
function choices(pieces: Readonly<Record<string, Piece>>, list: typeof MATCHES): Choice[] {
  return Object.entries(pieces).flatMap(([name, piece]) => {
    const extension = findExtension(list, name.split(' ')[0]!)!;
    const chains = chainsOf(extension.constraint ?? {});
    const allowed = chains.filter(chain => piece.hooks?.includes(HOOK_OF[chain]) ?? true);
    return piece.fragments.map(fragment => ({ name: extension.name, fragment, piece, chains: allowed }));
  });
}

const MATCH_CHOICES = choices(MATCH_PIECES, MATCHES);
const TARGET_CHOICES = choices(TARGET_PIECES, TARGETS);

/** Each fragment by itself first, for both families, `rounds` times; then combinations, up to `count`. */
export function generateRules(random: Random, count: number, rounds = 3): GeneratedRule[] {
  const accept = TARGET_CHOICES[0]!;
  const rules: GeneratedRule[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const family of [4, 6] as const) {
      for (const match of MATCH_CHOICES) rules.push(...compose(random, family, [match], accept));
      for (const target of TARGET_CHOICES) rules.push(...compose(random, family, [], target));
    }
  }
  while (rules.length < count) {
    const matches = Array.from({ length: random.int(0, 3) }, () => random.pick(MATCH_CHOICES));
    rules.push(...compose(random, random.pick([4, 6]), matches, random.pick(TARGET_CHOICES)));
  }
  return rules;
}

/** One rule, or none where the parts do not go together. */
function compose(random: Random, family: 4 | 6, matches: readonly Choice[], target: Choice): GeneratedRule[] {
  const all = [...matches, target];
  if (all.some(({ piece }) => piece.family !== undefined && piece.family !== family)) return [];
  const chains = TWINE_CHAINS.filter(chain => all.every(each => each.chains.includes(chain)));
  const protocol = commonProtocol(random, all);
  if (chains.length === 0 || protocol === undefined) return [];
  const chain = random.pick(chains);
  // Options of one match twice would need a second -m; TCPMSS brings some of tcp with it.
  const names = [...matches.map(({ name }) => name), ...(target.name === 'TCPMSS' ? ['tcp'] : [])];
  if (new Set(names).size < names.length) return [];
  const written = matches.map(({ fragment }) => fragment(random, family));
  const end = target.fragment(random, family);
  // It becomes very many rules already.
  const isLong = /--ttl-(inc|dec)|--ecn-tcp-remove|--restore-skmark|--(nf|ct)mask/.test(
    [...written, end].join(' '),
  );
  if (isLong && matches.length > (target.name === 'ACCEPT' ? 1 : 0)) return [];
  // After -m multiport, iptables takes --dport for a short form of --dports: options that need no -m come first.
  const texts = [
    ...written.filter(text => !text.startsWith('-m')),
    ...written.filter(text => text.startsWith('-m')),
  ];
  const parts = [
    ...basics(random, family, chain, !isLong && random.chance(20)),
    ...(protocol ? [`-p ${protocol}`] : []),
    ...texts,
    end,
  ];
  return [{ family, chain, text: parts.join(' ') }];
}

/** A protocol that all parts take: '' where none asks, undefined where they do not agree. */
function commonProtocol(random: Random, parts: readonly Choice[]): string | undefined {
  const lists = parts.flatMap(({ piece }) => (piece.protocols ? [piece.protocols] : []));
  const [first, ...others] = lists;
  if (!first) return random.chance(25) ? random.pick(['tcp', 'udp', 'icmp', 'gre', '99', 'all']) : '';
  const common = first.filter(each => others.every(list => list.includes(each)));
  return common.length > 0 ? random.pick(common) : undefined;
}

const INTERFACES = ['eth0', 'wg+', 'eth0.100', 'lo'];

/** @param lists whether `-s` and `-d` may be lists */
function basics(random: Random, family: 4 | 6, chain: TwineChain, lists: boolean): string[] {
  const hook = HOOK_OF[chain];
  const parts: string[] = [];
  if (random.chance(20) && hook !== 'output' && hook !== 'postrouting') {
    parts.push(`${not(random)}-i ${random.pick(INTERFACES)}`);
  }
  if (random.chance(20) && hook !== 'input' && hook !== 'prerouting') {
    parts.push(`${not(random)}-o ${random.pick(INTERFACES)}`);
  }
  return [...parts, ...addresses(random, family, lists)];
}

/** `-s` and `-d`: lists of them, or negated ones, never both in a rule. */
function addresses(random: Random, family: 4 | 6, lists: boolean): string[] {
  return ['-s', '-d'].flatMap(option => {
    if (random.chance(70)) return [];
    const one = network(random, family);
    return [lists ? `${option} ${one},${network(random, family)}` : `${not(random)}${option} ${one}`];
  });
}

/** The chain that iptables itself has at the hook. */
export function builtinChain(chain: TwineChain): string {
  return HOOK_OF[chain].toUpperCase();
}

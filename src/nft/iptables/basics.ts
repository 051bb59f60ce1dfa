// Conditions of a rule that need no match: -i, -o, -f, -p, -s, -d. Not here: their reading (parser.ts), their
// names (option-names.ts), the matches (matches/).

import { match, meta, payload, type Statement } from '../expression.js';
import type { ParsedRule } from './parser.js';
import { HOOK_OF, type Hook } from './syntax/chains.js';
import type { FamilySource, ParsedOption, Protocol } from './syntax/extension.js';
import type { TwineChain } from './syntax/rule.js';
import { refuse } from './syntax/tokens.js';
import { addressField, matchInterface, matchNetwork, readNetwork } from './values/addresses.js';
import { split } from './values/numbers.js';

/** The most nftables rules that one rule may become: lists of addresses multiply. */
export const RULES_MAX = 256;

/**
 * The conditions in the order of iptables(8): interfaces, fragments, protocol, addresses. Each is a list of alternatives.
 * @throws RuleError
 */
export function matchBasics(rule: ParsedRule, of: FamilySource): Statement[][][] {
  const { chain, inInterface, outInterface, fragment, protocol, source, destination } = rule;
  const alone: Statement[] = [
    ...oneInterface('iifname', inInterface, chain),
    ...oneInterface('oifname', outInterface, chain),
    ...(fragment ? [matchFragment(fragment)] : []),
    ...(protocol ? [matchProtocol(protocol)] : []),
  ];
  const list = [source, destination].find(given => given?.values[0]?.text.includes(','));
  if (list && (source?.negated || destination?.negated)) {
    refuse(list.values[0]!, 'is a list of addresses, and beside one nothing is negated in -s and -d');
  }
  return [[alone], matchAddresses(source, of, 'saddr'), matchAddresses(destination, of, 'daddr')];
}

/** The hooks at which a packet has no such interface. */
const WITHOUT: Readonly<Record<'iifname' | 'oifname', readonly Hook[]>> = {
  iifname: ['output', 'postrouting'],
  oifname: ['prerouting', 'input'],
};

function oneInterface(
  key: 'iifname' | 'oifname',
  given: ParsedOption | undefined,
  chain: TwineChain,
): Statement[] {
  if (!given) return [];
  if (WITHOUT[key].includes(HOOK_OF[chain])) {
    refuse(given.token, `cannot stand in ${chain}: its packets have no such interface`);
  }
  return matchInterface(key, given.values[0]!, given.negated);
}

/** The thirteen bits of the fragment offset: zero in the first fragment and in unfragmented packets. */
function matchFragment({ negated }: ParsedOption): Statement {
  return match({ '&': [payload('ip', 'frag-off'), 0x1fff] }, negated ? '==' : '!=', 0);
}

function matchProtocol({ number, negated }: Protocol): Statement {
  return match(meta('l4proto'), negated ? '!=' : '==', number);
}

/** Each address of a list makes a rule of its own, as with iptables. */
function matchAddresses(
  given: ParsedOption | undefined,
  of: FamilySource,
  field: 'saddr' | 'daddr',
): Statement[][] {
  if (!given) return [[]];
  const family = of.askFamily();
  const addresses = split(given.values[0]!, ',', RULES_MAX);
  return addresses.map(token =>
    matchNetwork(addressField(family, field), readNetwork(token, family), given.negated),
  );
}

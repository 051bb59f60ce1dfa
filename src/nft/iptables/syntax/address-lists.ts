// The lists of addresses that rules of one namespace share by their name: what a rule does with one, and the sets of
// nftables that all of its rules together need. A rule that puts an address in says nothing of times, and one that asks says
// how many seconds ago; nftables compares no age with a number. So there is a set for each time that some rule asks for, and
// an address goes into every one of them. Not here: the options of the match (nft/iptables/matches/recent.ts).

import { type AddressListUse, match, type Statement } from '../../expression.js';
import type { NftRule, NftSet } from '../../table.js';
import type { TranslatedRule } from './rule.js';

type AddressList = Pick<AddressListUse, 'name' | 'family'>;

/** At how many times a list may be asked for: every address that it takes is written so often. */
const TIMES_MAX = 8;
/** How often one rule may use lists. */
const USES_MAX = 16;
/** Elements of one set. */
const SET_SIZE = 65_535;

const keyOf = ({ name, family }: AddressList): string => `${family} ${name}`;

/** The uses of lists in a rule. */
function usesOf(rules: readonly NftRule[]): AddressListUse[] {
  return rules.flatMap(({ expr }) =>
    expr.flatMap(statement => ('addressList' in statement ? [statement.addressList] : [])),
  );
}

/** The times at which each list is asked for. */
class ListTimes {
  readonly #times = new Map<string, Set<number>>();

  add(use: AddressListUse): void {
    const key = keyOf(use);
    const times = this.#times.get(key) ?? new Set();
    this.#times.set(key, times);
    if (use.action !== 'set') times.add(use.seconds);
  }

  /** One at least: what is put in is kept. */
  of(list: AddressList): readonly number[] {
    const times = [...(this.#times.get(keyOf(list)) ?? [])];
    return times.length > 0 ? times.sort((a, b) => a - b) : [0];
  }
}

/** The lists of the rules of one namespace, and whether one more rule goes with them. */
export class AddressLists {
  readonly #times = new ListTimes();

  /**
   * The conflict of a rule with those that were added, or with itself: a list that would be asked for at more times than
   * it may be.
   * @returns one sentence, or undefined
   */
  conflictOf({ rules }: TranslatedRule): string | undefined {
    if (rules.some(rule => usesOf([rule]).length > USES_MAX)) {
      return `it uses lists of addresses (-m recent) more than ${USES_MAX} times`;
    }
    const own = new ListTimes();
    for (const use of usesOf(rules)) {
      own.add(use);
      const times = new Set([...this.#times.of(use), ...own.of(use)]);
      if (times.size > TIMES_MAX) {
        return `the list of addresses ${use.name} would be asked for at more than ${TIMES_MAX} different --seconds`;
      }
    }
    return undefined;
  }

  add({ rules }: TranslatedRule): void {
    for (const use of usesOf(rules)) this.#times.add(use);
  }
}

/** The rules of each chain with statements of nftables for what they do with lists, and the sets that these need. */
export function withLists<Chain extends { readonly rules: readonly NftRule[] }>(
  chains: readonly Chain[],
): { readonly chains: readonly Chain[]; readonly sets: readonly NftSet[] } {
  const uses = chains.flatMap(({ rules }) => usesOf(rules));
  if (uses.length === 0) return { chains, sets: [] };
  const lists = [...new Map(uses.map(use => [keyOf(use), use])).values()];
  const times = new ListTimes();
  for (const use of uses) times.add(use);
  const resolve = (statement: Statement): Statement[] =>
    'addressList' in statement
      ? statementsOf(statement.addressList, times.of(statement.addressList))
      : [statement];
  return {
    chains: chains.map(chain => ({
      ...chain,
      rules: chain.rules.map(rule => ({ ...rule, expr: rule.expr.flatMap(resolve) })),
    })),
    sets: lists.flatMap(list => times.of(list).map(seconds => setOf(list, seconds))),
  };
}

/** No name can be taken for another's: the number comes first. */
const setName = ({ name, family }: AddressList, seconds: number): string =>
  `recent${family}.${seconds}.${name}`;

/** Elements of a set with the flag and without a time stay. */
function setOf(list: AddressList, seconds: number): NftSet {
  return {
    name: setName(list, seconds),
    type: list.family === 4 ? 'ipv4_addr' : 'ipv6_addr',
    flags: ['timeout'],
    ...(seconds > 0 && { timeout: seconds }),
    size: SET_SIZE,
  };
}

function statementsOf(use: AddressListUse, times: readonly number[]): Statement[] {
  const { action, address, seconds, negated } = use;
  const named = (time: number): string => `@${setName(use, time)}`;
  const found = match(address, negated ? '!=' : '==', named(seconds));
  const write = times.map(
    (time): Statement => ({
      // What has no time is not begun anew.
      set: { op: time === 0 ? 'add' : 'update', elem: address, set: named(time) },
    }),
  );
  if (action === 'set') return write;
  if (action === 'check') return [found];
  if (action === 'update') return [found, ...write];
  return [
    found,
    ...times.map((time): Statement => ({ set: { op: 'delete', elem: address, set: named(time) } })),
  ];
}

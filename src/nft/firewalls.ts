// The firewalls of others in a namespace, as far as they are in nf_tables: their base chains at hook forward. Not here:
// what is in a rule (filter-chain.ts), the old iptables' (legacy-tables.ts).

import { TooManyError } from '../base/errors.js';
import { type AnswerLimits, type Connection, GUARDED } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import { type FilterRule, type ForwardChain, readFilterRules, readForwardChains } from './filter-chain.js';
import { getChainsRequest, getRulesRequest } from './messages.js';
import type { NftTable } from './table.js';

/** Chains that are read, and their rules and those of their tables in all: whoever has more of them is not told. */
const [MAX_CHAINS, MAX_RULES] = [8, 1024] as const;
/** Of these rules in all: one may have a hundred expressions, each of which takes time to read. */
const MAX_BYTES = 256 * 1024;
/** Of the connection that they are read by. */
export const FIREWALL_LIMITS: AnswerLimits = { ...GUARDED, messages: MAX_RULES, bytes: MAX_BYTES };

/**
 * The base chains at hook forward, with their rules, of other tables than our own.
 * @throws OpError; ChannelError when there are more than MAX_RULES, or than the connection's limit; DecodeError
 */
export function forwardChainsIn(
  connection: Connection,
  own: Pick<NftTable, 'family' | 'name'>,
): ForwardChain[] {
  const context = { op: 'listing nftables of', subject: 'firewalls' };
  const ask = (request: Request): Buffer[] =>
    connection.request(request, context).map(({ payload }) => payload);
  const tables = new Map<string, Map<string, FilterRule[]>>();
  let [count, size] = [0, 0];
  const rulesOf = ({ family, table }: Pick<ForwardChain, 'family' | 'table'>): Map<string, FilterRule[]> => {
    const key = `${family} ${table}`;
    const known = tables.get(key);
    if (known) return known;
    const payloads = ask(getRulesRequest(family, table));
    count += payloads.length;
    size += payloads.reduce((sum, { length }) => sum + length, 0);
    if (count > MAX_RULES || size > MAX_BYTES)
      throw new TooManyError(
        `listing nftables of firewalls: more than ${MAX_RULES} rules or ${MAX_BYTES} bytes`,
      );
    const rules = readFilterRules(payloads);
    tables.set(key, rules);
    return rules;
  };
  return readForwardChains(ask(getChainsRequest()))
    .filter(({ family, table }) => family !== own.family || table !== own.name)
    .slice(0, MAX_CHAINS)
    .map(chain => {
      const others = rulesOf(chain);
      return { ...chain, rules: others.get(chain.name) ?? [], others };
    });
}

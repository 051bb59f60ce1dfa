// The firewalls of others in a namespace, as far as they are in nf_tables: their base chains at hook forward. Not here:
// what is in a rule (filter-chain.ts), the old iptables' (legacy-tables.ts).

import type { Connection } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import { type ForwardChain, readFilterRules, readForwardChains } from './filter-chain.js';
import { getChainsRequest, getRulesRequest } from './messages.js';
import type { NftTable } from './table.js';

/** Chains whose tables are read. */
const MAX_CHAINS = 8;

/**
 * The base chains at hook forward, with their rules, of other tables than our own.
 * @throws OpError; ChannelError when there is more than the connection's limit; DecodeError
 */
export function forwardChainsIn(
  connection: Connection,
  own: Pick<NftTable, 'family' | 'name'>,
): ForwardChain[] {
  const context = { op: 'listing nftables of', subject: 'firewalls' };
  const ask = (request: Request): Buffer[] =>
    connection.request(request, context).map(({ payload }) => payload);
  return readForwardChains(ask(getChainsRequest()))
    .filter(({ family, table }) => family !== own.family || table !== own.name)
    .slice(0, MAX_CHAINS)
    .map(chain => {
      const others = readFilterRules(ask(getRulesRequest(chain.family, chain.table)));
      return { ...chain, rules: others.get(chain.name) ?? [], others };
    });
}

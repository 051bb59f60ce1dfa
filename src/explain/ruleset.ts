// The nf_tables of a namespace, listed in pieces with pauses in between: its owner may have made any number of rules. Not here:
// what they are (machine/decode.ts), elements of sets (netns-view.ts).

import type { NetlinkConnection } from '../netlink/connection.js';
import type { Request } from '../netlink/message.js';
import { getAllRequest, getChainsRequest, getTablesRequest } from '../nft/messages.js';
import type { Pause } from './looking.js';
import {
  decodeChain,
  decodeDormant,
  decodeListedRule,
  decodeSet,
  isOfBridgeTable,
} from './machine/decode.js';
import { type ListedRule, placeKey, type Ruleset } from './machine/instruction.js';

/** Rules that are read without a pause. */
const AT_A_TIME = 256;

/**
 * @returns whether there are chains at other hooks than those of routed packets, too
 * @throws OpError, ChannelError, DecodeError, and what the pause throws
 */
export async function readRuleset(
  nft: NetlinkConnection,
  pause: Pause,
): Promise<readonly [Ruleset, hasOthers: boolean]> {
  const list = async (request: Request, what: string): Promise<Buffer[]> => {
    const context = { op: 'listing nftables', subject: what };
    const listed = await nft.requestInParts(request, context, pause);
    await pause();
    return listed.map(({ payload }) => payload);
  };
  const chains = (await list(getChainsRequest(), 'chains')).filter(chain => !isOfBridgeTable(chain));
  const rules = new Map<string, ListedRule[]>();
  for (const [n, payload] of (await list(getAllRequest('rules'), 'rules')).entries()) {
    if (n % AT_A_TIME === AT_A_TIME - 1) await pause();
    const rule = decodeListedRule(payload);
    if (!rule) continue;
    const key = placeKey(rule.family, rule.table, rule.chain);
    const before = rules.get(key) ?? [];
    rules.set(key, before);
    before.push({ ...rule, number: before.length + 1 });
  }
  const tables = await list(getTablesRequest(), 'tables');
  const dormant = new Set(tables.flatMap(each => decodeDormant(each) ?? []));
  const decoded = chains
    .map(payload => decodeChain(payload))
    .filter(chain => !chain || !dormant.has(placeKey(chain.family, chain.table, '')));
  const sets = (await list(getAllRequest('sets'), 'sets')).flatMap(payload => decodeSet(payload) ?? []);
  const ruleset = {
    ...{ chains: decoded.flatMap(chain => chain ?? []), rules },
    sets: new Map(sets.map(set => [placeKey(set.family, set.table, set.name), set])),
  };
  return [ruleset, decoded.some(chain => chain === undefined || chain.isElsewhere === true)];
}

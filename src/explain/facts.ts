// What of a namespace is read before a packet is followed there: links, addresses and rules, with pauses in between. Its owner
// may mean harm: all is bounded. Not here: what is asked on the way (netns-view.ts).

import { readFileSync } from 'node:fs';
import { type AnswerLimits, type Connection, GUARDED, openConnection } from '../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../netlink/message.js';
import type { Netns, NetnsSwitch } from '../netlink/netns.js';
import type { LinkAddress } from '../netlink/route/address.js';
import { RtNetlink } from '../netlink/route/client.js';
import type { Link } from '../netlink/route/link.js';
import { NETLINK_NETFILTER } from '../nft/messages.js';
import type { Ruleset } from './machine/instruction.js';
import { readRuleset } from './ruleset.js';

const LIMITS: AnswerLimits = { ...GUARDED, bytes: 8 * 1024 * 1024 };
/** Names of the tables that the iptables before nf_tables has there. */
const LEGACY = {
  4: '/proc/thread-self/net/ip_tables_names',
  6: '/proc/thread-self/net/ip6_tables_names',
} as const;

/** Sockets of the namespace, which belong to it for good. */
export type Connections = readonly [route: Connection, nft: Connection, generic: Connection];

export interface NetnsFacts {
  readonly connections: Connections;
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly LinkAddress[];
  readonly ruleset: Ruleset;
  /** What is there and not followed, a clause each, by family; it may change everything. */
  readonly unfollowed: readonly string[];
}

/**
 * @param pause is called after each piece of work
 * @throws OpError when it cannot be entered; ChannelError where it has more than is read; DecodeError; what the pause throws
 */
export async function readFacts(
  entry: NetnsSwitch,
  netns: Netns,
  family: 4 | 6,
  pause: () => Promise<void>,
): Promise<NetnsFacts> {
  const opened: Connection[] = [];
  const open = (protocol: number): Connection => {
    const connection = openConnection(protocol, { limits: LIMITS });
    opened.push(connection);
    return connection;
  };
  try {
    const [connections, legacy] = entry.within(netns, (): readonly [Connections, readonly string[]] => [
      [open(NETLINK_ROUTE), open(NETLINK_NETFILTER), open(NETLINK_GENERIC)],
      namesIn(LEGACY[family]),
    ]);
    const rt = new RtNetlink(connections[0]);
    const links = new Map(rt.links().map(link => [link.index, link]));
    await pause();
    const addresses = rt.addresses();
    await pause();
    const [ruleset, hasOthers] = await readRuleset(connections[1], pause);
    const unfollowed = [
      ...(legacy.length > 0 ? [`the rules of the old iptables there (${legacy.join(', ')})`] : []),
      ...(hasOthers ? ['the chains at hooks of links there'] : []),
    ];
    return { connections, links, addresses, ruleset, unfollowed };
  } catch (err) {
    for (const connection of opened) connection.close();
    throw err;
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readFileSync(path, 'latin1')
      .split('\n')
      .filter(name => /^[a-z]{1,16}$/.test(name))
      .slice(0, 8);
  } catch {
    // Without the module there is no such file.
    return [];
  }
}

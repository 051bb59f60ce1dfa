// What of a namespace is read before a packet is followed there: links, addresses and rules, with pauses in between. Its owner
// may mean harm: all is bounded. Not here: what is asked on the way (netns-view.ts).

import { readFileSync } from 'node:fs';
import { type AnswerLimits, GUARDED, type NetlinkConnection, openConnection } from '../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../netlink/message.js';
import type { Netns } from '../netlink/netns.js';
import type { LinkAddress } from '../netlink/route/address.js';
import { RtNetlink } from '../netlink/route/client.js';
import type { Link } from '../netlink/route/link.js';
import { NETLINK_NETFILTER } from '../nft/messages.js';
import type { Looking } from './looking.js';
import type { Ruleset } from './machine/instruction.js';
import { readRuleset } from './ruleset.js';

const LIMITS: AnswerLimits = { ...GUARDED, ms: 500 };
/** Of one list. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Names of the tables that the iptables before nf_tables has there. */
const LEGACY = {
  4: '/proc/thread-self/net/ip_tables_names',
  6: '/proc/thread-self/net/ip6_tables_names',
} as const;

/** Sockets of the namespace, which belong to it for good. */
export interface Connections {
  readonly route: NetlinkConnection;
  readonly rules: NetlinkConnection;
  /** For elements of sets, of which less is read. */
  readonly sets: NetlinkConnection;
  readonly generic: NetlinkConnection;
}

export interface NetnsFacts {
  readonly connections: Connections;
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly LinkAddress[];
  readonly ruleset: Ruleset;
  /** What is there and not followed, a clause each, by family; it may change everything. */
  readonly unfollowed: readonly string[];
}

/**
 * @throws OpError when it cannot be entered; ChannelError where it has more than is read; DecodeError; what the pause throws
 */
export async function readFacts(
  { entry, pause, effort }: Looking,
  netns: Netns,
  family: 4 | 6,
): Promise<NetnsFacts> {
  const opened: NetlinkConnection[] = [];
  const open = (protocol: number, bytes = MAX_BYTES): NetlinkConnection => {
    const connection = openConnection(protocol, { limits: { ...LIMITS, bytes } });
    opened.push(connection);
    return connection;
  };
  try {
    const [connections, legacy] = entry.within(netns, (): readonly [Connections, readonly string[]] => [
      {
        route: open(NETLINK_ROUTE),
        rules: open(NETLINK_NETFILTER),
        sets: open(NETLINK_NETFILTER, effort.elementBytes),
        generic: open(NETLINK_GENERIC),
      },
      namesIn(LEGACY[family]),
    ]);
    const rt = new RtNetlink(connections.route);
    const links = new Map(rt.links().map(link => [link.index, link]));
    await pause();
    const addresses = rt.addresses();
    await pause();
    const [ruleset, hasOthers] = await readRuleset(connections.rules, pause);
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

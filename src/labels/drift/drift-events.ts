// Which events of a namespace say that what labels brought may be gone: a ruleset, a route of ours, a policy rule, an interface
// or an address that has changed, forwarding that was switched off. Others do not even come. Not here: who is heard, and what follows (drift-watch.ts).

import type { FilterInstruction } from '../../../native/libc-events.js';
import { isNotFound } from '../../base/errors.js';
import { RTPROT_DWGD } from '../../base/ownership.js';
import { NETLINK_ROUTE, NLM_F_REPLACE } from '../../netlink/message.js';
import type { NamespaceEvent } from '../../netlink/namespace-event.js';
import { type EventSource, NamespaceEvents } from '../../netlink/namespace-events.js';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';
import { RTM_DELADDR, RTM_NEWADDR } from '../../netlink/route/address.js';
import { RTM_DELLINK, RTM_NEWLINK, RTNLGRP_LINK } from '../../netlink/route/link.js';
import { NETCONFA_FORWARDING, NETCONFA_IFINDEX_ALL, RTM_NEWNETCONF } from '../../netlink/route/netconf.js';
import { RTM_DELRULE, RTM_NEWRULE } from '../../netlink/route/policy-rule.js';
import { RTM_DELROUTE, RTM_NEWROUTE } from '../../netlink/route/route.js';
import { NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES } from '../../nft/messages.js';
import { nfnlType } from '../../nft/nfgenmsg.js';
import type { NetnsRef } from '../discovery/container.js';
import type { Ear } from './hearing.js';

/** NFNLGRP_NFTABLES. */
const NFNLGRP_NFTABLES = 7;
/** The end of each transaction. */
const NFT_MSG_NEWGEN = 15;
const NEWGEN = nfnlType(NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWGEN);
/** Behind struct nfgenmsg and NFTA_GEN_ID: NFTA_GEN_PROC_PID, eight bytes long. */
const [PROCESS_AT, PROCESS_HEADER] = [12, (2 << 16) | 8] as const;
/** RTNLGRP_IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE, _IPV6_IFADDR, _IPV6_ROUTE, _IPV6_RULE. */
const [ADDRESSES_4, ROUTES_4, RULES_4, ADDRESSES_6, ROUTES_6, RULES_6] = [5, 7, 8, 9, 11, 19] as const;

/** RTNLGRP_IPV4_NETCONF, _IPV6_NETCONF. */
const [SETTINGS_4, SETTINGS_6] = [24, 25] as const;

/** Classic BPF: loads of a word, of a half word and of a byte, jumps, and the end. */
const [LD_W_ABS, LD_H_ABS, LD_B_ABS, JEQ, JSET, RET] = [0x20, 0x28, 0x30, 0x15, 0x45, 0x06] as const;
/** Places in a message: of nlmsghdr its type and flags, behind it rtm_protocol of rtmsg. */
const [TYPE_AT, FLAGS_AT, PROTOCOL_AT] = [4, 6, 21] as const;
/** The same behind netconfmsg: which interface, and of what was changed there its attribute's type and its value. */
const [INTERFACE_AT, SETTING_AT, VALUE_AT] = [24, 30, 32] as const;
/** The whole of it: others that hear the same would miss what is cut off. */
const TAKEN: FilterInstruction = { code: RET, k: 0xffff_ffff };
const DROPPED: FilterInstruction = { code: RET, k: 0 };

/** A number of 16 bits as BPF reads it, in the other order of bytes. */
function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}

const RULESETS: readonly FilterInstruction[] = [
  { code: LD_H_ABS, k: TYPE_AT },
  { code: JEQ, jf: 1, k: swapped(NEWGEN) },
  TAKEN,
  DROPPED,
];

/**
 * Routes come and go in thousands: those of ours that are deleted, and others that may have taken the place of one. Of settings
 * forwarding that is off for all interfaces: labels switch it on alone.
 */
const ROUTING: readonly FilterInstruction[] = [
  { code: LD_H_ABS, k: TYPE_AT },
  { code: JEQ, jt: 3, k: swapped(RTM_DELROUTE) },
  { code: JEQ, jt: 5, k: swapped(RTM_NEWROUTE) },
  { code: JEQ, jt: 8, k: swapped(RTM_NEWNETCONF) },
  TAKEN,
  { code: LD_B_ABS, k: PROTOCOL_AT },
  { code: JEQ, jt: 3, k: RTPROT_DWGD },
  DROPPED,
  { code: LD_H_ABS, k: FLAGS_AT },
  { code: JSET, jf: 1, k: swapped(NLM_F_REPLACE) },
  TAKEN,
  DROPPED,
  { code: LD_W_ABS, k: INTERFACE_AT },
  { code: JEQ, jf: 5, k: NETCONFA_IFINDEX_ALL },
  { code: LD_H_ABS, k: SETTING_AT },
  { code: JEQ, jf: 3, k: swapped(NETCONFA_FORWARDING) },
  { code: LD_W_ABS, k: VALUE_AT },
  { code: JEQ, jf: 1, k: 0 },
  TAKEN,
  DROPPED,
];

const SOURCES: readonly EventSource[] = [
  { protocol: NETLINK_NETFILTER, groups: [NFNLGRP_NFTABLES], filter: RULESETS },
  {
    protocol: NETLINK_ROUTE,
    groups: [
      ...[RTNLGRP_LINK, ADDRESSES_4, ROUTES_4, RULES_4, ADDRESSES_6, ROUTES_6, RULES_6],
      ...[SETTINGS_4, SETTINGS_6],
    ],
    filter: ROUTING,
  },
];

const WORDS: ReadonlyMap<number, string> = new Map([
  [NEWGEN, 'ruleset'],
  [RTM_NEWROUTE, 'routes'],
  [RTM_DELROUTE, 'routes'],
  [RTM_NEWRULE, 'policy rules'],
  [RTM_DELRULE, 'policy rules'],
  [RTM_NEWLINK, 'interfaces'],
  [RTM_DELLINK, 'interfaces'],
  [RTM_NEWADDR, 'addresses'],
  [RTM_DELADDR, 'addresses'],
  [RTM_NEWNETCONF, 'forwarding'],
]);

/**
 * Hears what changes in namespaces.
 * @param ring called while there is something to read
 * @throws OpError where the kernel does not have it, or it is not allowed; ErrnoException, ChannelError
 */
export function openEar(netns: Pick<NetnsSwitch, 'withinNew'>, ring: () => void): Ear {
  const events = NamespaceEvents.open(netns, SOURCES, ring);
  return {
    hear: ref => withNetns(ref, found => events.hear(found)),
    numberOf: ref => withNetns(ref, found => events.numberOf(found)),
    read: (take, all) =>
      events.read(event => {
        const { nsid, type } = event;
        if (nsid !== undefined)
          take({ nsid, cause: causeOf(event), what: WORDS.get(type) ?? `message ${type}` });
      }, all),
    close: () => events.close(),
  };
}

/** The process that a transaction of nf_tables came from, or else the port, which is that process's id for its first socket. */
function causeOf({ type, port, payload }: NamespaceEvent): number {
  if (type !== NEWGEN || payload.length < PROCESS_AT + 8) return port;
  const isThere = payload.readUInt32LE(PROCESS_AT) === PROCESS_HEADER;
  return isThere ? payload.readUInt32BE(PROCESS_AT + 4) : port;
}

/** Undefined where the namespace is gone, or its path leads to another one by now. */
function withNetns<T>({ key, path }: NetnsRef, use: (netns: Netns) => T): T | undefined {
  let netns: Netns | undefined;
  try {
    netns = new Netns(path);
    return netns.key === key ? use(netns) : undefined;
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  } finally {
    netns?.close();
  }
}

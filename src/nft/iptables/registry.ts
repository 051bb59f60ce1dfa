// All matches and targets, and the search for one by its name. An entry added to one of the lists is a match or a
// target more. Not here: the entries (nft/iptables/matches/, nft/iptables/targets/).

import { HOST_MATCHES } from './matches/circumstances.js';
import { CONNECTION_MATCHES } from './matches/connection-data.js';
import { CONNTRACK_MATCHES } from './matches/conntrack.js';
import { ICMP_MATCHES } from './matches/icmp.js';
import { IPSEC_MATCHES } from './matches/ipsec.js';
import { IPV6_HEADER_MATCHES } from './matches/ipv6-headers.js';
import { PACKET_MATCHES } from './matches/packet.js';
import { RATE_MATCHES } from './matches/rate.js';
import { RECENT_MATCHES } from './matches/recent.js';
import { SEGMENT_ROUTING_MATCHES } from './matches/segment-routing.js';
import { TIME_MATCHES } from './matches/time.js';
import { TOS_MATCHES } from './matches/tos.js';
import { TRANSPORT_MATCHES } from './matches/transport.js';
import type { Extension } from './syntax/extension.js';
import { MANGLE_TARGETS } from './targets/mangle.js';
import { NAT_TARGETS } from './targets/nat.js';
import { TCP_HEADER_TARGETS } from './targets/tcp-header.js';
import { TRACKING_TARGETS } from './targets/tracking.js';
import { PROXY_TARGETS } from './targets/transparent-proxy.js';
import { VERDICT_TARGETS } from './targets/verdict.js';

export const MATCHES: readonly Extension[] = [
  ...TRANSPORT_MATCHES,
  ...ICMP_MATCHES,
  ...IPSEC_MATCHES,
  ...IPV6_HEADER_MATCHES,
  ...SEGMENT_ROUTING_MATCHES,
  ...CONNTRACK_MATCHES,
  ...CONNECTION_MATCHES,
  ...RATE_MATCHES,
  ...RECENT_MATCHES,
  ...TIME_MATCHES,
  ...PACKET_MATCHES,
  ...TOS_MATCHES,
  ...HOST_MATCHES,
];

export const TARGETS: readonly Extension[] = [
  ...VERDICT_TARGETS,
  ...MANGLE_TARGETS,
  ...TCP_HEADER_TARGETS,
  ...TRACKING_TARGETS,
  ...PROXY_TARGETS,
  ...NAT_TARGETS,
];

/** By its name or one of its aliases. */
export function findExtension(list: readonly Extension[], name: string): Extension | undefined {
  return list.find(extension => extension.name === name || extension.aliases?.includes(name));
}

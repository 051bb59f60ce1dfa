// All matches and targets, and the search for one by its name. An entry added to one of the lists is a match or a
// target more. Not here: the entries (iptables-match-*.ts, iptables-target-*.ts).

import type { Extension } from './iptables-extension.js';
import { CONNECTION_MATCHES } from './iptables-match-conntrack.js';
import { ICMP_MATCHES } from './iptables-match-icmp.js';
import { PACE_MATCHES } from './iptables-match-pace.js';
import { PACKET_MATCHES } from './iptables-match-packet.js';
import { PROTOCOL_MATCHES } from './iptables-match-protocol.js';
import { TIME_MATCHES } from './iptables-match-time.js';
import { TOS_MATCHES } from './iptables-match-tos.js';
import { MANGLE_TARGETS } from './iptables-target-mangle.js';
import { NAT_TARGETS } from './iptables-target-nat.js';
import { VERDICT_TARGETS } from './iptables-target-verdict.js';

export const MATCHES: readonly Extension[] = [
  ...PROTOCOL_MATCHES,
  ...ICMP_MATCHES,
  ...CONNECTION_MATCHES,
  ...PACE_MATCHES,
  ...TIME_MATCHES,
  ...PACKET_MATCHES,
  ...TOS_MATCHES,
];

export const TARGETS: readonly Extension[] = [...VERDICT_TARGETS, ...MANGLE_TARGETS, ...NAT_TARGETS];

/** By its name or one of its aliases. */
export function findExtension(list: readonly Extension[], name: string): Extension | undefined {
  return list.find(extension => extension.name === name || extension.aliases?.includes(name));
}

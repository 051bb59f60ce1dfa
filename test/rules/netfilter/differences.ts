// Where our translation and those of iptables' own test files part, by intent, beside the differences from the program
// (test/rules/differences.ts).

import type { Difference } from '../differences.js';

/** A rule that fits no packet, as ours says it. */
const NEVER = 'iifname "INVAL/D"';

export const TREE_DIFFERENCES: readonly Difference[] = [
  {
    reason: 'no address is outside of all addresses: ours fits no packet',
    applies: /! -s (0\.0\.0\.0|::)\/0/,
    rewrite: text => text.replace(/ip6? saddr != \S+/, NEVER),
  },
  {
    reason: 'no port is outside of all ports: ours fits no packet',
    applies: /! --sport 0:65535/,
    rewrite: text => text.replace(/(tcp|udp) sport != 0-65535/, `meta l4proto $1 ${NEVER}`),
  },
  {
    reason: 'theirs forgets the protocol of a mobility header beside a condition on it',
    applies: /-p mh --mh-type/,
    rewrite: text => text.replace('exthdr mh exists', 'meta l4proto 135'),
    overlook: listed => listed.replace(/\bmeta l4proto mobility-header (?=mh )/, ''),
  },
  {
    reason: 'theirs negates both groups of interfaces or none',
    applies: /! --src-group \S+ --dst-group \S+\//,
    rewrite: text => text.replace(/(oifgroup and \S+) !=/, '$1 =='),
  },
  {
    reason: 'we write "meta l4proto", which means the same in both families, where they write "ip protocol"',
    applies: /^-4 .*--protocol /,
    rewrite: text => text.replace(/\bip protocol\b/, 'meta l4proto'),
  },
  {
    reason: 'theirs orders the chunks of SCTP by their numbers',
    applies: /--chunk-types all INIT,DATA/,
    rewrite: text => text.replace(/(sctp chunk data flags \S+ \S+ == \S+) (sctp chunk init exists)/, '$2 $1'),
  },
  {
    reason:
      'JSON of nftables 1.0.6 cannot ask whether a TCP option without a name exists: ours compares its kind',
    applies: /--tcp-option 23/,
    overlook: listed => listed.replace(/tcp option \S+ (kind \d+|\d+|exists)/, 'tcp option'),
  },
  {
    reason: "JSON of nftables copies no socket's mark: ours copies it bit by bit",
    applies: /--restore-skmark/,
  },
  {
    reason: 'theirs names no family, and lets a packet go on that no socket is there for',
    applies: /-j TPROXY/,
  },
  {
    reason: 'nft(8) 1.0.6 reads no range of addresses in brackets',
    applies: /--to-destination \[\S+-\S+\]:/,
  },
];

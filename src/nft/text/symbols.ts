// Names that nft(8) has for numbers: protocols, types of ICMP, classes of traffic, flags, priorities. Pure. Not here: which
// field has which names (values.ts).

/** A number's name, by number. */
export type Symbols = ReadonlyMap<number, string>;

function named(names: Readonly<Record<string, number>>): Symbols {
  return new Map(Object.entries(names).map(([name, value]) => [value, name]));
}

/** In order from a number on. */
const counted = (first: number, ...names: string[]): Symbols =>
  new Map(names.map((name, n) => [first + n, name]));

/** Of /etc/protocols, which nft(8) reads: those that Debian's names. */
export const PROTOCOL_NAMES = named({
  ...{
    ip: 0,
    icmp: 1,
    igmp: 2,
    ggp: 3,
    ipencap: 4,
    st: 5,
    tcp: 6,
    egp: 8,
    igp: 9,
    pup: 12,
    udp: 17,
    hmp: 20,
  },
  ...{ 'xns-idp': 22, rdp: 27, 'iso-tp4': 29, dccp: 33, xtp: 36, ddp: 37, 'idpr-cmtp': 38, ipv6: 41 },
  ...{ 'ipv6-route': 43, 'ipv6-frag': 44, idrp: 45, rsvp: 46, gre: 47, esp: 50, ah: 51, skip: 57 },
  ...{ 'ipv6-icmp': 58, 'ipv6-nonxt': 59, 'ipv6-opts': 60, rspf: 73, vmtp: 81, eigrp: 88, ospf: 89 },
  ...{
    'ax.25': 93,
    ipip: 94,
    etherip: 97,
    encap: 98,
    pim: 103,
    ipcomp: 108,
    vrrp: 112,
    l2tp: 115,
    isis: 124,
  },
  ...{ sctp: 132, fc: 133, 'mobility-header': 135, udplite: 136, 'mpls-in-ip': 137, manet: 138, hip: 139 },
  ...{ shim6: 140, wesp: 141, rohc: 142, ethernet: 143 },
});

export const DSCP = named({
  ...{ cs0: 0x00, cs1: 0x08, cs2: 0x10, cs3: 0x18, cs4: 0x20, cs5: 0x28, cs6: 0x30, cs7: 0x38, lephb: 0x01 },
  ...{ af11: 0x0a, af12: 0x0c, af13: 0x0e, af21: 0x12, af22: 0x14, af23: 0x16, af31: 0x1a, af32: 0x1c },
  ...{ af33: 0x1e, af41: 0x22, af42: 0x24, af43: 0x26, ef: 0x2e, va: 0x2c },
});
export const ECN = counted(0, 'not-ect', 'ect1', 'ect0', 'ce');

export const ICMP_TYPE_NAMES = named({
  ...{ 'echo-reply': 0, 'destination-unreachable': 3, 'source-quench': 4, redirect: 5, 'echo-request': 8 },
  ...{ 'router-advertisement': 9, 'router-solicitation': 10, 'time-exceeded': 11, 'parameter-problem': 12 },
  ...{ 'timestamp-request': 13, 'timestamp-reply': 14, 'info-request': 15, 'info-reply': 16 },
  ...{ 'address-mask-request': 17, 'address-mask-reply': 18 },
});
export const ICMP_CODES = named({
  ...{ 'net-unreachable': 0, 'host-unreachable': 1, 'prot-unreachable': 2, 'port-unreachable': 3 },
  ...{ 'frag-needed': 4, 'net-prohibited': 9, 'host-prohibited': 10, 'admin-prohibited': 13 },
});
export const ICMPV6_TYPE_NAMES = named({
  ...{ 'destination-unreachable': 1, 'packet-too-big': 2, 'time-exceeded': 3, 'parameter-problem': 4 },
  ...{ 'echo-request': 128, 'echo-reply': 129, 'mld-listener-query': 130, 'mld-listener-report': 131 },
  ...{ 'mld-listener-done': 132, 'nd-router-solicit': 133, 'nd-router-advert': 134 },
  ...{ 'nd-neighbor-solicit': 135, 'nd-neighbor-advert': 136, 'nd-redirect': 137, 'router-renumbering': 138 },
  ...{ 'ind-neighbor-solicit': 141, 'ind-neighbor-advert': 142, 'mld2-listener-report': 143 },
});
export const ICMPV6_CODES = named({
  ...{ 'no-route': 0, 'admin-prohibited': 1, 'addr-unreachable': 3, 'port-unreachable': 4 },
  ...{ 'policy-fail': 5, 'reject-route': 6 },
});

export const TCP_FLAGS = named({ fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 });
export const CT_STATES = named({ invalid: 1, established: 2, related: 4, new: 8, untracked: 64 });
export const CT_STATUS = named({
  ...{ expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 0x10, dnat: 0x20, dying: 0x200 },
});

/** RTN_*. */
export const FIB_TYPES = counted(
  ...([0, 'unspec', 'unicast', 'local', 'broadcast', 'anycast', 'multicast', 'blackhole'] as const),
  ...(['unreachable', 'prohibit', 'throw', 'nat', 'xresolve'] as const),
);
export const DCCP_TYPES = counted(
  ...([0, 'request', 'response', 'data', 'ack', 'dataack', 'closereq', 'close', 'reset', 'sync'] as const),
  'syncack',
);
export const MH_TYPE_NAMES = counted(
  ...([0, 'binding-refresh-request', 'home-test-init', 'careof-test-init', 'home-test'] as const),
  ...(['careof-test', 'binding-update', 'binding-acknowledgement', 'binding-error'] as const),
  ...(['fast-binding-update', 'fast-binding-acknowledgement', 'fast-binding-advertisement'] as const),
  ...(['experimental-mobility-header', 'home-agent-switch-message'] as const),
);
/** Kinds of options of TCP. */
export const TCP_OPTIONS = named({
  ...{ eol: 0, nop: 1, maxseg: 2, window: 3, 'sack-perm': 4, sack: 5, timestamp: 8, md5sig: 19, mptcp: 30 },
  fastopen: 34,
});
export const WEEKDAYS = counted(
  ...([0, 'Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const),
);

/** Priorities of hooks in families ip, ip6 and inet that have a name; one that is near is told from it. */
export const PRIORITIES: readonly {
  readonly name: string;
  readonly value: number;
  readonly hook?: string;
}[] = [
  { name: 'raw', value: -300 },
  { name: 'mangle', value: -150 },
  { name: 'dstnat', value: -100, hook: 'prerouting' },
  { name: 'filter', value: 0 },
  { name: 'security', value: 50 },
  { name: 'srcnat', value: 100, hook: 'postrouting' },
];

/** The number of a name among these. */
export function numberOf(symbols: Symbols, name: string): number | undefined {
  for (const [value, other] of symbols) if (other === name) return value;
  return undefined;
}

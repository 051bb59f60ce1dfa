// The names that iptables(8) knows for numbers: protocols, services, ICMP types, DSCP classes, TOS values. Names that
// other programs' files would add (/etc/services) are few and fixed here: a label means the same on every machine.
// Not here: how numbers are read (numbers.ts).

/** protocols(5), and those that iptables knows by itself; `all` is 0. */
export const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['all', 0],
  ['icmp', 1],
  ['igmp', 2],
  ['ipencap', 4],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['ospf', 89],
  ['ipip', 94],
  ['pim', 103],
  ['ipcomp', 108],
  ['vrrp', 112],
  ['l2tp', 115],
  ['sctp', 132],
  ['mh', 135],
  ['mobility-header', 135],
  ['ipv6-mh', 135],
  ['udplite', 136],
]);

const TCP_AND_UDP: readonly (readonly [string, number])[] = [
  ['domain', 53],
  ['kerberos', 88],
  ['sunrpc', 111],
  ['snmp', 161],
  ['snmp-trap', 162],
  ['ldap', 389],
  ['https', 443],
  ['ldaps', 636],
  ['domain-s', 853],
  ['openvpn', 1194],
  ['nfs', 2049],
  ['sip', 5060],
];
const TCP_ONLY: readonly (readonly [string, number])[] = [
  ['ftp-data', 20],
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['http', 80],
  ['pop3', 110],
  ['auth', 113],
  ['netbios-ssn', 139],
  ['imap2', 143],
  ['bgp', 179],
  ['microsoft-ds', 445],
  ['submissions', 465],
  ['submission', 587],
  ['ipp', 631],
  ['rsync', 873],
  ['imaps', 993],
  ['pop3s', 995],
  ['socks', 1080],
  ['mysql', 3306],
  ['ms-wbt-server', 3389],
  ['xmpp-client', 5222],
  ['postgresql', 5432],
  ['amqp', 5672],
  ['redis', 6379],
  ['http-alt', 8080],
];
const UDP_ONLY: readonly (readonly [string, number])[] = [
  ['bootps', 67],
  ['bootpc', 68],
  ['tftp', 69],
  ['ntp', 123],
  ['netbios-ns', 137],
  ['netbios-dgm', 138],
  ['isakmp', 500],
  ['syslog', 514],
  ['radius', 1812],
  ['ipsec-nat-t', 4500],
  ['mdns', 5353],
];
/** services(5): the ones that a rule may name instead of a number, by their protocol. */
export const SERVICES: Readonly<Record<string, ReadonlyMap<string, number> | undefined>> = {
  tcp: new Map([...TCP_AND_UDP, ...TCP_ONLY]),
  udp: new Map([...TCP_AND_UDP, ...UDP_ONLY]),
  any: new Map([...TCP_AND_UDP, ...TCP_ONLY, ...UDP_ONLY]),
};

/** An ICMP type, alone or with one of its codes. */
export type IcmpType = readonly [type: number, code?: number];

/** RFC 792 and later, by the names of `iptables -p icmp --help`, in lower case. */
export const ICMP_TYPES: ReadonlyMap<string, IcmpType> = new Map<string, IcmpType>([
  ['echo-reply', [0]],
  ['pong', [0]],
  ['destination-unreachable', [3]],
  ['network-unreachable', [3, 0]],
  ['host-unreachable', [3, 1]],
  ['protocol-unreachable', [3, 2]],
  ['port-unreachable', [3, 3]],
  ['fragmentation-needed', [3, 4]],
  ['source-route-failed', [3, 5]],
  ['network-unknown', [3, 6]],
  ['host-unknown', [3, 7]],
  ['network-prohibited', [3, 9]],
  ['host-prohibited', [3, 10]],
  ['tos-network-unreachable', [3, 11]],
  ['tos-host-unreachable', [3, 12]],
  ['communication-prohibited', [3, 13]],
  ['host-precedence-violation', [3, 14]],
  ['precedence-cutoff', [3, 15]],
  ['source-quench', [4]],
  ['redirect', [5]],
  ['network-redirect', [5, 0]],
  ['host-redirect', [5, 1]],
  ['tos-network-redirect', [5, 2]],
  ['tos-host-redirect', [5, 3]],
  ['echo-request', [8]],
  ['ping', [8]],
  ['router-advertisement', [9]],
  ['router-solicitation', [10]],
  ['time-exceeded', [11]],
  ['ttl-exceeded', [11]],
  ['ttl-zero-during-transit', [11, 0]],
  ['ttl-zero-during-reassembly', [11, 1]],
  ['parameter-problem', [12]],
  ['ip-header-bad', [12, 0]],
  ['required-option-missing', [12, 1]],
  ['timestamp-request', [13]],
  ['timestamp-reply', [14]],
  ['address-mask-request', [17]],
  ['address-mask-reply', [18]],
]);

/** RFC 4443 and later, by the names of `ip6tables -p icmpv6 --help`. */
export const ICMPV6_TYPES: ReadonlyMap<string, IcmpType> = new Map<string, IcmpType>([
  ['destination-unreachable', [1]],
  ['no-route', [1, 0]],
  ['communication-prohibited', [1, 1]],
  ['beyond-scope', [1, 2]],
  ['address-unreachable', [1, 3]],
  ['port-unreachable', [1, 4]],
  ['failed-policy', [1, 5]],
  ['reject-route', [1, 6]],
  ['packet-too-big', [2]],
  ['time-exceeded', [3]],
  ['ttl-exceeded', [3]],
  ['ttl-zero-during-transit', [3, 0]],
  ['ttl-zero-during-reassembly', [3, 1]],
  ['parameter-problem', [4]],
  ['bad-header', [4, 0]],
  ['unknown-header-type', [4, 1]],
  ['unknown-option', [4, 2]],
  ['echo-request', [128]],
  ['ping', [128]],
  ['echo-reply', [129]],
  ['pong', [129]],
  ['mld-listener-query', [130]],
  ['mld-listener-report', [131]],
  ['mld-listener-done', [132]],
  ['mld-listener-reduction', [132]],
  ['router-solicitation', [133]],
  ['router-advertisement', [134]],
  ['neighbour-solicitation', [135]],
  ['neighbor-solicitation', [135]],
  ['neighbour-advertisement', [136]],
  ['neighbor-advertisement', [136]],
  ['redirect', [137]],
]);

/** RFC 6275, by the names of `ip6tables -p mh --help` and their short forms. */
export const MH_TYPES: ReadonlyMap<string, number> = new Map(
  [
    ['binding-refresh-request', 'brr'],
    ['home-test-init', 'hoti'],
    ['careof-test-init', 'coti'],
    ['home-test', 'hot'],
    ['careof-test', 'cot'],
    ['binding-update', 'bu'],
    ['binding-acknowledgement', 'ba'],
    ['binding-error', 'be'],
  ].flatMap((names, type) => names.map(name => [name, type] as const)),
);

/** RFC 2474, 2597, 3246. */
export const DSCP_CLASSES: ReadonlyMap<string, number> = new Map([
  ['be', 0],
  ...Array.from({ length: 8 }, (_, i) => [`cs${i}`, i << 3] as const),
  ...[1, 2, 3, 4].flatMap(i => [1, 2, 3].map(drop => [`af${i}${drop}`, (i << 3) | (drop << 1)] as const)),
  ['ef', 46],
]);

/** `IPTOS_*` of <linux/ip.h>; as a name, the value counts under the mask TOS_NAME_MASK. */
export const TOS_NAMES: ReadonlyMap<string, number> = new Map([
  ['minimize-delay', 0x10],
  ['maximize-throughput', 0x08],
  ['maximize-reliability', 0x04],
  ['minimize-cost', 0x02],
  ['normal-service', 0x00],
]);
export const TOS_NAME_MASK = 0x3f;

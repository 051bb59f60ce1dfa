// Pieces of right rules, at least one for each match and target of the table: what a generator puts together.
// Not here: how (generate.ts), what is wrong with a rule (broken.ts).
import type { Hook } from '../../src/nft/iptables/syntax/chains.js';
import type { Random } from '../support/random.js';

/** Text of options, made anew at each call; `!` stands where the generator may put one, or nothing. */
export type Fragment = (random: Random, family: 4 | 6) => string;

export interface Piece {
  /** What `-p` has to say before it; absent: anything. */
  readonly protocols?: readonly string[];
  /** Absent: both. */
  readonly family?: 4 | 6;
  /** Absent: wherever the match or the target may stand. */
  readonly hooks?: readonly Hook[];
  readonly fragments: readonly Fragment[];
}

/** `! ` now and then. */
export const not = (random: Random): string => (random.chance(30) ? '! ' : '');

export function address(random: Random, family: 4 | 6): string {
  return family === 4
    ? `10.${random.int(0, 255)}.${random.int(0, 255)}.${random.int(1, 254)}`
    : `fd00:${random.int(1, 9999)}::${random.int(1, 9999)}`;
}

export function network(random: Random, family: 4 | 6): string {
  const host = address(random, family);
  if (random.chance(40)) return host;
  if (random.chance(15)) return family === 4 ? `${host}/255.255.0.0` : `${host}/ffff:ffff::`;
  if (random.chance(8)) return family === 4 ? `${host}/255.0.255.0` : `${host}/ffff::ffff`;
  return `${host}/${random.int(1, family === 4 ? 32 : 128)}`;
}

const port = (random: Random): string => String(random.int(1, 65535));

function portRange(random: Random): string {
  if (random.chance(50)) return port(random);
  const from = random.int(1, 60000);
  if (random.chance(15)) return `${from}:`;
  if (random.chance(15)) return `:${from}`;
  return `${from}:${from + random.int(1, 5000)}`;
}

/** A number of 32 bits or a range of them, also the whole of it. */
function wideRange(random: Random): string {
  const from = random.int(0, 999);
  return random.pick([
    `${from}`,
    `${from}:${from + random.int(1, 999)}`,
    `${from}:`,
    `:${from}`,
    ':',
    '0:4294967295',
  ]);
}

function portList(random: Random): string {
  const parts: string[] = [];
  for (let at = 1, count = random.int(1, 7); count > 0; count--) {
    at += random.int(2, 3000);
    const to = at + random.int(1, 500);
    parts.push(random.chance(30) ? `${at}:${to}` : String(at));
    at = to + 1;
  }
  return parts.join(',');
}

const natPorts = (random: Random): string => {
  const from = random.int(1, 60000);
  return random.chance(50) ? String(from) : `${from}-${from + random.int(1, 5000)}`;
};

function addressPair(random: Random, family: 4 | 6): string {
  const base = family === 4 ? `10.9.${random.int(0, 255)}.` : `fd00:9::`;
  const from = random.int(1, 99);
  return `${base}${from}-${base}${from + random.int(1, 99)}`;
}

/** A destination of NAT that fits the protocol: ports only where there are some. */
function natDestination(random: Random, family: 4 | 6, withPorts: boolean): string {
  const host = random.chance(60) ? address(random, family) : addressPair(random, family);
  if (!withPorts) return host;
  if (random.chance(20)) return `:${natPorts(random)}`;
  return family === 4 ? `${host}:${natPorts(random)}` : `[${host}]:${natPorts(random)}`;
}

const mark = (random: Random): string =>
  `${random.chance(50) ? '0x' : ''}${random.int(0, 0x7fff).toString(10)}`;
const marked = (random: Random): string =>
  random.chance(50) ? mark(random) : `${mark(random)}/0x${random.int(1, 0xffff).toString(16)}`;
const bits = (random: Random): string => `0x${random.int(1, 0xffff).toString(16)}`;

const rate = (random: Random): string =>
  `${random.int(1, 999)}/${random.pick(['s', 'sec', 'second', 'min', 'minute', 'h', 'hour', 'day'])}`;

const STATES = ['INVALID', 'NEW', 'ESTABLISHED', 'RELATED', 'UNTRACKED'];
const PORTS = ['tcp', 'udp', 'sctp', 'dccp', 'udplite'];
const ADDRESS_TYPES = ['UNICAST', 'LOCAL', 'BROADCAST', 'ANYCAST', 'MULTICAST', 'UNREACHABLE', 'PROHIBIT'];
const DSCP_CLASSES = ['BE', 'EF', 'CS1', 'CS7', 'AF11', 'AF23', 'AF31', 'AF43'];
const TOS_NAMES = [
  'Minimize-Delay',
  'Maximize-Throughput',
  'Maximize-Reliability',
  'Minimize-Cost',
  'Normal-Service',
];
const ICMP_TYPES = [
  'echo-request',
  'echo-reply',
  'ping',
  'destination-unreachable',
  'time-exceeded',
  'redirect',
  'source-quench',
  'parameter-problem',
  'timestamp-request',
  'router-advertisement',
];
const ICMPV6_TYPES = [
  'echo-request',
  'echo-reply',
  'packet-too-big',
  'destination-unreachable',
  'time-exceeded',
  'parameter-problem',
  'neighbour-solicitation',
  'neighbor-advertisement',
  'router-advertisement',
  'redirect',
];
const FLAGS = ['SYN', 'ACK', 'FIN', 'RST', 'URG', 'PSH'];

function tcpFlags(random: Random): string {
  const mask = random.some(FLAGS);
  if (random.chance(10)) return 'ALL NONE';
  if (random.chance(10)) return 'ALL ALL';
  return `${mask.join(',')} ${random.chance(25) ? 'NONE' : mask.filter((_, i) => i === 0 || random.chance(50)).join(',')}`;
}

const portMatch = (name: string): Piece => ({
  protocols: [name],
  fragments: [
    r => `-m ${name} ${not(r)}--dport ${portRange(r)}`,
    r => `-m ${name} ${not(r)}--sport ${portRange(r)}`,
    r => `-m ${name} ${not(r)}--source-port ${port(r)} ${not(r)}--destination-port ${portRange(r)}`,
  ],
});

export const MATCH_PIECES: Readonly<Record<string, Piece>> = {
  tcp: {
    protocols: ['tcp'],
    fragments: [
      ...portMatch('tcp').fragments,
      r => `${not(r)}--dport ${portRange(r)}`,
      r => `${not(r)}--dport ${r.pick(['ssh', 'http', 'domain', 'ftp:http'])}`,
      r => `${not(r)}--syn`,
      r => `${not(r)}--tcp-flags ${tcpFlags(r)}`,
      r => `--tcp-option ${r.pick([2, 3, 4, 5, 8])}`,
      r => `! --tcp-option ${r.pick([2, 3, 4, 5, 8])}`,
      r => `--tcp-option ${r.pick([9, 30, 254])}`,
      r => `${not(r)}--sport ${portRange(r)} ${not(r)}--dport ${portRange(r)} ${not(r)}--syn`,
    ],
  },
  udp: portMatch('udp'),
  sctp: {
    protocols: ['sctp'],
    fragments: [
      ...portMatch('sctp').fragments,
      () => '-m sctp --chunk-types all DATA:iUbE,INIT,SACK,ABORT:T',
      r =>
        `-m sctp --chunk-types all ${r.pick(['INIT_ACK', 'HEARTBEAT', 'ECN_ECNE', 'ASCONF_ACK', 'FORWARD_TSN'])}`,
      () => '-m sctp ! --chunk-types all INIT',
      () => '-m sctp ! --chunk-types all DATA:E,INIT',
      r => `--sport ${port(r)} ${not(r)}--chunk-types any DATA:b,ASCONF,SHUTDOWN_COMPLETE`,
    ],
  },
  dccp: {
    protocols: ['dccp'],
    fragments: [
      ...portMatch('dccp').fragments,
      r => `-m dccp ${not(r)}--dccp-types ${r.pick(['CLOSE', 'INVALID', 'SYNCACK'])}`,
      r => `${not(r)}--dccp-types REQUEST,RESPONSE,DATA,ACK,DATAACK,CLOSEREQ,RESET,SYNC,INVALID`,
    ],
  },
  multiport: {
    protocols: PORTS,
    fragments: [
      r => `-m multiport ${not(r)}--dports ${portList(r)}`,
      r => `-m multiport ${not(r)}--sports ${portList(r)}`,
      r => `-m multiport ${not(r)}--source-ports ${portList(r)}`,
      r => `-m multiport ${not(r)}--destination-ports ${port(r)}`,
      r => `-m multiport ${not(r)}--ports ${portList(r)}`,
    ],
  },
  icmp: {
    protocols: ['icmp'],
    family: 4,
    fragments: [
      r => `-m icmp ${not(r)}--icmp-type ${r.pick(ICMP_TYPES)}`,
      r => `${not(r)}--icmp ${r.pick(['echo-req', 'tos-network-u', 'pi'])}`,
      r => `${not(r)}--icmp-type ${r.pick([0, 3, 5, 8, 11, 13, 17])}`,
      r =>
        `${not(r)}--icmp-type ${r.pick(['3/1', '3/4', '5/0', '11/1', 'host-unreachable', 'port-unreachable'])}`,
      () => '--icmp-type any',
      r => `${not(r)}--icmp-type 3/${r.int(0, 3)}:${r.int(4, 15)}`,
    ],
  },
  icmp6: {
    protocols: ['icmpv6', 'ipv6-icmp'],
    family: 6,
    fragments: [
      r => `-m icmp6 ${not(r)}--icmpv6-type ${r.pick(ICMPV6_TYPES)}`,
      r => `${not(r)}--icmpv6-type ${r.pick([1, 2, 3, 128, 129, 135])}`,
      r => `${not(r)}--icmpv6-type ${r.pick(['1/1', '1/4', '3/0', 'no-route', 'port-unreachable'])}`,
    ],
  },
  tcpmss: {
    protocols: ['tcp'],
    fragments: [
      r => `-m tcpmss ${not(r)}--mss ${r.int(1, 1460)}`,
      r => `-m tcpmss ${not(r)}--mss ${r.int(1, 500)}:${r.int(501, 1460)}`,
    ],
  },
  conntrack: {
    fragments: [
      r => `-m conntrack ${not(r)}--ctstate ${r.some(STATES).join(',')}`,
      r => `-m conntrack ${not(r)}--ctstate ${r.pick(['SNAT', 'DNAT'])}`,
      r => `-m conntrack ${not(r)}--ctstate ${r.pick(STATES)},${r.pick(['SNAT', 'DNAT'])}`,
      r =>
        `-m conntrack ${not(r)}--ctstatus ${r.some(['EXPECTED', 'SEEN_REPLY', 'ASSURED', 'CONFIRMED']).join(',')}`,
      r => `-m conntrack ${not(r)}--ctproto ${r.pick(['tcp', 'udp', '47'])}`,
      (r, f) => `-m conntrack ${not(r)}--ctorigsrc ${network(r, f)}`,
      (r, f) => `-m conntrack ${not(r)}--ctorigdst ${network(r, f)} --ctdir ${r.pick(['ORIGINAL', 'REPLY'])}`,
      (r, f) => `-m conntrack ${not(r)}--ctreplsrc ${network(r, f)} ${not(r)}--ctrepldst ${network(r, f)}`,
      r => `-m conntrack ${not(r)}--ctexpire ${r.int(1, 100)}`,
      r => `-m conntrack ${not(r)}--ctexpire ${r.pick(['325:', ':5', '4294968'])}`,
      r => `-m conntrack ${not(r)}--ctexpire ${r.int(1, 100)}:${r.int(101, 1000)}`,
      r => `-m conntrack ${not(r)}--ctstate ${r.pick(['EST', 'N,R', 'untr'])}`,
      r => `-m conntrack --ctstate NEW --ctdir ${r.pick(['ORIGINAL', 'REPLY'])}`,
    ],
  },
  'conntrack ports': {
    protocols: ['tcp', 'udp'],
    fragments: [
      r => `-m conntrack ${not(r)}--ctorigsrcport ${port(r)}`,
      r => `-m conntrack ${not(r)}--ctorigdstport ${r.int(1, 99)}:${r.int(100, 999)}`,
      r => `-m conntrack ${not(r)}--ctreplsrcport ${port(r)}`,
      r => `-m conntrack ${not(r)}--ctrepldstport ${port(r)}`,
    ],
  },
  'conntrack ports without a protocol': {
    fragments: [
      r => `-m conntrack ${not(r)}--ctorigdstport ${r.int(1, 99)}:${r.int(100, 999)}`,
      r => `-m conntrack ${not(r)}--ctreplsrcport ${port(r)}`,
    ],
  },
  connlabel: {
    fragments: [r => `-m connlabel ${not(r)}--label ${r.int(0, 127)}${r.chance(40) ? ' --set' : ''}`],
  },
  recent: {
    fragments: [
      r => `-m recent --set --name l${r.int(0, 9)} ${r.pick(['--rsource', '--rdest', ''])}`,
      r => `-m recent ${not(r)}--rcheck --name l${r.int(0, 9)}`,
      r => `-m recent ${not(r)}--rcheck --seconds ${r.int(1, 5)} --name l${r.int(0, 9)} --rdest`,
      r => `-m recent --update --seconds ${r.pick([60, 3600, 4294967295])} --hitcount 1 --reap`,
      (r, f) => `-m recent ${not(r)}--update --mask ${f === 4 ? '255.255.0.255' : 'ffff:ffff::'} --name m`,
      r => `-m recent --remove --name l${r.int(0, 9)}`,
      () => '-m recent ! --set',
    ],
  },
  state: { fragments: [r => `-m state ${not(r)}--state ${r.some(STATES).join(',')}`] },
  mark: { fragments: [r => `-m mark ${not(r)}--mark ${marked(r)}`] },
  connmark: { fragments: [r => `-m connmark ${not(r)}--mark ${marked(r)}`] },
  connlimit: {
    fragments: [
      r => `-m connlimit ${not(r)}--connlimit-above ${r.int(1, 99)}`,
      r => `-m connlimit ${not(r)}--connlimit-upto ${r.int(1, 99)} --connlimit-daddr`,
      r =>
        `-m connlimit --connlimit-above ${r.int(1, 99)} --connlimit-mask ${r.pick([8, 16, 20, 24])} --connlimit-saddr`,
    ],
  },
  limit: {
    fragments: [
      () => '-m limit',
      r => `-m limit --limit ${rate(r)}`,
      r => `-m limit --limit ${r.int(1, 99)} --limit-burst ${r.int(1, 100)}`,
    ],
  },
  hashlimit: {
    fragments: [
      r => `-m hashlimit --hashlimit-upto ${rate(r)} --hashlimit-mode srcip --hashlimit-name n${r.int(0, 9)}`,
      r =>
        `-m hashlimit --hashlimit-above ${rate(r)} --hashlimit-burst ${r.int(6, 99)} --hashlimit-mode srcip,dstip --hashlimit-name n${r.int(0, 9)}`,
      r =>
        `-m hashlimit --hashlimit ${rate(r)} --hashlimit-mode dstip --hashlimit-srcmask 24 --hashlimit-dstmask 24 --hashlimit-name n`,
      r =>
        `-m hashlimit --hashlimit-above ${r.int(1, 900)}kb/s --hashlimit-mode srcip --hashlimit-htable-expire ${r.int(2, 9)}000 --hashlimit-name n`,
      r =>
        `-m hashlimit --hashlimit-above ${r.int(1, 900)}kb/s --hashlimit-burst ${r.int(1, 9)}mb --hashlimit-mode dstip --hashlimit-name n`,
      r =>
        `-m hashlimit --hashlimit-upto ${rate(r)} --hashlimit-mode srcip --hashlimit-htable-size 64 --hashlimit-htable-gcinterval 500 --hashlimit-htable-max 999 --hashlimit-name n`,
    ],
  },
  'hashlimit ports': {
    protocols: ['tcp'],
    fragments: [
      r => `-m hashlimit --hashlimit-upto ${rate(r)} --hashlimit-mode srcip,dstport --hashlimit-name n`,
      r =>
        `-m hashlimit --hashlimit-above ${rate(r)} --hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-name n`,
    ],
  },
  quota: { fragments: [r => `-m quota ${not(r)}--quota ${r.int(0, 1_000_000)}`] },
  statistic: {
    fragments: [
      r => `-m statistic --mode random ${not(r)}--probability 0.${r.int(1, 99)}`,
      r => `-m statistic --mode nth ${not(r)}--every ${r.int(5, 99)} --packet ${r.int(0, 4)}`,
    ],
  },
  time: {
    fragments: [
      r => `-m time --timestart ${r.int(0, 9)}:00 --timestop ${r.int(10, 23)}:${r.int(10, 59)}`,
      r =>
        `-m time --timestart 0${r.int(0, 9)}:10:20 --timestop 1${r.int(0, 9)}:30:40 --weekdays ${r.some(['Mon', 'Wed', 'Fri', 'Sun']).join(',')}`,
      r => `-m time ${not(r)}--weekdays ${r.pick(['Sa,Su', 'Mo', 'Tu,Wed'])}`,
      r => `-m time ${not(r)}--weekdays ${r.some([1, 2, 3, 5, 7]).join(',')}`,
      r => `-m time --datestart 20${r.int(20, 30)}-0${r.int(1, 9)}-1${r.int(0, 9)}T0${r.int(0, 9)}:00:00`,
      r => `-m time --datestart 20${r.int(10, 20)} --datestop 20${r.int(21, 37)}-12-31`,
      r => `-m time ${not(r)}--monthdays ${r.int(1, 15)},${r.int(16, 31)} --datestart 2030-02-03`,
      r => `-m time --timestart ${r.int(20, 23)}:00 --timestop ${r.int(1, 9)}:00 --contiguous`,
    ],
  },
  addrtype: {
    fragments: [
      r => `-m addrtype ${not(r)}--src-type ${r.pick(ADDRESS_TYPES)}`,
      r => `-m addrtype ${not(r)}--dst-type ${r.some(ADDRESS_TYPES).join(',')}`,
      r => `-m addrtype --src-type ${r.pick(ADDRESS_TYPES)} --dst-type ${r.pick(ADDRESS_TYPES)}`,
    ],
  },
  'addrtype of what comes in': {
    hooks: ['prerouting', 'input', 'forward'],
    fragments: [r => `-m addrtype ${not(r)}--src-type ${r.pick(ADDRESS_TYPES)} --limit-iface-in`],
  },
  'addrtype of what goes out': {
    hooks: ['forward', 'output', 'postrouting'],
    fragments: [r => `-m addrtype ${not(r)}--dst-type ${r.pick(ADDRESS_TYPES)} --limit-iface-out`],
  },
  iprange: {
    fragments: [
      (r, f) => `-m iprange ${not(r)}--src-range ${addressPair(r, f)}`,
      (r, f) => `-m iprange ${not(r)}--dst-range ${addressPair(r, f)}`,
      (r, f) => `-m iprange --src-range ${addressPair(r, f)} ${not(r)}--dst-range ${addressPair(r, f)}`,
    ],
  },
  mac: { fragments: [r => `-m mac ${not(r)}--mac-source 02:00:00:${r.int(10, 99)}:${r.int(10, 99)}:aB`] },
  owner: {
    fragments: [
      r => `-m owner ${not(r)}--uid-owner ${r.int(0, 70000)}`,
      r => `-m owner ${not(r)}--gid-owner ${r.int(0, 70000)}`,
      r => `-m owner ${not(r)}--uid-owner root`,
      r => `-m owner --uid-owner ${r.int(0, 9)} --gid-owner ${r.int(0, 9)}`,
      r => `-m owner ${not(r)}--uid-owner ${r.int(0, 99)}-${r.int(100, 999)}`,
    ],
  },
  length: {
    fragments: [
      r => `-m length ${not(r)}--length ${r.int(0, 1500)}`,
      r => `-m length ${not(r)}--length ${r.int(0, 700)}:${r.int(701, 1500)}`,
      r => `-m length ${not(r)}--length ${r.int(0, 700)}:`,
      r => `-m length ${not(r)}--length :${r.int(1, 1500)}`,
    ],
  },
  ttl: {
    family: 4,
    fragments: [
      r => `-m ttl ${not(r)}--ttl-eq ${r.int(0, 255)}`,
      r => `-m ttl ${not(r)}--ttl ${r.int(0, 255)}`,
      r => `-m ttl --ttl-lt ${r.int(1, 255)}`,
      r => `-m ttl --ttl-gt ${r.int(0, 254)}`,
    ],
  },
  hl: {
    family: 6,
    fragments: [
      r => `-m hl ${not(r)}--hl-eq ${r.int(0, 255)}`,
      r => `-m hl --hl-lt ${r.int(1, 255)}`,
      r => `-m hl --hl-gt ${r.int(0, 254)}`,
    ],
  },
  dscp: {
    fragments: [
      r => `-m dscp ${not(r)}--dscp ${r.int(0, 63)}`,
      r => `-m dscp ${not(r)}--dscp-class ${r.pick(DSCP_CLASSES)}`,
    ],
  },
  tos: {
    fragments: [
      r => `-m tos ${not(r)}--tos 0x${r.int(0, 255).toString(16)}`,
      r => `-m tos ${not(r)}--tos 0x${r.int(0, 15).toString(16)}/0x0f`,
      r => `-m tos ${not(r)}--tos ${r.pick(TOS_NAMES)}`,
    ],
  },
  pkttype: {
    fragments: [r => `-m pkttype ${not(r)}--pkt-type ${r.pick(['unicast', 'broadcast', 'multicast'])}`],
  },
  ah: {
    family: 6,
    fragments: [
      () => '-m ah',
      r => `-m ah ${not(r)}--ahspi ${wideRange(r)}`,
      r => `-m ah --ahspi ${r.int(0, 99)} ${not(r)}--ahlen ${r.pick([8, 24, 28, 1028, 22])}`,
      () => '-m ah --ahres',
    ],
  },
  'ah of IPv4': {
    family: 4,
    protocols: ['ah', '51'],
    fragments: [() => '-m ah', r => `-m ah ${not(r)}--ahspi ${wideRange(r)}`, r => `--ahspi ${r.int(0, 99)}`],
  },
  esp: {
    protocols: ['esp', '50'],
    fragments: [
      () => '-m esp',
      r => `-m esp ${not(r)}--espspi ${wideRange(r)}`,
      r => `--espspi ${r.int(0, 99)}`,
    ],
  },
  ipcomp: {
    protocols: ['ipcomp', '108'],
    fragments: [r => `-m ipcomp ${not(r)}--ipcompspi ${r.int(0, 60)}:${r.int(61, 70000)}`, () => '-m ipcomp'],
  },
  policy: {
    hooks: ['prerouting', 'input', 'forward'],
    fragments: [r => `-m policy --dir in --pol ${r.pick(['none', 'ipsec'])}`],
  },
  'policy of what goes out': {
    hooks: ['forward', 'output', 'postrouting'],
    fragments: [r => `-m policy --pol ${r.pick(['none', 'ipsec'])} --dir out`],
  },
  frag: {
    family: 6,
    fragments: [
      () => '-m frag',
      r => `-m frag ${not(r)}--fragid ${wideRange(r)}`,
      () => '-m frag --fragfirst --fragmore',
      r => `-m frag --fragres --fraglen ${r.int(0, 99)}`,
      () => '-m frag --fraglast',
    ],
  },
  hbh: {
    family: 6,
    fragments: [() => '-m hbh', r => `-m hbh ${not(r)}--hbh-len ${r.pick([8, 16, 22, 2048, 2056])}`],
  },
  dst: {
    family: 6,
    fragments: [() => '-m dst', r => `-m dst ${not(r)}--dst-len ${r.pick([8, 16, 22])}`],
  },
  rt: {
    family: 6,
    fragments: [
      () => '-m rt',
      r =>
        `-m rt ${not(r)}--rt-type ${r.pick([0, 1, 4, 255])} ${not(r)}--rt-segsleft ${r.int(0, 9)}:${r.int(10, 300)}`,
      r => `-m rt --rt-segsleft ${wideRange(r)}`,
      r => `-m rt ${not(r)}--rt-len ${r.pick([8, 24, 40, 22])}`,
      r => `-m rt --rt-type 0 ${not(r)}--rt-len ${r.pick([8, 24])} --rt-0-res`,
    ],
  },
  srh: {
    family: 6,
    fragments: [
      () => '-m srh',
      r => `-m srh ${not(r)}--srh-next-hdr ${r.int(0, 255)} ${not(r)}--srh-tag ${r.int(0, 65535)}`,
      ...['hdr-len', 'segs-left', 'last-entry'].flatMap(name =>
        ['eq', 'gt', 'lt'].map(
          (comparison): Fragment =>
            r =>
              `-m srh ${not(r)}--srh-${name}-${comparison} ${r.pick([0, 1, 9, 254, 255])}`,
        ),
      ),
      r => `-m srh --srh-hdr-len-gt ${r.int(0, 9)} ! --srh-hdr-len-lt 3 --srh-segs-left-eq 9`,
    ],
  },
  mh: {
    family: 6,
    protocols: ['mh'],
    fragments: [
      () => '-m mh',
      r =>
        `${not(r)}--mh-type ${r.pick([0, 1, '1:3', 'hoti', 'careof-test', 'binding-error', '0:255', '7:', 'BU'])}`,
      () => '! --mh-type 0:255',
    ],
  },
  connbytes: {
    fragments: [
      r =>
        `-m connbytes ${not(r)}--connbytes ${r.pick(['0', '200', '200:', '1:600', '200:600', ':99'])} --connbytes-dir ${r.pick(['original', 'reply', 'both'])} --connbytes-mode ${r.pick(['packets', 'bytes', 'avgpkt'])}`,
    ],
  },
  'connbytes of nothing': {
    fragments: [() => '-m connbytes ! --connbytes 0 --connbytes-dir both --connbytes-mode bytes'],
  },
  helper: {
    fragments: [
      r => `-m helper --helper ${r.pick(['ftp', 'sip', 'tftp', 'ftp-2121'])}`,
      r => `-m helper ! --helper ${r.pick(['ftp', 'sip'])}`,
    ],
  },
  ecn: { fragments: [r => `-m ecn ${not(r)}--ecn-ip-ect ${r.int(0, 3)}`] },
  'ecn of TCP': {
    protocols: ['tcp'],
    fragments: [
      r => `-m ecn ${not(r)}--ecn-tcp-ece`,
      r => `-m ecn ${not(r)}--ecn-tcp-cwr ${not(r)}--ecn-tcp-ece ${not(r)}--ecn-ip-ect ${r.int(0, 3)}`,
    ],
  },
  cpu: { fragments: [r => `-m cpu ${not(r)}--cpu ${r.int(0, 9)}`] },
  cgroup: { fragments: [r => `-m cgroup ${not(r)}--cgroup ${r.int(0, 99)}`] },
  devgroup: {
    hooks: ['forward'],
    fragments: [r => `-m devgroup ${not(r)}--src-group ${marked(r)} ${not(r)}--dst-group ${r.int(0, 99)}`],
  },
  'devgroup of what comes in': {
    hooks: ['prerouting', 'input', 'forward'],
    fragments: [r => `-m devgroup ${not(r)}--src-group ${r.int(0, 99)}`],
  },
  'devgroup of what goes out': {
    hooks: ['forward', 'output', 'postrouting'],
    fragments: [r => `-m devgroup ${not(r)}--dst-group ${marked(r)}`],
  },
  rpfilter: {
    fragments: [
      () => '-m rpfilter',
      () => '-m rpfilter --loose --invert',
      () => '-m rpfilter --validmark',
      () => '-m rpfilter --accept-local',
      () => '-m rpfilter --loose --accept-local --invert',
      () => '-m rpfilter --accept-local --invert',
    ],
  },
  realm: { family: 4, fragments: [r => `-m realm ${not(r)}--realm ${marked(r)}`] },
  socket: {
    fragments: [
      () => '-m socket',
      () => '-m socket --transparent',
      () => '-m socket --nowildcard',
      () => '-m socket --transparent --nowildcard',
      () => '-m socket --nowildcard --restore-skmark',
    ],
  },
  comment: { fragments: [r => `-m comment --comment "some words ${r.int(0, 99)}"`] },
};

export const TARGET_PIECES: Readonly<Record<string, Piece>> = {
  ACCEPT: { fragments: [() => '-j ACCEPT'] },
  DROP: { fragments: [() => '-j DROP'] },
  RETURN: { fragments: [() => '-j RETURN'] },
  REJECT: {
    fragments: [
      () => '-j REJECT',
      (r, f) =>
        `-j REJECT --reject-with ${r.pick(
          f === 4
            ? [
                'icmp-net-unreachable',
                'icmp-host-unreachable',
                'icmp-proto-unreachable',
                'icmp-port-unreachable',
                'icmp-net-prohibited',
                'host-prohib',
                'icmp-admin-prohibited',
              ]
            : [
                'icmp6-no-route',
                'icmp6-adm-prohibited',
                'icmp6-addr-unreachable',
                'port-unreach',
                'icmp6-policy-fail',
                'icmp6-reject-route',
              ],
        )}`,
    ],
  },
  'REJECT of TCP': { protocols: ['tcp'], fragments: [() => '-j REJECT --reject-with tcp-reset'] },
  LOG: {
    fragments: [
      () => '-j LOG',
      r => `-j LOG --log-prefix "in ${r.int(0, 999)}: "`,
      r =>
        `-j LOG --log-level ${r.pick(['debug', 'info', 'warning', 'error', '3', '7', 'emerg'])} --log-prefix p`,
      () => '-j LOG --log-tcp-sequence --log-ip-options --log-uid',
      () => '-j LOG --log-tcp-options --log-macdecode',
    ],
  },
  NFLOG: {
    fragments: [
      () => '-j NFLOG',
      r => `-j NFLOG --nflog-group ${r.int(0, 999)} --nflog-prefix "x y"`,
      r => `-j NFLOG --nflog-size ${r.int(1, 999)} --nflog-threshold ${r.int(1, 99)}`,
      r => `-j NFLOG --nflog-range ${r.int(1, 999)}`,
    ],
  },
  MARK: {
    fragments: [
      r => `-j MARK --set-mark ${marked(r)}`,
      r => `-j MARK --set-xmark ${marked(r)}`,
      r => `-j MARK --and-mark ${bits(r)}`,
      r => `-j MARK --or-mark ${bits(r)}`,
      r => `-j MARK --xor-mark ${bits(r)}`,
    ],
  },
  CONNMARK: {
    fragments: [
      r => `-j CONNMARK --set-mark ${marked(r)}`,
      r => `-j CONNMARK --set-xmark ${marked(r)}`,
      r => `-j CONNMARK --and-mark ${bits(r)}`,
      r => `-j CONNMARK --or-mark ${bits(r)}`,
      r => `-j CONNMARK --xor-mark ${bits(r)}`,
      () => '-j CONNMARK --save-mark',
      () => '-j CONNMARK --restore-mark',
      r => `-j CONNMARK --save-mark --nfmask ${bits(r)}`,
      r => `-j CONNMARK --restore-mark --ctmask ${bits(r)}`,
      () => '-j CONNMARK --restore-mark --mask 0xffffffff',
      r => `-j CONNMARK --save-mark --ctmask ${bits(r)}`,
      r => `-j CONNMARK --restore-mark --nfmask 0x${r.int(1, 0xffff).toString(16)} --ctmask ${bits(r)}`,
    ],
  },
  TCPMSS: {
    protocols: ['tcp'],
    fragments: [r => `--syn -j TCPMSS --set-mss ${r.int(1, 1400)}`],
  },
  'TCPMSS on its way out': {
    protocols: ['tcp'],
    hooks: ['forward', 'output', 'postrouting'],
    fragments: [() => '--tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'],
  },
  TOS: {
    fragments: [
      r => `-j TOS --set-tos 0x${r.int(0, 255).toString(16)}`,
      () => '-j TOS --set-tos 0x10/0x3f',
      r => `-j TOS --set-tos ${r.pick(TOS_NAMES)}`,
      r => `-j TOS --and-tos 0x${r.int(0, 7).toString(16)}`,
      () => '-j TOS --or-tos 0xfc',
    ],
  },
  DSCP: {
    fragments: [
      r => `-j DSCP --set-dscp ${r.int(0, 63)}`,
      r => `-j DSCP --set-dscp-class ${r.pick(DSCP_CLASSES)}`,
    ],
  },
  TTL: {
    family: 4,
    fragments: [
      r => `-j TTL --ttl-set ${r.int(0, 255)}`,
      r => `-j TTL --ttl-inc ${r.int(1, 255)}`,
      r => `-j TTL --ttl-dec ${r.int(1, 255)}`,
    ],
  },
  HL: {
    family: 6,
    fragments: [
      r => `-j HL --hl-set ${r.int(0, 255)}`,
      r => `-j HL --hl-inc ${r.int(1, 255)}`,
      r => `-j HL --hl-dec ${r.int(1, 255)}`,
    ],
  },
  TCPOPTSTRIP: {
    protocols: ['tcp'],
    fragments: [
      () => '-j TCPOPTSTRIP',
      r => `-j TCPOPTSTRIP --strip-options ${r.some([2, 3, 4, 5, 8, 19, 250]).join(',')}`,
      r =>
        `-j TCPOPTSTRIP --strip-options ${r.some(['mss', 'wscale', 'sack-permitted', 'sack', 'timestamp', 'md5']).join(',')}`,
    ],
  },
  ECN: { family: 4, protocols: ['tcp'], fragments: [() => '-j ECN --ecn-tcp-remove'] },
  TPROXY: {
    protocols: ['tcp', 'udp'],
    fragments: [
      r => `-j TPROXY --on-port ${r.int(0, 65535)}`,
      (r, f) => `-j TPROXY --on-port ${r.int(0, 65535)} --on-ip ${address(r, f)} --tproxy-mark ${marked(r)}`,
    ],
  },
  NOTRACK: { fragments: [() => '-j NOTRACK'] },
  CT: {
    fragments: [
      () => '-j CT --notrack',
      r => `-j CT --zone ${r.int(0, 65535)}`,
      r => `-j CT --zone-orig ${r.int(0, 99)} --zone-reply ${r.int(0, 99)}`,
    ],
  },
  SYNPROXY: {
    protocols: ['tcp'],
    fragments: [
      () => '-j SYNPROXY',
      r => `-j SYNPROXY --sack-perm --timestamp --wscale ${r.int(0, 14)} --mss ${r.int(1, 1460)}`,
    ],
  },
  AUDIT: { fragments: [r => `-j AUDIT --type ${r.pick(['accept', 'drop', 'reject'])}`] },
  TRACE: { fragments: [() => '-j TRACE'] },
  CLASSIFY: { fragments: [r => `-j CLASSIFY --set-class ${r.int(1, 99)}:${r.int(1, 99)}`] },
  DNAT: {
    fragments: [
      (r, f) => `-j DNAT --to-destination ${natDestination(r, f, false)}`,
      (r, f) => `-j DNAT --to-dest ${natDestination(r, f, false)}`,
      (r, f) => `-j DNAT --to-destination ${natDestination(r, f, false)} --random --persistent`,
    ],
  },
  'DNAT of ports': {
    protocols: ['tcp', 'udp', 'sctp', 'dccp'],
    fragments: [(r, f) => `-j DNAT --to-destination ${natDestination(r, f, true)}`],
  },
  SNAT: {
    fragments: [
      (r, f) => `-j SNAT --to-source ${natDestination(r, f, false)}`,
      (r, f) => `-j SNAT --to-source ${natDestination(r, f, false)} --random-fully --persistent`,
    ],
  },
  'SNAT of ports': {
    protocols: ['tcp', 'udp', 'sctp', 'dccp'],
    fragments: [
      (r, f) => `-j SNAT --to-source ${natDestination(r, f, true)}${r.chance(30) ? ' --random' : ''}`,
    ],
  },
  MASQUERADE: {
    fragments: [() => '-j MASQUERADE', () => '-j MASQUERADE --random', () => '-j MASQUERADE --random-fully'],
  },
  'MASQUERADE of ports': {
    protocols: ['tcp', 'udp'],
    fragments: [r => `-j MASQUERADE --to-ports ${natPorts(r)}`],
  },
  REDIRECT: { fragments: [() => '-j REDIRECT', () => '-j REDIRECT --random'] },
  'REDIRECT of ports': {
    protocols: ['tcp', 'udp'],
    fragments: [
      r => `-j REDIRECT --to-ports ${natPorts(r)}`,
      () => '-j REDIRECT --to-port domain',
      () => '-j REDIRECT --to-ports 0',
    ],
  },
  NETMAP: {
    fragments: [
      (r, f) =>
        `-j NETMAP --to ${f === 4 ? `10.8.${r.int(0, 255)}.0/${r.int(24, 32)}` : `fd00:8::/${r.int(48, 64)}`}`,
    ],
  },
};

// Where our translation and iptables-translate(8) of iptables 1.8.9 part, by intent, one by one. `rewrite` makes of
// its text what it should have been, so that the rest of the rule is compared all the same; where there is none, the
// rule is left to real iptables (packets.test.ts).

export interface Difference {
  readonly reason: string;
  /** Of the rule of iptables, with `-4 ` or `-6 ` before it. */
  readonly applies: RegExp;
  /** Of a line of theirs, with the rule of iptables, and a word that no other line has. */
  readonly rewrite?: (text: string, rule: string, unique: string) => string;
  /** Of a listed line of both sides. */
  readonly overlook?: (listed: string) => string;
}

const UNITS = ['second', 'minute', 'hour', 'day'];

/** `5/minute` of `5/min`. */
function fullRate(rate: string): string {
  const [number, unit = 'second'] = rate.split('/');
  return `${number}/${UNITS.find(name => name.startsWith(unit))}`;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    reason: 'theirs forgets that a packet without a connection fits ! --label',
    applies: /-m connlabel ! --label/,
  },
  {
    reason: 'we write "meta l4proto", which means the same in both families, where they write "ip protocol"',
    applies: /^-4 .*-p /,
    rewrite: text => text.replace(/\bip protocol\b/, 'meta l4proto'),
  },
  {
    reason: 'theirs negates the destination port of UDP when the source port is negated, and only then',
    applies: /-m udp .*--(dport|destination-port) /,
    rewrite: (text, rule) =>
      text.replace(
        /udp dport (!= )?(?!.*udp dport)/,
        `udp dport ${/! --(dport|destination-port) /.test(rule) ? '!= ' : ''}`,
      ),
  },
  {
    reason: 'theirs takes the ends of a range for two ports in multiport --ports, and forgets its "!"',
    applies: /-m multiport (! )?--ports/,
  },
  {
    reason: 'theirs forgets that a packet without the option MSS fits ! --mss',
    applies: /! --mss/,
  },
  {
    reason: 'theirs forgets the other states beside SNAT and DNAT, and the "!" before them',
    applies: /! --ctstate [SD]NAT|--ctstate \S*,[SD]NAT/,
  },
  {
    reason: 'theirs writes the protocol after the addresses for --icmp-type any',
    applies: /--icmp-type any/,
  },
  {
    reason: 'theirs has the rate as xt_limit rounds it, and in another unit; ours is exact',
    applies: /-m (hash)?limit\b/,
    rewrite: (text, rule) => {
      const rates = rule.split('-m ').flatMap(match => {
        if (!/^(hash)?limit\b/.test(match)) return [];
        const rate = /--(?:hash)?limit(?:-upto|-above)? (\S+)/.exec(match)?.[1] ?? '3/hour';
        return rate.endsWith('b/s') ? [] : [fullRate(rate)];
      });
      return text.replace(/(limit rate (?:over )?)\d+\/\w+/g, (_, before) => `${before}${rates.shift()}`);
    },
  },
  {
    reason: 'each hashlimit has a meter of its own, where theirs share the name',
    applies: /--hashlimit-name/,
    rewrite: (text, _, unique) => text.replace(/\bmeter \S+/, `meter h${unique}`),
  },
  {
    reason: 'theirs forgets the second after which xt_hashlimit drops an idle entry',
    applies: /--hashlimit(-upto|-above)? \d+\/s/,
    rewrite: text => text.replace(/ limit rate/, ' timeout 1s limit rate'),
  },
  {
    reason: 'theirs forgets --hashlimit-htable-max',
    applies: /--hashlimit-htable-max/,
    rewrite: (text, rule) =>
      text.replace(/(meter \S+) \{/, `$1 size ${/--hashlimit-htable-max (\d+)/.exec(rule)![1]} {`),
  },
  {
    reason:
      'a connlimit is a meter, as JSON of nftables 1.0.6 has no dynamic sets; theirs has a set of IPv4 addresses for IPv6 too',
    applies: /--connlimit/,
    rewrite: (text, _, unique) => text.replace(/\badd @\S+ \{/, `meter c${unique} {`),
  },
  {
    reason: 'a time from evening to morning: ours is exact to the second at both ends',
    applies: /--timestart 2\d:00 --timestop \d:00/,
  },
  {
    reason: 'theirs forgets the second of two types of address',
    applies: /--src-type \S+ --dst-type/,
  },
  {
    reason: "theirs applies the mask of a change of the connection's mark after the value, not before",
    applies: /-j CONNMARK --set-x?mark/,
    rewrite: text => text.replace(/ct mark xor (\S+) and (\S+)/, 'ct mark and $2 xor $1'),
  },
  {
    reason:
      'ours copies a mark bit by bit where some of the other are kept; theirs overwrites those that --nfmask keeps',
    applies: /--restore-mark --nfmask/,
  },
  {
    reason: 'theirs looks for the address of any interface, in another order',
    applies: /--accept-local --invert/,
    rewrite: text =>
      text.replace(/fib saddr type != local (fib saddr( \. iif)? oif 0)/, '$1 fib saddr$2 type != local'),
  },
  {
    reason: 'theirs writes fields of IPv6 for the TOS of IPv4, and forgets the bits of ECN and of a mask',
    applies: /-j TOS/,
  },
  {
    reason: 'nftables takes the protocol of a connection for that of the packet: ours is two bounds',
    applies: /--ctproto/,
    rewrite: text =>
      text.replace(
        /(ct original protocol) (\d+)/,
        (_, ct, number) => `${ct} >= ${number} ${ct} <= ${number}`,
      ),
  },
  {
    reason: "a connection's addresses: nftables 1.0.6 misreads a network of IPv6 in their words",
    applies: /--ct(orig|repl)(src|dst) /,
    rewrite: (text, rule) =>
      text.replace(/ct (original|reply) ([sd]addr)/g, `ct $1 ${rule.startsWith('-4') ? 'ip' : 'ip6'} $2`),
  },
  {
    reason:
      'JSON of nftables 1.0.6 cannot ask whether a TCP option without a name exists: ours compares its kind',
    applies: /--tcp-option (9|254)/,
    rewrite: text => text.replace(/tcp option (\d+) exists/, 'tcp option @$1,0,8 $1'),
    overlook: listed => listed.replace(/tcp option \S+ (kind \d+|\d+|exists)/, 'tcp option'),
  },
  {
    reason:
      'theirs asks for the protocol where its own match stands, so that what counts or sets before it does so too much',
    applies:
      /-p (\S+) .*-m (limit|hashlimit|quota|connlimit|statistic|connlabel) .*(-m (\1|icmp6) |--syn|--tcp-flags)|-m (limit|hashlimit|quota|connlimit|statistic) .*-m (ah|esp|ipcomp) /,
    overlook: listed => listed.replace(/\bmeta l4proto \S+ /g, '').replace(/^meta nfproto \S+ /, ''),
  },
  {
    reason: "theirs forgets the mask of a connection's address where it has a gap",
    applies: /--ct(orig|repl)(src|dst) \S+\/(255\.0\.255\.0|ffff::ffff)/,
  },
  {
    reason:
      'theirs forgets the protocol where the match of it has no condition, the "!" before the whole range of numbers, and that a header has to be there',
    applies:
      /-m (ah|esp|frag|rt)(?= -[jmo]| --(syn|tcp-flags)|$)|--(ahspi|espspi|fragid|rt-segsleft) (0:4294967295|:(?!\d))/,
  },
  {
    reason: 'theirs forgets the "!" before the whole range of types of a mobility header',
    applies: /! --mh-type 0:255/,
  },
  {
    reason: 'theirs takes the match ipcomp without a number for one with 0',
    applies: /-m ipcomp(?= -[jm]|$)/,
    rewrite: text => text.replace(/ ?\bcomp cpi 0\b/, ''),
    overlook: listed => listed.replace(/\bmeta l4proto ipcomp /, ''),
  },
  {
    reason: 'theirs has a number beyond the field, which nft(8) refuses',
    applies: /--(rt-segsleft|ipcompspi) \d*:(\d{3,})/,
  },
  {
    reason: 'theirs compares a length in octets with a field that counts in units of eight or four',
    applies: /--(ahlen|hbh-len|rt-len)/,
    rewrite: text =>
      text.replace(/(ah|hbh|rt) hdrlength (!= )?(\d+)/g, (_, header, negated = '', octets) => {
        const units = header === 'ah' ? octets / 4 - 2 : octets / 8 - 1;
        if (Number.isInteger(units) && units < 256) return `${header} hdrlength ${negated}${units}`;
        if (!negated) return 'iifname "INVAL/D"';
        return header === 'ah' ? '' : `exthdr ${header} exists`;
      }),
  },
  {
    reason: 'theirs asks for a reserved field that is 1; the kernel for one that is zero',
    applies: /--(ahres|fragres)/,
    rewrite: text =>
      text
        .replace(/ah reserved 1/, 'ah reserved 0')
        .replace(/frag reserved 1/, 'frag reserved 0 frag reserved2 0'),
  },
  {
    reason: 'theirs asks for two protocols at once, of which the kernel knows one: ours fits no packet',
    applies: /^-6 .*-p (?!ah|51|all)\S+ .*-m ah/,
  },
  {
    reason: 'theirs has "ip ecn" for IPv6, compares all flags of TCP, and negates all conditions or none',
    applies: /-m ecn /,
    rewrite: (text, rule) => {
      const negated = (option: string): string => (rule.includes(`! --${option}`) ? '!' : '');
      return text
        .replace(
          /\bip ecn (!= )?/,
          `ip${rule.startsWith('-6') ? '6' : ''} ecn ${negated('ecn-ip-ect') && '!= '}`,
        )
        .replace(/tcp flags (!= )?ecn/, `tcp flags ${negated('ecn-tcp-ece')} ecn`)
        .replace(/tcp flags (!= )?cwr/, `tcp flags ${negated('ecn-tcp-cwr')} cwr`);
    },
  },
  {
    reason: 'theirs negates both groups of interfaces or none',
    applies: /! --src-group \S+ --dst-group/,
    rewrite: text => text.replace(/oifgroup != /, 'oifgroup '),
  },
  {
    reason: 'no number is below 0: ours fits no packet',
    applies: /! --connbytes 0 /,
  },
  {
    reason:
      'theirs forgets that a packet without a connection that another has brought about fits ! --helper',
    applies: /! --helper/,
  },
  {
    reason: 'theirs has no protocol that would tell what a port of a connection is: nft(8) refuses it',
    applies: /^(?!.*-p (tcp|udp|sctp|dccp|udplite) ).*--ct(orig|repl)(src|dst)port/,
  },
  {
    reason: 'theirs has seconds beyond the milliseconds of 32 bits that nftables counts',
    applies: /--ctexpire (325:|4294968)/,
  },
  {
    reason: 'theirs negates every one of several chunks',
    applies: /! --chunk-types all \S+,/,
  },
  {
    reason:
      'theirs forgets the protocol beside --chunk-types, where every other protocol misses a chunk, too',
    applies: /-p sctp .*--chunk-types/,
    overlook: listed => listed.replace(/\bmeta l4proto sctp /, ''),
  },
  {
    reason: 'theirs takes a connection that is not counted for one that has carried nothing',
    applies: /-m connbytes/,
    overlook: listed => listed.replace(/\bct packets >= 1 /, ''),
  },
];

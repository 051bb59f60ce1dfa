// What is tried on packets: rules whose effect can be seen, made of matches that some of the packets fit and others do
// not. Not here: the packets (probes.ts).

import { findExtension, MATCHES } from '../../src/nft/iptables/registry.js';
import { chainsOf } from '../../src/nft/iptables/syntax/chains.js';
import type { TwineChain } from '../../src/nft/iptables/syntax/rule.js';
import type { Random } from '../support/random.js';

export interface Case {
  /** Rules of ours, whole; iptables gets the same in chains of the same names. */
  readonly rules: readonly string[];
  /** Absent: both. */
  readonly family?: 4 | 6;
  /** Where iptables has it in another table than ours. */
  readonly table?: 'mangle';
}

interface Tried {
  readonly text: string;
  readonly family?: 4 | 6;
  readonly chains?: readonly TwineChain[];
}

const both = (text: string): Tried[] => [{ text }];
const four = (text: string): Tried[] => [{ text, family: 4 }];
const six = (text: string): Tried[] => [{ text, family: 6 }];
/** As it is and negated, where ~ stands. */
const negated = (make: (text: string) => Tried[], text: string): Tried[] => [
  ...make(text.replace('~', '')),
  ...make(text.replace('~', '! ')),
];

const COMING_IN: readonly TwineChain[] = ['TWINE_INPUT', 'TWINE_FORWARD'];

/** Conditions. The packets' ports, addresses and sizes are those of probes.ts. */
const CONDITIONS: readonly Tried[] = [
  ...negated(both, '~-p tcp'),
  ...negated(both, '~-p udp'),
  ...negated(both, '~-p icmp'),
  ...negated(both, '~-p icmpv6'),
  ...negated(four, '~-s 10.1.0.9'),
  ...negated(six, '~-s fd01::9'),
  ...negated(four, '~-d 10.0.0.0/255.0.0.15'),
  ...negated(four, '~-d 10.2.0.8/29'),
  ...negated(six, '~-d fd02::8/125'),
  ...negated(six, '~-d ::9/::f'),
  ...four('-s 10.1.0.9,10.1.0.7 -d 10.2.0.0/24,10.1.0.1'),
  ...negated(four, '~-f'),
  ...negated(both, '-p udp ~--dport 53'),
  ...negated(both, '-p udp ~--sport 1024:30100'),
  ...negated(both, '-p tcp ~--dport 80:443'),
  ...negated(both, '-p tcp ~--dport http'),
  ...negated(both, '-p tcp ~--syn'),
  ...negated(both, '-p tcp ~--tcp-flags SYN,ACK,FIN ACK'),
  ...negated(both, '-p tcp ~--tcp-flags ALL NONE'),
  ...negated(both, '-p tcp ~--tcp-option 2'),
  ...negated(both, '-p udp -m multiport ~--dports 53,8000:9000'),
  ...negated(both, '-p tcp -m multiport ~--sports 30000:30011,9'),
  ...negated(both, '-p tcp -m multiport ~--ports 80,30006'),
  ...negated(both, '-p udp -m multiport ~--ports 50:60'),
  ...negated(four, '-p icmp ~--icmp-type echo-request'),
  ...negated(four, '-p icmp ~--icmp-type 8/1'),
  ...negated(four, '-p icmp ~--icmp-type any'),
  ...negated(six, '-p icmpv6 ~--icmpv6-type echo-request'),
  ...negated(six, '-p icmpv6 ~--icmpv6-type 128/1'),
  ...negated(both, '-p tcp -m tcpmss ~--mss 1000:1500'),
  ...negated(both, '-m conntrack ~--ctstate NEW'),
  ...negated(both, '-m conntrack ~--ctstate ESTABLISHED,RELATED'),
  ...negated(both, '-m conntrack ~--ctstate INVALID'),
  ...negated(both, '-m state ~--state NEW,INVALID'),
  ...negated(both, '-m conntrack ~--ctproto udp'),
  ...both('-m conntrack --ctdir REPLY'),
  ...both('-m conntrack --ctdir ORIGINAL --ctstate ESTABLISHED'),
  ...negated(both, '-p udp -m conntrack ~--ctorigdstport 53'),
  ...negated(both, '-p udp -m conntrack ~--ctreplsrcport 50:60'),
  ...negated(both, '-m conntrack ~--ctorigdstport 50:100'),
  ...negated(four, '-m conntrack ~--ctorigsrc 10.1.0.8/29'),
  ...negated(six, '-m conntrack ~--ctorigsrc fd01::8/125'),
  ...negated(four, '-m conntrack ~--ctrepldst 10.1.0.9'),
  ...both('-m conntrack --ctstatus SEEN_REPLY'),
  ...both('-m conntrack ! --ctstatus SEEN_REPLY,ASSURED --ctstate ESTABLISHED,NEW'),
  ...both('-m conntrack --ctstate DNAT'),
  ...both('-m conntrack --ctstate NEW,DNAT'),
  ...negated(both, '-m mark ~--mark 0'),
  ...negated(both, '-m connmark ~--mark 0/0xff'),
  // Here as below, an order that does not depend on who answers first.
  { text: '-p udp -m limit --limit 1/minute --limit-burst 3', chains: COMING_IN },
  ...both(
    '-p udp -m hashlimit --hashlimit-name a --hashlimit-upto 1/minute --hashlimit-burst 2 --hashlimit-mode srcip',
  ),
  ...both(
    '-p udp -m hashlimit --hashlimit-name b --hashlimit-above 1/minute --hashlimit-burst 2 --hashlimit-mode dstip,dstport',
  ),
  ...both('-p udp -m quota --quota 200'),
  { text: '-p udp -m statistic --mode nth --every 3 --packet 1', chains: COMING_IN },
  { text: '-p udp -m statistic --mode nth ! --every 2 --packet 0', chains: COMING_IN },
  ...both('-m statistic --mode random --probability 1'),
  ...both('-m statistic --mode random --probability 0'),
  ...negated(both, '-m addrtype ~--src-type LOCAL'),
  ...negated(both, '-m addrtype ~--dst-type LOCAL'),
  ...negated(four, '-m addrtype ~--dst-type UNICAST,BROADCAST'),
  { text: '-m addrtype --dst-type LOCAL --limit-iface-in', family: 4, chains: ['TWINE_INPUT'] },
  ...four('-m addrtype --src-type UNICAST ! --dst-type LOCAL'),
  ...negated(four, '-m iprange ~--src-range 10.1.0.5-10.1.0.12'),
  ...negated(six, '-m iprange ~--dst-range fd02::5-fd02::c'),
  { text: '-m mac --mac-source 02:00:00:00:01:02' },
  { text: '-m mac ! --mac-source 02:00:00:00:01:02' },
  ...negated(both, '-m length ~--length 100:400'),
  ...negated(both, '-m length ~--length :40'),
  ...negated(four, '-m ttl ~--ttl-eq 9'),
  ...four('-m ttl --ttl-lt 20'),
  ...four('-m ttl --ttl-gt 20'),
  ...negated(six, '-m hl ~--hl-eq 9'),
  ...six('-m hl --hl-lt 20'),
  ...negated(both, '-m dscp ~--dscp 4'),
  ...negated(both, '-m dscp ~--dscp-class BE'),
  ...negated(both, '-m tos ~--tos 0x10'),
  ...negated(both, '-m tos ~--tos 0x10/0x18'),
  ...negated(both, '-m tos ~--tos Minimize-Delay'),
  ...negated(both, '-m pkttype ~--pkt-type unicast'),
  ...negated(both, '-m ecn ~--ecn-ip-ect 3'),
  ...negated(both, '-p tcp -m ecn ~--ecn-tcp-ece'),
  ...negated(both, '-p tcp -m ecn ~--ecn-tcp-cwr'),
  ...both('-p tcp -m ecn ! --ecn-tcp-cwr ! --ecn-tcp-ece ! --ecn-ip-ect 0'),
  ...negated(both, '-p esp -m esp ~--espspi 1:500'),
  ...both('-p esp -m esp'),
  ...negated(both, '-p ah -m ah ~--ahspi 600:'),
  ...negated(six, '-m ah --ahspi 700 ~--ahlen 24'),
  ...six('-m ah --ahres'),
  ...six('-p udp -m ah'),
  ...negated(six, '-m dst ~--dst-len 8'),
  ...negated(six, '-m rt --rt-type 0 ~--rt-len 24'),
  ...negated(six, '-m rt ~--rt-segsleft 1:'),
  ...negated(six, '-m rt ~--rt-len 23'),
  ...negated(six, '-m srh ~--srh-tag 0x0707'),
  ...negated(six, '-m srh ~--srh-hdr-len-gt 1'),
  ...six('-m srh --srh-hdr-len-lt 2'),
  ...six('-m srh --srh-next-hdr 6 --srh-segs-left-eq 0 ! --srh-last-entry-lt 0'),
  ...six('-m rt --rt-type 0 --rt-0-res'),
  ...negated(both, '-m connlabel ~--label 3'),
  ...negated(both, '-p udp -m connlabel ~--label 70 --set'),
  ...negated(four, '-p icmp ~--icmp-type 8/1:9'),
  ...negated(four, '-p icmp ~--icmp-type 255'),
  ...both('-p udp -m recent --set --name a'),
  ...both('-p udp -m recent ! --set --name b'),
  ...six('-m hbh'),
  ...six('-m frag ! --fragid 5'),
  ...negated(both, '-m cpu ~--cpu 5'),
  ...negated(both, '-m helper ~--helper ftp'),
  ...negated(both, '-m cgroup ~--cgroup 5'),
  { text: '-m devgroup --src-group 0', chains: COMING_IN },
  { text: '-m devgroup ! --src-group 0', chains: COMING_IN },
  ...negated(four, '-m realm ~--realm 0'),
  ...both('-m socket'),
  ...both('-m socket --nowildcard'),
  ...both('-m socket --transparent'),
  { text: '-m policy --dir in --pol none', chains: COMING_IN },
  { text: '-m policy --dir in --pol ipsec', chains: COMING_IN },
  { text: '-m policy --dir out --pol none', chains: ['TWINE_FORWARD', 'TWINE_OUTPUT'] },
  ...negated(both, '-p udp -m connbytes ~--connbytes 2 --connbytes-dir both --connbytes-mode packets'),
  ...negated(both, '-m connbytes ~--connbytes 0:60 --connbytes-dir original --connbytes-mode avgpkt'),
  ...negated(both, '-m connbytes ~--connbytes 100:300 --connbytes-dir both --connbytes-mode bytes'),
  ...both('-m owner --uid-owner 0'),
  ...both('-m owner --uid-owner 1-99'),
  ...both('-m time --datestart 2001 --datestop 2030'),
  ...both('-m time --datestart 2037'),
  ...negated(both, '-m time ~--monthdays 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,31'),
  ...both('-m time --monthdays 1,2,3,29,30,31 --datestart 2001-02-03 --datestop 2012'),
  ...both('-m time ! --weekdays Mon,Tue,Wed,Thu,Fri,Sat,Sun'),
  ...both('-m comment --comment "nothing but words"'),
];

const FILTER: readonly TwineChain[] = ['TWINE_INPUT', 'TWINE_FORWARD', 'TWINE_OUTPUT'];

/** The chains of filter where a condition can stand. */
function chainsFor({ text, chains }: Tried): TwineChain[] {
  const name = /-m (\w+)/.exec(text)?.[1];
  const extension = name === undefined ? undefined : findExtension(MATCHES, name);
  return FILTER.filter(
    chain => (chains?.includes(chain) ?? true) && chainsOf(extension?.constraint ?? {}).includes(chain),
  );
}

function asCase(rules: readonly string[], { family }: { readonly family?: 4 | 6 }): Case {
  return { rules, ...(family && { family }) };
}

/** Every condition in one chain at least, with the targets in turn. */
function conditions(random: Random): Case[] {
  const targets = ['DROP', 'DROP', 'REJECT', 'RETURN'];
  return CONDITIONS.flatMap((condition, index) => {
    const chains = chainsFor(condition);
    return (index % 4 === 0 || /limit|quota|nth/.test(condition.text) ? chains : [random.pick(chains)]).map(
      chain => {
        const target = targets[(index + chain.length) % targets.length]!;
        // The table of a name would live on from one case to the next.
        const text = condition.text.replace(/(--(?:hashlimit-)?name) (\w+)/, `$1 $2-${chain}`);
        const rule = `${chain} ${text} -j ${target}`;
        // What returns is seen by what does not.
        return asCase(target === 'RETURN' ? [rule, `${chain} -j DROP`] : [rule], condition);
      },
    );
  });
}

/** Those that do not count. */
const SIMPLE = CONDITIONS.filter(({ text }) => !/limit|quota|statistic|recent|--set/.test(text));

/** Two conditions in one rule, and one in each of two rules. */
function pairs(random: Random, count: number): Case[] {
  const cases: Case[] = [];
  while (cases.length < count) {
    const [first, second] = [random.pick(SIMPLE), random.pick(SIMPLE)];
    const chains = chainsFor(first).filter(chain => chainsFor(second).includes(chain));
    const families = new Set([first.family, second.family].filter(family => family !== undefined));
    const chain = chains.length > 0 ? random.pick(chains) : undefined;
    if (!chain || families.size > 1 || first === second) continue;
    const family = first.family ?? second.family;
    const apart = random.chance(40);
    const clash =
      /-[psdf] |--(sport|dport|syn|tcp-|icmp)/.test(first.text) &&
      /-[psdf] |--(sport|dport|syn|tcp-|icmp)/.test(second.text);
    const rules =
      apart || clash
        ? [`${chain} ${first.text} -j ACCEPT`, `${chain} ${second.text} -j DROP`]
        : [
            `${chain} ${/-p /.test(second.text) ? `${second.text} ${first.text}` : `${first.text} ${second.text}`} -j DROP`,
          ];
    cases.push({ rules, ...(family && { family }) });
  }
  return cases;
}

const REJECTS: readonly Case[] = [
  ...[
    'net-unreachable',
    'host-unreachable',
    'proto-unreachable',
    'port-unreachable',
    'net-prohibited',
    'host-prohibited',
    'admin-prohibited',
  ].map(
    (type): Case => ({ rules: [`TWINE_FORWARD -p udp -j REJECT --reject-with icmp-${type}`], family: 4 }),
  ),
  ...[
    'no-route',
    'adm-prohibited',
    'addr-unreachable',
    'port-unreachable',
    'policy-fail',
    'reject-route',
  ].map((type): Case => ({ rules: [`TWINE_INPUT -p udp -j REJECT --reject-with icmp6-${type}`], family: 6 })),
  { rules: ['TWINE_INPUT -p tcp --dport 80 -j REJECT --reject-with tcp-reset'] },
  { rules: ['TWINE_FORWARD -p tcp ! --dport 80 -j REJECT --reject-with tcp-reset'] },
  { rules: ['TWINE_OUTPUT -p udp -j REJECT'] },
];

/** A change that another rule sees. */
const MARKS: readonly Case[] = [
  ['--set-mark 5', '5'],
  ['--set-mark 5/7', '5/7'],
  ['--set-xmark 0x15/0xf', '0x15'],
  ['--and-mark 0x3', '0'],
  ['--or-mark 0x6', '6'],
  ['--xor-mark 0xff', '0xff'],
].flatMap(([change, value]): Case[] => [
  {
    rules: [`TWINE_FORWARD -p udp -j MARK ${change}`, `TWINE_FORWARD -m mark --mark ${value} -j DROP`],
  },
  {
    rules: [
      'TWINE_FORWARD -p udp -j MARK --set-mark 0x53',
      `TWINE_FORWARD -p udp --dport 53 -j MARK ${change}`,
      'TWINE_FORWARD -p udp -m mark ! --mark 0x53 -j REJECT',
    ],
  },
  {
    rules: [
      'TWINE_FORWARD -p udp -j CONNMARK --set-mark 0x53',
      `TWINE_FORWARD -p udp --dport 53 -j CONNMARK ${change}`,
      `TWINE_FORWARD -m connmark --mark ${value} -j DROP`,
    ],
  },
]);

/**
 * Connections that are counted live on, whatever the rule says. Those that it would refuse are dead, and connlimit of
 * iptables and `ct count` forget them at different times: up to a jiffy later, or with the next new one.
 */
const CONNLIMITS: readonly Case[] = [
  both('--connlimit-above 2'),
  both('--connlimit-upto 1'),
  both('--connlimit-above 3 --connlimit-daddr'),
  four('--connlimit-above 5 --connlimit-mask 8'),
  six('--connlimit-upto 5 --connlimit-mask 16'),
].flatMap(tried =>
  tried.flatMap(({ text, ...rest }): Case[] => [
    {
      ...rest,
      rules: [
        `TWINE_INPUT -p udp -m connlimit ${text} -j CONNMARK --set-mark 5`,
        'TWINE_OUTPUT -m connmark --mark 5 -j DROP',
      ],
    },
    ...['TWINE_FORWARD', 'TWINE_OUTPUT'].map(
      (chain): Case => ({
        ...rest,
        rules: [`${chain} -p udp -m connlimit ${text} -j TOS --set-tos 0x20`],
        table: 'mangle',
      }),
    ),
  ]),
);

const COPIES: readonly Case[] = [
  {
    rules: [
      'TWINE_FORWARD -p udp -j MARK --set-mark 0x53',
      'TWINE_FORWARD -p udp --dport 53 -j CONNMARK --save-mark --nfmask 0x13',
      'TWINE_FORWARD -m connmark --mark 0x13 -j DROP',
    ],
  },
  {
    rules: [
      'TWINE_FORWARD -p udp --dport 53 -j CONNMARK --set-mark 0x53',
      'TWINE_FORWARD -j CONNMARK --restore-mark --ctmask 0x50',
      'TWINE_FORWARD -m mark --mark 0x50 -j REJECT',
    ],
  },
  // Bits that are kept, copied, cleared, and inverted.
  ...(
    [
      ['--mask 0xff', '0xa53'],
      ['--nfmask 0xff3 --ctmask 0xf', '0x853'],
      ['--nfmask 0x3 --ctmask 0xfff', '0x3'],
      ['--ctmask 0xf00', '0x25f'],
    ] as const
  ).map(
    ([masks, value]): Case => ({
      rules: [
        'TWINE_FORWARD -p udp -j CONNMARK --set-mark 0xa0c',
        'TWINE_FORWARD -p udp -j MARK --set-mark 0x253',
        'TWINE_FORWARD -p udp --dport 53 -j RETURN',
        `TWINE_FORWARD -p udp -j CONNMARK --save-mark ${masks}`,
        `TWINE_FORWARD -m connmark --mark ${value} -j DROP`,
      ],
    }),
  ),
  {
    rules: [
      'TWINE_FORWARD -p udp -j CONNMARK --set-mark 0x35',
      'TWINE_FORWARD -p udp -j MARK --set-mark 0xf0f',
      'TWINE_FORWARD -p udp --dport 53 -m connmark --mark 0x35 -j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff',
      'TWINE_FORWARD -m mark --mark 0xf35 -j REJECT',
    ],
  },
  {
    rules: [
      'TWINE_FORWARD -j CONNMARK --restore-mark',
      'TWINE_FORWARD -m mark ! --mark 0 -j DROP',
      'TWINE_FORWARD -p udp -j MARK --set-mark 7',
      'TWINE_FORWARD -j CONNMARK --save-mark',
    ],
  },
];

/** What the packet looks like afterwards. */
const CHANGES: readonly Case[] = [
  { rules: ['TWINE_FORWARD -p tcp --syn -j TCPMSS --set-mss 900'] },
  {
    rules: [
      'TWINE_FORWARD -p tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1000: -j TCPMSS --clamp-mss-to-pmtu',
    ],
  },
  ...[
    '--set-tos 0x20',
    '--set-tos 0x10/0x3f',
    '--set-tos Maximize-Throughput',
    '--and-tos 0x1c',
    '--or-tos 0x22',
    '--set-tos 0x01/0x03',
  ].map((change): Case => ({ rules: [`TWINE_FORWARD -j TOS ${change}`], table: 'mangle' })),
  ...['--set-dscp 10', '--set-dscp-class EF', '--set-dscp 0'].map(
    (change): Case => ({ rules: [`TWINE_FORWARD -p udp -j DSCP ${change}`], table: 'mangle' }),
  ),
];

/** What only chains of mangle and raw have. */
const MANGLE_AND_RAW: readonly Case[] = [
  { rules: ['TWINE_MANGLE_FORWARD -j TTL --ttl-set 5'], family: 4 },
  { rules: ['TWINE_MANGLE_FORWARD -j TTL --ttl-inc 1'], family: 4 },
  { rules: ['TWINE_MANGLE_PREROUTING -j TTL --ttl-inc 250'], family: 4 },
  { rules: ['TWINE_MANGLE_POSTROUTING -m ttl --ttl-lt 20 -j TTL --ttl-inc 3'], family: 4 },
  { rules: ['TWINE_MANGLE_FORWARD -p udp -j TTL --ttl-dec 7'], family: 4 },
  { rules: ['TWINE_MANGLE_OUTPUT -j TTL --ttl-dec 60'], family: 4 },
  { rules: ['TWINE_MANGLE_FORWARD -p tcp -j ECN --ecn-tcp-remove'], family: 4 },
  { rules: ['TWINE_MANGLE_FORWARD -p tcp -m ecn --ecn-tcp-ece -j ECN --ecn-tcp-remove'], family: 4 },
  { rules: ['TWINE_MANGLE_FORWARD -p tcp -j TCPOPTSTRIP --strip-options mss,9'] },
  { rules: ['TWINE_MANGLE_PREROUTING -p tcp --dport 443 -j TCPOPTSTRIP --strip-options 2'] },
  // No socket of a proxy is there: the packet goes no further.
  { rules: ['TWINE_MANGLE_PREROUTING -p udp --dport 53 -j TPROXY --on-port 5353'] },
  {
    rules: ['TWINE_MANGLE_PREROUTING -p tcp -j TPROXY --on-port 0 --on-ip 10.1.0.1 --tproxy-mark 1'],
    family: 4,
  },
  { rules: ['TWINE_MANGLE_PREROUTING -j HL --hl-inc 250'], family: 6 },
  { rules: ['TWINE_MANGLE_OUTPUT -j HL --hl-dec 60'], family: 6 },
  { rules: ['TWINE_MANGLE_POSTROUTING -p udp -j HL --hl-set 5'], family: 6 },
  ...['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].flatMap((hook): Case[] => [
    { rules: [`TWINE_MANGLE_${hook} -p udp --dport 53 -j DROP`] },
    { rules: [`TWINE_MANGLE_${hook} -p udp -j DSCP --set-dscp-class EF`] },
    { rules: [`TWINE_MANGLE_${hook} -j MARK --set-mark 5`, 'TWINE_FORWARD -m mark --mark 5 -j DROP'] },
  ]),
  ...['PREROUTING', 'OUTPUT'].flatMap((hook): Case[] => [
    { rules: [`TWINE_RAW_${hook} -p tcp --dport 80 -j DROP`] },
    {
      rules: [`TWINE_RAW_${hook} -p udp -j NOTRACK`, 'TWINE_FORWARD -m state --state UNTRACKED -j DROP'],
    },
    {
      rules: [
        `TWINE_RAW_${hook} -p udp --dport 53 -j CT --notrack`,
        'TWINE_INPUT -m conntrack --ctstate UNTRACKED -j REJECT',
      ],
    },
    { rules: [`TWINE_RAW_${hook} -j ACCEPT`, `TWINE_RAW_${hook} -j DROP`] },
  ]),
  ...['TWINE_MANGLE_PREROUTING', 'TWINE_RAW_PREROUTING'].flatMap((chain): Case[] =>
    [
      '',
      '--invert',
      '--loose',
      '--loose --invert',
      '--validmark',
      '--accept-local',
      '--accept-local --invert',
    ].map(options => ({
      rules: [`${chain} -m rpfilter ${options} -j DROP`],
    })),
  ),
];

/** Lists that one rule fills and another asks, as port knocking has them; the second round is the one that is known. */
const LISTS: readonly Case[] = [
  ['--rcheck', '--set'],
  ['--rcheck --seconds 60', '--set'],
  ['! --rcheck --seconds 60', '--set'],
  ['--update --seconds 60', '--set'],
  ['! --update', '--set'],
  ['--remove', '--set'],
  ['--rcheck --rdest', '--set --rsource'],
  ['--rcheck --seconds 9 --hitcount 1 --reap', '--set --rdest'],
].map(([asks, sets], index): Case => {
  const chain = index % 2 === 0 ? 'TWINE_FORWARD' : 'TWINE_INPUT';
  return {
    rules: [
      `${chain} -p tcp --dport 80 -m recent ${asks} --name knock -j DROP`,
      `${chain} -p udp --dport 53 -m recent ${sets} --name knock`,
    ],
  };
});

/** By networks, and at more than one time. */
const MORE_LISTS: readonly Case[] = [
  {
    rules: [
      'TWINE_FORWARD -m recent --rcheck --mask 255.255.255.248 --name near -p udp -j DROP',
      'TWINE_FORWARD -p tcp --dport 443 -m recent --set --mask 255.255.255.248 --name near',
    ],
    family: 4,
  },
  {
    rules: [
      'TWINE_FORWARD -m recent --rcheck --mask ffff:: --name near -p udp -j REJECT',
      'TWINE_FORWARD -p tcp --dport 443 -m recent --set --mask ffff:: --name near',
    ],
    family: 6,
  },
  {
    rules: [
      'TWINE_FORWARD -p tcp --dport 81 -m recent --remove --name both -j RETURN',
      'TWINE_FORWARD -p tcp -m recent --rcheck --seconds 30 --name both -j DROP',
      'TWINE_FORWARD -p icmp -m recent --update --seconds 3600 --name both -j DROP',
      'TWINE_FORWARD -p udp --dport 53 -m recent --set --name both -j REJECT',
    ],
  },
  {
    rules: [
      'TWINE_MANGLE_PREROUTING -p udp -j CONNMARK --set-mark 1',
      'TWINE_FORWARD -p udp --dport 53 -m connlabel --label 5 --set -j ACCEPT',
      'TWINE_OUTPUT -m connlabel --label 5 -j DROP',
    ],
  },
];

const JUMPS: readonly Case[] = [
  {
    rules: [
      'TWINE_FORWARD -p udp -j TWINE_INPUT',
      'TWINE_FORWARD -p udp --dport 53 -j DROP',
      'TWINE_INPUT -p udp --dport 53 -j RETURN',
      'TWINE_INPUT -p udp -j DROP',
    ],
  },
  {
    rules: [
      'TWINE_FORWARD -p udp -g TWINE_OUTPUT',
      'TWINE_FORWARD -j DROP',
      'TWINE_OUTPUT -p udp --dport 53 -j RETURN',
    ],
  },
  {
    rules: [
      'TWINE_NAT_PREROUTING -p udp -j TWINE_NAT_OUTPUT',
      'TWINE_NAT_OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 8080',
    ],
  },
];

const NAT: readonly Case[] = [
  ...[
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.9',
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.9:5353',
    'TWINE_NAT_PREROUTING -p tcp -j DNAT --to-destination 10.2.0.9:1000',
    'TWINE_NAT_PREROUTING -d 10.1.0.1 -p tcp --dport 80 -j DNAT --to-destination 10.2.0.2:8080',
    'TWINE_NAT_PREROUTING -p icmp -j DNAT --to-destination 10.2.0.9',
    'TWINE_NAT_PREROUTING ! -s 10.1.0.9 -j DNAT --to-destination 10.2.0.9',
    'TWINE_NAT_PREROUTING -d 10.2.0.2 -j NETMAP --to 10.2.0.8/29',
    'TWINE_NAT_PREROUTING -d 10.2.0.0/24 -j NETMAP --to 10.2.0.9',
    'TWINE_NAT_OUTPUT -p udp -d 10.2.0.2 -j DNAT --to-destination 10.2.0.9',
    'TWINE_NAT_OUTPUT -d 10.2.0.2 -j NETMAP --to 10.2.0.8/29',
    'TWINE_NAT_POSTROUTING -s 10.1.0.2 -j SNAT --to-source 10.2.0.1',
    'TWINE_NAT_POSTROUTING -p udp -j SNAT --to-source 10.2.0.1:40000',
    'TWINE_NAT_POSTROUTING -p icmp -j SNAT --to-source 10.2.0.77',
    'TWINE_NAT_POSTROUTING -s 10.1.0.0/24 -o eth1 -j NETMAP --to 10.7.0.0/24',
    'TWINE_NAT_POSTROUTING -o eth1 ! -d 10.2.0.9 -j SNAT --to-source 10.2.0.1',
  ].map((rule): Case => ({ rules: [rule], family: 4 })),
  ...[
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination fd02::9',
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination [fd02::9]:5353',
    'TWINE_NAT_PREROUTING -p tcp -d fd01::1 -j DNAT --to-destination [fd02::2]:8080',
    'TWINE_NAT_PREROUTING -d fd02::2 -j NETMAP --to fd02::8/125',
    'TWINE_NAT_POSTROUTING -s fd01::2 -j SNAT --to-source fd02::1',
    'TWINE_NAT_POSTROUTING -p udp -j SNAT --to-source [fd02::1]:40000',
    'TWINE_NAT_POSTROUTING -s fd01::/64 -o eth1 -j NETMAP --to fd07::/64',
    'TWINE_NAT_OUTPUT -p udp -d fd02::2 -j DNAT --to-destination fd02::9',
  ].map((rule): Case => ({ rules: [rule], family: 6 })),
  ...[
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination :8080',
    'TWINE_NAT_PREROUTING -p udp -j REDIRECT',
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 8080',
    'TWINE_NAT_PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 0',
    'TWINE_NAT_PREROUTING -p tcp --syn -j REDIRECT --to-ports 80',
    'TWINE_NAT_PREROUTING -i eth1 -p udp -j REDIRECT --to-ports 80',
    'TWINE_NAT_PREROUTING -p udp -m addrtype --dst-type LOCAL -j REDIRECT --to-ports 443',
    'TWINE_NAT_PREROUTING -m conntrack --ctstate NEW -p udp -j REDIRECT --to-ports 53',
    'TWINE_NAT_PREROUTING -p udp -j RETURN',
    'TWINE_NAT_OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 8080',
    'TWINE_NAT_POSTROUTING -j MASQUERADE',
    'TWINE_NAT_POSTROUTING -o eth1 -j MASQUERADE',
    'TWINE_NAT_POSTROUTING -o eth+ -p udp -j MASQUERADE --to-ports 50000',
    'TWINE_NAT_POSTROUTING ! -o eth1 -j MASQUERADE',
    'TWINE_NAT_POSTROUTING -m mark --mark 0 -p tcp -j MASQUERADE',
    'TWINE_NAT_POSTROUTING -m owner --uid-owner 0 -p udp -j MASQUERADE',
  ].map((rule): Case => ({ rules: [rule] })),
  {
    rules: [
      'TWINE_NAT_PREROUTING -p udp --dport 53 -j ACCEPT',
      'TWINE_NAT_PREROUTING -p udp -j REDIRECT --to-ports 80',
    ],
  },
  {
    rules: [
      'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.9:5353',
      'TWINE_FORWARD -m conntrack --ctstate DNAT -j DROP',
    ],
    family: 4,
  },
  {
    rules: [
      'TWINE_NAT_PREROUTING -p udp --dport 53 -j DNAT --to-destination 10.2.0.9:5353',
      'TWINE_FORWARD -m conntrack --ctorigdst 10.2.0.2 --ctreplsrc 10.2.0.9 -j REJECT',
    ],
    family: 4,
  },
  {
    rules: [
      'TWINE_NAT_POSTROUTING -p udp -j MASQUERADE',
      'TWINE_FORWARD -m conntrack ! --ctstate SNAT -j DROP',
    ],
  },
];

const INTERFACES: readonly Case[] = [
  'TWINE_INPUT -i eth0 -j DROP',
  'TWINE_INPUT ! -i eth0 -j DROP',
  'TWINE_FORWARD -i eth+ -o eth1 -j REJECT',
  'TWINE_FORWARD ! -o eth1 -j DROP',
  'TWINE_FORWARD -i eth1 -j DROP',
  'TWINE_OUTPUT -o eth1 -j DROP',
  'TWINE_OUTPUT ! -o et+ -j DROP',
  'TWINE_FORWARD -i + -j DROP',
  'TWINE_FORWARD ! -i + -j DROP',
].map((rule): Case => ({ rules: [rule] }));

/** All of them, at least `count`. */
export function allCases(random: Random, count: number): Case[] {
  const fixed = [
    ...conditions(random),
    ...REJECTS,
    ...MARKS,
    ...CONNLIMITS,
    ...COPIES,
    ...CHANGES,
    ...MANGLE_AND_RAW,
    ...LISTS,
    ...MORE_LISTS,
    ...JUMPS,
    ...NAT,
    ...INTERFACES,
  ];
  return [...fixed, ...pairs(random, Math.max(0, count - fixed.length))];
}

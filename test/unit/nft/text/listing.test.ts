// Tables and rules as nft(8) 1.0.6 lists them; test/rules/translate.test.ts has thousands beside nft(8) itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateRule } from '../../../../src/nft/iptables/translate.js';
import { printTable } from '../../../../src/nft/text/listing.js';
import { printRule } from '../../../../src/nft/text/rules.js';

for (const [text, expected, family = 4] of [
  ['TWINE_INPUT -p tcp --dport 22 -j ACCEPT', 'meta nfproto ipv4 tcp dport 22 accept'],
  ['TWINE_INPUT -p icmp -j ACCEPT', 'meta l4proto icmp accept', 4],
  ['TWINE_INPUT -p tcp -j ACCEPT', 'meta nfproto ipv4 meta l4proto tcp accept', 4],
  ['TWINE_INPUT -s 10.0.0.0/8 -p udp --sport 53 -j DROP', 'ip saddr 10.0.0.0/8 udp sport 53 drop'],
  [
    'TWINE_INPUT -p tcp -m multiport --dports 80,443,8000:8100 -j ACCEPT',
    'meta nfproto ipv4 tcp dport { 80, 443, 8000-8100 } accept',
  ],
  ['TWINE_INPUT -p tcp --syn -j DROP', 'meta nfproto ipv4 tcp flags syn / fin,syn,rst,ack drop'],
  ['TWINE_INPUT -p tcp --tcp-flags SYN SYN -j DROP', 'meta nfproto ipv4 tcp flags & syn == syn drop'],
  [
    'TWINE_INPUT -p tcp --tcp-flags ALL NONE -j DROP',
    'meta nfproto ipv4 tcp flags ! fin,syn,rst,psh,ack,urg drop',
  ],
  [
    'TWINE_INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'meta nfproto ipv4 ct state established,related accept',
  ],
  ['TWINE_INPUT -m limit --limit 5/min -j ACCEPT', 'meta nfproto ipv4 limit rate 5/minute accept'],
  [
    'TWINE_INPUT -m limit --limit 5/min --limit-burst 9 -j ACCEPT',
    'meta nfproto ipv4 limit rate 5/minute burst 9 packets accept',
  ],
  ['TWINE_INPUT -j REJECT', 'reject with icmp port-unreachable', 4],
  ['TWINE_INPUT -j REJECT', 'reject with icmpv6 port-unreachable', 6],
  [
    'TWINE_MANGLE_OUTPUT -j MARK --set-xmark 0x10/0xff',
    'meta nfproto ipv4 meta mark set meta mark & 0xffffff10 | 0x00000010',
  ],
  ['TWINE_MANGLE_OUTPUT -j MARK --or-mark 0x10', 'meta nfproto ipv4 meta mark set meta mark | 0x00000010'],
  [
    'TWINE_NAT_PREROUTING -p tcp -j DNAT --to-destination [fd00::2]:80',
    'meta nfproto ipv6 meta l4proto tcp dnat ip6 to [fd00::2]:80',
    6,
  ],
  ['TWINE_MANGLE_POSTROUTING -j DSCP --set-dscp-class AF21', 'ip dscp set af21', 4],
  ['TWINE_MANGLE_POSTROUTING -j CLASSIFY --set-class 1:20', 'meta nfproto ipv4 meta priority set 1:20'],
  [
    'TWINE_INPUT -m time --timestart 08:00 --timestop 18:30 --weekdays Mon,Fri -j ACCEPT',
    'meta nfproto ipv4 meta hour "08:00"-"18:30" meta day { "Monday", "Friday" } accept',
  ],
  [
    'TWINE_INPUT -j LOG --log-prefix "in: " --log-tcp-options --log-uid',
    'meta nfproto ipv4 log prefix "in: " flags tcp options flags skuid',
  ],
] as readonly (readonly [string, string, (4 | 6)?])[]) {
  test(`${text} is listed as ${expected}`, () => {
    const { rules } = translateRule(text, { family });
    assert.deepEqual(rules.map(printRule), [expected]);
  });
}

test('a table has its sets, its chains with their hooks, and its rules', () => {
  const filter = { type: 'filter', hook: 'prerouting' } as const;
  const text = printTable({
    family: 'inet',
    name: 'x',
    sets: [
      { name: 'a', type: 'ipv4_addr', flags: ['timeout'], timeout: 90, size: 9 },
      { name: 'b', type: 'ipv6_addr', flags: ['timeout'] },
    ],
    chains: [
      {
        name: 'one',
        hook: { ...filter, priority: -90 },
        rules: [{ expr: [{ jump: { target: 'two' } }], comment: 'c' }],
      },
      {
        name: 'two',
        rules: [
          {
            expr: [
              { set: { op: 'update', elem: { payload: { protocol: 'ip6', field: 'saddr' } }, set: '@b' } },
            ],
          },
        ],
      },
      { name: 'three', hook: { ...filter, priority: -300 }, rules: [] },
      { name: 'four', hook: { type: 'nat', hook: 'input', priority: 100 }, rules: [] },
    ],
  });
  assert.equal(
    text,
    `table inet x {
	set a {
		type ipv4_addr
		size 9
		timeout 1m30s
	}

	set b {
		type ipv6_addr
		flags dynamic,timeout
	}

	chain one {
		type filter hook prerouting priority dstnat + 10; policy accept;
		jump two comment "c"
	}

	chain two {
		update @b { ip6 saddr }
	}

	chain three {
		type filter hook prerouting priority raw; policy accept;
	}

	chain four {
		type nat hook input priority 100; policy accept;
	}
}
`,
  );
});

for (const [what, elem, expected] of [
  ['an element of a named set is in braces', [{ concat: ['10.0.0.1', 80] }], ['10.0.0.1 . 80']],
  [
    'elements of several parts are sorted as one number, whose lowest byte is the first',
    [
      ['tcp', 443],
      ['tcp', 80],
      ['udp', 53],
      ['udp', 9000],
      ['tcp', 9000],
      ['tcp', 257],
    ].map(concat => ({
      concat,
    })),
    ['tcp . 257', 'tcp . 9000', 'udp . 9000', 'udp . 53', 'tcp . 80', 'tcp . 443'],
  ],
  [
    'and so are addresses',
    [
      ['10.0.0.10', 80],
      ['10.0.0.9', 80],
      ['10.0.1.1', 80],
    ].map(concat => ({ concat })),
    ['10.0.1.1 . 80', '10.0.0.9 . 80', '10.0.0.10 . 80'],
  ],
] as const)
  test(what, () => {
    const set = { name: 's', type: ['x', 'inet_service'], elem };
    const text = printTable({ family: 'inet', name: 't', sets: [set], chains: [] });
    assert.equal(/elements = \{ (.*) \}/s.exec(text)?.[1], expected.join(',\n\t\t\t     '));
  });

// Matches of iptables as statements of nftables, one by one, and what each of them is refused for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Expression, Statement } from '../../../../src/nft/expression.js';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';

const is = (left: Expression, right: Expression, op = '=='): Statement =>
  ({ match: { op, left, right } }) as Statement;
const field = (protocol: string, name: string): Expression => ({ payload: { protocol, field: name } });
const header = (name: string, of?: string): Expression => ({
  exthdr: { name, ...(of !== undefined && { field: of }) },
});
const meta = (key: string): Expression => ({ meta: { key } });
const ct = (key: string, dir?: 'original' | 'reply'): Expression => ({ ct: { key, ...(dir && { dir }) } });
const chunk = (name: string, of?: string): Expression => ({
  'sctp chunk': { name, ...(of !== undefined && { field: of }) },
});
const protocol = (number: number): Statement => is(meta('l4proto'), number);
const range = (first: number, last: number): Expression => ({ range: [first, last] });
const never = is(meta('iifname'), 'INVAL/D');
const anyProtocol = is(meta('l4proto'), { set: [6, range(0, 5), range(7, 255)] });
const counted = is(ct('packets'), 1, '>=');
const set = (key: Expression, value: number): Statement => ({ mangle: { key, value } }) as Statement;
const socket = (key: string): Expression => ({ socket: { key } });

/** What is between the family and the target. */
function conditions(text: string, family: 4 | 6): (readonly Statement[])[] {
  return translateRule(`TWINE_${text} -j ACCEPT`, { family }).rules.map(({ expr }) => expr.slice(1, -1));
}

const ESP = protocol(50);
const AH = protocol(51);
const MH = protocol(135);
const SCTP = protocol(132);

for (const [family, text, ...expected] of [
  [4, 'INPUT -p ah -m ah --ahspi 500:600', [AH, is(field('ah', 'spi'), range(500, 600))]],
  [4, 'INPUT -p ah --ahspi 500', [AH, is(field('ah', 'spi'), 500)]],
  [4, 'INPUT -p 51 -m ah --ahspi :', [AH]],
  [6, 'INPUT -m ah', [AH]],
  [6, 'INPUT -p tcp -m ah', [protocol(6), never]],
  [
    6,
    'INPUT -m ah --ahlen 24 --ahres',
    [AH, is(field('ah', 'hdrlength'), 4), is(field('ah', 'reserved'), 0)],
  ],
  [6, 'INPUT -m ah ! --ahlen 24', [AH, is(field('ah', 'hdrlength'), 4, '!=')]],
  [6, 'INPUT -m ah --ahlen 25', [AH, never]],
  [6, 'INPUT -m ah ! --ahlen 4', [AH]],
  [4, 'INPUT -p esp -m esp', [ESP]],
  [4, 'INPUT -p esp --espspi 5:', [ESP, is(field('esp', 'spi'), range(5, 4294967295))]],
  [6, 'INPUT -p esp -m esp ! --espspi :', [ESP, never]],
  [6, 'INPUT -p ipcomp --ipcompspi 0x12', [protocol(108), is(field('comp', 'cpi'), 18)]],
  [4, 'INPUT -p ipcomp --ipcompspi 9:99999', [protocol(108), is(field('comp', 'cpi'), range(9, 65535))]],
  [4, 'INPUT -p ipcomp ! --ipcompspi 99999', [protocol(108)]],
  [4, 'INPUT -m policy --dir in --pol ipsec', [is(meta('secpath'), true)]],
  [4, 'INPUT -m policy --dir in --pol none', [is(meta('secpath'), false)]],
  [6, 'OUTPUT -m policy --pol none --dir out', [is({ rt: { key: 'ipsec' } }, false)]],
  [6, 'INPUT -m frag', [is(header('frag'), true)]],
  [6, 'INPUT -m frag --fragid :', [is(header('frag'), true)]],
  [6, 'INPUT -m frag ! --fragid 5', [is(header('frag', 'id'), 5, '!=')]],
  [
    6,
    'INPUT -m frag --fragres --fragmore --fragfirst --fraglen 8',
    [
      is(header('frag', 'reserved'), 0),
      is(header('frag', 'reserved2'), 0),
      is(header('frag', 'frag-off'), 0),
      is(header('frag', 'more-fragments'), 1),
    ],
  ],
  [6, 'INPUT -m frag --fraglast', [is(header('frag', 'more-fragments'), 0)]],
  [6, 'INPUT -m hbh', [is(header('hbh'), true)]],
  [6, 'INPUT -m hbh --hbh-len 8', [is(header('hbh', 'hdrlength'), 0)]],
  [6, 'INPUT -m hbh --hbh-len 22', [never]],
  [6, 'INPUT -m dst ! --dst-len 16', [is(header('dst', 'hdrlength'), 1, '!=')]],
  [6, 'INPUT -m dst ! --dst-len 22', [is(header('dst'), true)]],
  [
    6,
    'INPUT -m rt --rt-type 0 ! --rt-segsleft 1:26 --rt-len 24',
    [
      is(header('rt', 'type'), 0),
      is(header('rt', 'seg-left'), range(1, 26), '!='),
      is(header('rt', 'hdrlength'), 2),
    ],
  ],
  [6, 'INPUT -m rt --rt-type 256', [never]],
  [6, 'INPUT -m rt --rt-segsleft 13:300', [is(header('rt', 'seg-left'), range(13, 255))]],
  [6, 'INPUT -p mh -m mh', [MH]],
  [6, 'INPUT -p mh --mh-type 1:3', [MH, is(header('mh', 'type'), range(1, 3))]],
  [6, 'INPUT -p mobility-header ! --mh-type careof-test', [MH, is(header('mh', 'type'), 4, '!=')]],
  [4, 'INPUT -m ecn ! --ecn-ip-ect 2', [is(field('ip', 'ecn'), 2, '!=')]],
  [6, 'INPUT -m ecn --ecn-ip-ect 0', [is(field('ip6', 'ecn'), 0)]],
  [
    4,
    'INPUT -p tcp -m ecn --ecn-tcp-cwr ! --ecn-tcp-ece',
    [protocol(6), is(field('tcp', 'flags'), 'ecn', '!'), is(field('tcp', 'flags'), 'cwr', 'in')],
  ],
  [4, 'INPUT -m cpu ! --cpu 1', [is(meta('cpu'), 1, '!=')]],
  [4, 'INPUT -m cgroup --cgroup 0x10', [is(meta('cgroup'), 16)]],
  [
    4,
    'FORWARD -m devgroup ! --dst-group 0xc/0xc --src-group 5',
    [is(meta('iifgroup'), 5), is({ '&': [meta('oifgroup'), 12] }, 12, '!=')],
  ],
  [4, 'INPUT -m realm --realm 5/7', [is({ '&': [meta('rtclassid'), 7] }, 5)]],
  [4, 'INPUT -m socket', [is(socket('wildcard'), 0)]],
  [4, 'INPUT -m socket --nowildcard', [is(socket('wildcard'), 1, '<=')]],
  [6, 'INPUT -m socket --transparent', [is(socket('wildcard'), 0), is(socket('transparent'), 1)]],
  [
    4,
    'INPUT -m connbytes --connbytes 200 --connbytes-dir original --connbytes-mode packets',
    [is(ct('packets', 'original'), 200, '>=')],
  ],
  [
    4,
    'INPUT -m connbytes ! --connbytes 200 --connbytes-dir both --connbytes-mode bytes',
    [counted, is(ct('bytes'), 200, '<')],
  ],
  [
    4,
    'INPUT -m connbytes ! --connbytes :600 --connbytes-dir reply --connbytes-mode avgpkt',
    [is(ct('avgpkt', 'reply'), range(0, 600), '!=')],
  ],
  [
    4,
    'INPUT -m connbytes --connbytes :600 --connbytes-dir reply --connbytes-mode bytes',
    [counted, is(ct('bytes', 'reply'), range(0, 600))],
  ],
  [4, 'INPUT -m connbytes ! --connbytes 0 --connbytes-dir both --connbytes-mode bytes', [never]],
  [4, 'INPUT -m helper --helper ftp-2121', [is(ct('helper'), 'ftp-2121')]],
  [
    4,
    'INPUT -m helper ! --helper ftp',
    [is(ct('state'), ['invalid', 'untracked'], 'in')],
    [is(ct('status'), 'expected', '!')],
    [is(ct('status'), 'expected', 'in'), is(ct('helper'), 'ftp', '!=')],
  ],
  [4, 'INPUT -m conntrack --ctexpire 325:', [is(ct('expiration'), range(325, 4294967))]],
  [4, 'INPUT -m conntrack --ctexpire 4294968', [never]],
  [4, 'INPUT -m conntrack ! --ctexpire 4294968:', [is(ct('expiration'), 0, '>=')]],
  [4, 'INPUT -m conntrack --ctorigdstport 80', [anyProtocol, is(ct('proto-dst', 'original'), 80)]],
  [4, 'INPUT -p udp -m conntrack --ctorigdstport 80', [protocol(17), is(ct('proto-dst', 'original'), 80)]],
  [
    4,
    'INPUT ! -p udp -m conntrack ! --ctreplsrcport 1:5',
    [is(meta('l4proto'), 17, '!='), anyProtocol, is(ct('proto-src', 'reply'), range(1, 5), '!=')],
  ],
  [
    4,
    'INPUT -p sctp --chunk-types all INIT,DATA:iUbE,ABORT:T',
    [
      SCTP,
      is(chunk('init'), true),
      is({ '&': [chunk('data', 'flags'), 15] }, 5),
      is({ '&': [chunk('abort', 'flags'), 1] }, 1),
    ],
  ],
  [
    4,
    'INPUT -p sctp ! --chunk-types all INIT,ERROR',
    [SCTP, is(chunk('init'), false)],
    [SCTP, is(chunk('init'), true), is(chunk('error'), false)],
  ],
  [
    4,
    'INPUT -p sctp --chunk-types any INIT,DATA:E',
    [SCTP, is(chunk('init'), true)],
    [SCTP, is(chunk('init'), false), is({ '&': [chunk('data', 'flags'), 1] }, 1)],
  ],
  [
    4,
    'INPUT -p sctp ! --chunk-types any INIT,DATA:E',
    [SCTP, is(chunk('init'), false), is(chunk('data'), false)],
    [SCTP, is(chunk('init'), false), is({ '&': [chunk('data', 'flags'), 1] }, 1, '!=')],
  ],
  [4, 'INPUT -p dccp --dccp-types CLOSE', [protocol(33), is(field('dccp', 'type'), 6)]],
  [
    4,
    'INPUT -p dccp ! --dccp-types request,INVALID',
    [protocol(33), is(field('dccp', 'type'), { set: [0, range(10, 15)] }, '!=')],
  ],
  [6, 'INPUT -m srh', [is(header('rt', 'type'), 4)]],
  [
    6,
    'INPUT -m srh --srh-next-hdr 17 ! --srh-segs-left-eq 2 --srh-last-entry-gt 3 --srh-tag 0',
    [
      is(header('rt', 'type'), 4),
      is(header('rt', 'nexthdr'), 17),
      is(header('rt', 'seg-left'), 2, '!='),
      is(header('srh', 'last-entry'), range(4, 255)),
      is(header('srh', 'tag'), 0),
    ],
  ],
  [6, 'INPUT -m srh --srh-hdr-len-lt 0', [is(header('rt', 'type'), 4), never]],
  [6, 'INPUT -m srh ! --srh-hdr-len-gt 255', [is(header('rt', 'type'), 4)]],
  [
    6,
    'INPUT -m rt --rt-type 0 --rt-0-res',
    [
      is(header('rt', 'type'), 0),
      is(header('srh', 'last-entry'), 0),
      is(header('srh', 'flags'), 0),
      is(header('srh', 'tag'), 0),
    ],
  ],
  [4, 'INPUT -m connlabel --label 40', [is(ct('label'), 40, 'in')]],
  [4, 'INPUT -m connlabel --label 40 --set', [set(ct('label'), 40), is(ct('label'), 40, 'in')]],
  [
    4,
    'INPUT -m connlabel ! --label 0 --set',
    [is(ct('state'), ['invalid', 'untracked'], 'in')],
    [set(ct('label'), 0), is(ct('label'), 0, '!')],
  ],
  [
    4,
    'INPUT -p icmp --icmp-type 3/0:4',
    [protocol(1), is(field('icmp', 'type'), 3), is(field('icmp', 'code'), range(0, 4))],
  ],
  // To the kernel, 255 is any type.
  [4, 'INPUT -p icmp --icmp-type 255', [protocol(1), protocol(1)]],
  [4, 'INPUT -p icmp ! --icmp-type 255/3', [protocol(1), never]],
  [6, 'INPUT -p icmpv6 --icmpv6-type 255', [protocol(58), is(field('icmpv6', 'type'), 255)]],
  ...['9007199254740993', '18446744073709551615', '0xffffffffffffffff', '01777777777777777777777'].map(
    bytes => [
      4,
      `INPUT -m quota --quota ${bytes}`,
      [{ quota: { val: 9007199254740991, val_unit: 'bytes' } }],
    ],
  ),
] as readonly (readonly [4 | 6, string, ...(readonly Statement[])[]])[]) {
  test(`a match of IPv${family}: ${text}`, () => {
    assert.deepEqual(conditions(text, family), expected);
  });
}

for (const [text, token, message] of [
  ['INPUT -4 -m ah', 'ah', /needs -p ah/],
  ['INPUT -4 -p ah -m ah --ahres', '--ahres', /of IPv6 only/],
  ['INPUT -m esp --espspi 5', 'esp', /needs -p esp/],
  ['INPUT -p esp --espspi 6:5', '6:5', /end comes before its beginning/],
  ['OUTPUT -m policy --dir in --pol none', 'policy', /cannot stand in TWINE_OUTPUT/],
  ['INPUT -m policy --dir in --pol ipsec --reqid 5', '--reqid', /nftables has nothing for it/],
  ['INPUT -m frag --fraglast --fragmore', '--fragmore', /cannot stand beside --fraglast/],
  ['INPUT -m hbh --hbh-opts 5', '--hbh-opts', /nftables has nothing for it/],
  ['INPUT -6 -m mh --mh-type 5', 'mh', /needs -p mh/],
  ['INPUT -p mh --mh-type care', 'care', /is no number from 0 to 255/],
  ['INPUT -m ecn --ecn-tcp-ece', '--ecn-tcp-ece', /needs -p tcp/],
  ['INPUT -m ecn', 'ecn', /needs --ecn-ip-ect or/],
  ['INPUT -m cgroup --path /x', '--path', /the daemon's own cgroups/],
  ['INPUT -m devgroup --dst-group 5', 'devgroup', /cannot stand in TWINE_INPUT/],
  ['INPUT -m devgroup --src-group default', 'default', /is no number/],
  ['OUTPUT -m socket', 'socket', /cannot stand in TWINE_OUTPUT/],
  [
    'INPUT -m mark --mark 1 -m socket --restore-skmark',
    'socket',
    /cannot stand behind a condition on the packet mark/,
  ],
  ['INPUT -m limit -m socket --restore-skmark', 'limit', /would count for itself/],
  ['NAT_PREROUTING -m realm --realm 5', 'realm', /cannot stand in TWINE_NAT_PREROUTING/],
  ['INPUT -m helper --helper averyveryverylongname', 'averyveryverylongname', /longer than 15 bytes/],
  ['INPUT -m helper --helper @x', '@x', /is no name of a helper/],
  ['INPUT -m limit -m helper ! --helper ftp', 'limit', /would count for itself/],
  ['INPUT -m connbytes --connbytes 5', 'connbytes', /needs --connbytes-dir/],
  ['INPUT -p sctp --chunk-types only INIT', 'only', /no other chunk/],
  ['INPUT -p sctp --chunk-types all INIT:T', 'INIT:T', /has a flag that this type/],
  ['INPUT -p sctp --chunk-types all DATA:Ee', 'DATA:Ee', /has a flag twice/],
  ['INPUT -p sctp --chunk-types any DATA,PAD', 'PAD', /nftables has no such type/],
  ['INPUT -p sctp --chunk-types all ALL', 'ALL', /is no type of chunk/],
  ['INPUT -p dccp --dccp-types X', 'X', /is no type of DCCP/],
  ['INPUT -p dccp --dccp-option 5', '--dccp-option', /from 1.0.8 on, where the kernel was built with/],
  ['INPUT -m set --match-set x src', 'set', /sets of ipset\(8\) are none of nftables, .*-m recent has lists/],
  ['INPUT -m recent', 'recent', /needs --set or --rcheck or --update or --remove/],
  ['INPUT -m recent --set --rcheck', '--rcheck', /cannot stand beside --set/],
  ['INPUT -m recent --set --seconds 5', '--seconds', /cannot stand beside --set/],
  ['INPUT -m recent --remove --hitcount 1', '--hitcount', /cannot stand beside --remove/],
  ['INPUT -m recent --rcheck --seconds 0', '0', /is no number from 1 to/],
  ['INPUT -m recent --rcheck --reap', '--reap', /needs --seconds/],
  ['INPUT -m recent --update --seconds 60 --hitcount 4', '4', /counts no packets of an address .*hashlimit/],
  ['INPUT -m recent --update --rttl', '--rttl', /keeps no TTL/],
  ['INPUT -m recent ! --remove', '--remove', /cannot be expressed with "!" before it/],
  ['INPUT -m recent ! --update --seconds 5', '--update', /cannot be expressed with "!" before it/],
  ['INPUT -m recent --set --name a/b', 'a/b', /is no name of a list/],
  ['INPUT -m recent --set --name ""', '', /is no name of a list/],
  [`INPUT -m recent --set --name ${'x'.repeat(200)}`, 'x'.repeat(200), /is longer than the 199 bytes/],
  ['INPUT -m recent --set --mask 24', '24', /is no mask of IPv4 such as 255.255.255.0/],
  ['INPUT -m recent --set --mask 10.0.0.0/8', '10.0.0.0/8', /is no mask/],
  ['INPUT -m recent --set --mask 0.0.0.0', '0.0.0.0', /leaves no bit of an address/],
  ['INPUT -m srh --srh-tag 65536', '65536', /is no number from 0 to 65535/],
  ['INPUT -m srh --srh-psid fd00::/64', '--srh-psid', /no segment by its distance/],
  ['INPUT -m rt --rt-0-res', '--rt-0-res', /needs --rt-type 0 before it/],
  ['INPUT -m rt --rt-0-res --rt-type 0', '--rt-0-res', /needs --rt-type 0 before it/],
  ['INPUT -m rt ! --rt-type 0 --rt-0-res', '--rt-0-res', /needs --rt-type 0 before it/],
  ['INPUT -m connlabel --label 128', '128', /is no number from 0 to 127/],
  ['INPUT -m connlabel --label web', 'web', /is no number from 0 to 127/],
  [
    'INPUT -m quota --quota 18446744073709551616',
    '18446744073709551616',
    /is no number from 0 to 1844674407370955161/,
  ],
  ['OUTPUT -m owner ! --socket-exists', '--socket-exists', /sockets of programs only, as --uid-owner 0-/],
  ['INPUT -p icmp --icmp-type 3/4:1', '4:1', /end comes before its beginning/],
  ['INPUT -m time --monthdays 32', '32', /is no number from 1 to 31/],
  ['INPUT -m time --monthdays 0', '0', /is no number from 1 to 31/],
  ['INPUT -m time --monthdays 08', '08', /is no number from 1 to 31/],
  [
    'INPUT -m time --monthdays 1,3,5,7',
    '1,3,5,7',
    /more than 512 intervals of days: give fewer, or --datestart/,
  ],
  [
    'INPUT -m time --timestart 23:00 --timestop 1:00 --contiguous --monthdays 1',
    '--contiguous',
    /beside --monthdays/,
  ],
] as const) {
  test(`a match is refused: ${text}`, () => {
    assert.throws(
      () => translateRule(`TWINE_${text} -j ACCEPT`),
      err => {
        assert.ok(err instanceof RuleError);
        assert.equal(err.token, token);
        assert.match(err.message, message);
        return true;
      },
    );
  });
}

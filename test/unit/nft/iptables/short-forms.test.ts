// Short forms that iptables(8) takes: beginnings of options and of names, services for ports, prefixes that are cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuleError } from '../../../../src/nft/iptables/syntax/rule.js';
import { translateRule } from '../../../../src/nft/iptables/translate.js';

for (const [short, full] of [
  ['INPUT --dest 10.0.0.1 -j ACCEPT', 'INPUT -d 10.0.0.1 -j ACCEPT'],
  ['INPUT --sr=10.0.0.1 -j ACCEPT', 'INPUT -s 10.0.0.1 -j ACCEPT'],
  ['INPUT ! --in-i eth0 --ju ACCEPT', 'INPUT ! -i eth0 -j ACCEPT'],
  ['INPUT --pr tcp -j ACCEPT', 'INPUT -p tcp -j ACCEPT'],
  ['INPUT --frag -j ACCEPT', 'INPUT -f -j ACCEPT'],
  ['INPUT -p tcp --dpo 80 -j ACCEPT', 'INPUT -p tcp --dport 80 -j ACCEPT'],
  ['INPUT -p tcp -m tcp --destination-p=80 -j ACCEPT', 'INPUT -p tcp --dport 80 -j ACCEPT'],
  ['INPUT -p tcp --dest 10.0.0.1 --dport 80 -j ACCEPT', 'INPUT -p tcp -d 10.0.0.1 --dport 80 -j ACCEPT'],
  ['INPUT -p tcp -m multiport --dport 80,81 -j ACCEPT', 'INPUT -p tcp -m multiport --dports 80,81 -j ACCEPT'],
  ['INPUT -p tcp --tcp-f SYN SYN -j ACCEPT', 'INPUT -p tcp --tcp-flags SYN SYN -j ACCEPT'],
  ['INPUT -m conntrack --ctd REPLY -j ACCEPT', 'INPUT -m conntrack --ctdir REPLY -j ACCEPT'],
  ['INPUT -m conntrack --ctstate EST,n -j ACCEPT', 'INPUT -m conntrack --ctstate ESTABLISHED,NEW -j ACCEPT'],
  ['INPUT -m state --st REL -j ACCEPT', 'INPUT -m state --state RELATED -j ACCEPT'],
  ['INPUT -m conntrack --ctstatus SEEN -j ACCEPT', 'INPUT -m conntrack --ctstatus SEEN_REPLY -j ACCEPT'],
  ['INPUT -m time --weekdays Sa,Su -j DROP', 'INPUT -m time --weekdays 6,7 -j DROP'],
  ['OUTPUT -m owner ! --uid-owner root -j DROP', 'OUTPUT -m owner ! --uid-owner 0 -j DROP'],
  ['INPUT -p icmp --icmp echo-req -j ACCEPT', 'INPUT -p icmp --icmp-type echo-request -j ACCEPT'],
  ['INPUT -p icmpv6 --ic packet-too -j ACCEPT', 'INPUT -p icmpv6 --icmpv6-type 2 -j ACCEPT'],
  [
    'INPUT -p icmpv6 --icmpv6-type mld-listener-done -j ACCEPT',
    'INPUT -p icmpv6 --icmpv6-type 132 -j ACCEPT',
  ],
  ['INPUT -p mh --mh-type BRR:coti -j ACCEPT', 'INPUT -p mh --mh-type 0:2 -j ACCEPT'],
  ['INPUT -p mh --mh-type hoti: -j ACCEPT', 'INPUT -p mh --mh-type 1:255 -j ACCEPT'],
  ['INPUT -m hl ! --hl 5 -j ACCEPT', 'INPUT -m hl ! --hl-eq 5 -j ACCEPT'],
  ['INPUT -j REJECT --rej tcp-reset -p tcp', 'INPUT -p tcp -j REJECT --reject-with tcp-reset'],
  [
    'NAT_PREROUTING -p tcp -j DNAT --to 10.0.0.1:ssh',
    'NAT_PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:22',
  ],
  [
    'NAT_PREROUTING -p udp -j DNAT --to-dest [fd00::1]:domain',
    'NAT_PREROUTING -p udp -j DNAT --to-destination [fd00::1]:53',
  ],
  ['NAT_PREROUTING -p tcp -j DNAT --to :http', 'NAT_PREROUTING -p tcp -j DNAT --to-destination :80'],
  ['NAT_PREROUTING -p tcp -j REDIRECT --to-port ftp-data', 'NAT_PREROUTING -p tcp -j REDIRECT --to-ports 20'],
  ['NAT_POSTROUTING -p tcp -j MASQUERADE --to ssh', 'NAT_POSTROUTING -p tcp -j MASQUERADE --to-ports 22'],
  [
    'INPUT -m conntrack --ctorigdstport ssh:http -j ACCEPT',
    'INPUT -m conntrack --ctorigdstport 22:80 -j ACCEPT',
  ],
  [`INPUT -j NFLOG --nflog-prefix ${'x'.repeat(200)}`, `INPUT -j NFLOG --nflog-prefix ${'x'.repeat(127)}`],
  [`INPUT -j NFLOG --nflog-prefix ${'é'.repeat(100)}`, `INPUT -j NFLOG --nflog-prefix ${'é'.repeat(63)}`],
] as const) {
  test(`a short form: ${short.slice(0, 70)}`, () => {
    assert.deepEqual(translateRule(`TWINE_${short}`), translateRule(`TWINE_${full}`));
  });
}

for (const [text, token, message] of [
  ['INPUT --s 10.0.0.1 -j ACCEPT', '--s', /is short for more than one: --source, --set-counters/],
  ['INPUT --in eth0 -j ACCEPT', '--in', /is short for more than one: --in-interface, --insert/],
  ['INPUT -p tcp -m tcp --dest 10.0.0.1', '--dest', /--destination, --destination-port/],
  ['INPUT -p tcp --d 80', '--d', /--destination, --destination-port, --delete/],
  ['INPUT -m conntrack --ctst NEW -j ACCEPT', '--ctst', /--ctstate, --ctstatus/],
  ['INPUT -m conntrack -m conntrack --ctd REPLY -j ACCEPT', '--ctd', /--ctdir, --ctdir/],
  ['INPUT -j MARK --set-x 1 --or 2', '--or', /cannot stand beside --set-xmark/],
  [
    'MANGLE_FORWARD -p tcp -j ECN --ecn-t',
    '--ecn-t',
    /is short for more than one: --ecn-tcp-remove, --ecn-tcp-ece, --ecn-tcp-cwr/,
  ],
  ['MANGLE_FORWARD -p tcp -j ECN --ecn-tcp-ece 1', '--ecn-tcp-ece', /nftables has nothing for it/],
  ['INPUT --tab nat -j ACCEPT', '--tab', /the chain decides the table/],
  ['INPUT --flu -j ACCEPT', '--flu', /is no option that is known here/],
  ['INPUT -p mh --mh-type cot:hoti -j ACCEPT', 'cot:hoti', /range whose end comes before its beginning/],
  ['INPUT --icmpv6-type 128 -j ACCEPT', '--icmpv6-type', /is an option of icmp6: put -p icmpv6 before it/],
  ['INPUT -- -j ACCEPT', '--', /is no option that is known here/],
  ['INPUT --=x -j ACCEPT', '--=x', /is no option that is known here/],
  ['INPUT -m conntrack --ctdir ORIG -j ACCEPT', 'ORIG', /is no direction/],
  [
    'INPUT -p icmp --icmp-type echo -j ACCEPT',
    'echo',
    /is short for more than one: echo-reply, echo-request/,
  ],
  [
    'NAT_PREROUTING -p tcp -j DNAT --to 10.0.0.1:ssh-http',
    '10.0.0.1:ssh-http',
    /has a port that is no number/,
  ],
  ['NAT_PREROUTING -j REDIRECT --to ssh', 'ssh', /needs one of -p tcp/],
] as const) {
  test(`what is no short form is refused: ${text}`, () => {
    assert.throws(
      () => translateRule(`TWINE_${text}`),
      err => {
        assert.ok(err instanceof RuleError);
        assert.equal(err.token, token);
        assert.match(err.message, message);
        return true;
      },
    );
  });
}

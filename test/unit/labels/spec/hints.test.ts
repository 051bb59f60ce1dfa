// Values that cannot be read, or that surely mean something else: each is refused with the sentence that helps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hintFor, whyMistaken } from '../../../../src/labels/spec/hints.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { anyText } from '../../../support/arbitrary.js';

const [NAT, ROUTE, FORWARD, HOST, RULE] = [
  'twine.nat.interfaces',
  'twine.route.10.0.0.0/8',
  'twine.nat.forward.80',
  'twine.host.routes',
  'twine.iptables.rule.a',
] as const;

for (const [key, value, message] of [
  [NAT, '"wg+"', /has quotes in it.*: take the quotes away and give wg\+/],
  [NAT, "eth0,'wg+'", /take the quotes away and give eth0,wg\+/],
  [ROUTE, '"vpn"', /take the quotes away and give vpn/],
  [ROUTE, '“vpn”', /take the quotes away and give vpn/],
  [FORWARD, '"web":80', /take the quotes away and give web:80/],
  [HOST, "'10.1.0.0/16'", /take the quotes away and give 10\.1\.0\.0\/16/],
  [RULE, '"TWINE_INPUT -j DROP"', /take the quotes away that are around the whole/],
  ['twine.strict', '"true"', /take the quotes away and give true/],
  [NAT, 'true', /"true" says only whether: name the interfaces, such as eth0,wg\+; \+ alone is all/],
  [NAT, 'wg+,Yes', /"Yes" says only whether/],
  [ROUTE, 'true', /name the gateway/],
  [FORWARD, 'false', /name the destination/],
  [HOST, 'true', /name the networks/],
  [NAT, '%i', /wg-quick's word for its own interface in it: name the interfaces/],
  [RULE, 'TWINE_FORWARD -i %i -j ACCEPT', /wg-quick's word/],
  [RULE, 'TWINE_FORWARD -o "%i" -j ACCEPT', /wg-quick's word/],
  [RULE, 'TWINE_FORWARD --in-interface=%i -j ACCEPT', /wg-quick's word/],
  [RULE, 'TWINE_FORWARD -i $(wg) -j ACCEPT', /"\$\(wg\)" has a command in it, and no shell runs it/],
  [RULE, 'TWINE_FORWARD -i `wg` -j ACCEPT', /has a command in it/],
  [
    RULE,
    `TWINE_FORWARD -i \${WG_IF} -j ACCEPT`,
    /the variable \$\{WG_IF\} in it, which nothing has replaced/,
  ],
  [RULE, 'TWINE_FORWARD -i%i -j ACCEPT', /wg-quick's word/],
  [RULE, 'TWINE_FORWARD --in-inter %i -j ACCEPT', /wg-quick's word/],
  [RULE, 'TWINE_FORWARD --ou=`wg` -j ACCEPT', /has a command in it/],
  [RULE, 'TWINE_FORWARD -o$WG_IF -j ACCEPT', /the variable \$WG_IF in it/],
  [RULE, 'TWINE_FORWARD -i <wg> -j ACCEPT', /"<wg>" stands for the name of an interface/],
  [RULE, 'TWINE_FORWARD -i {{wg}} -j ACCEPT', /stands for the name of an interface/],
  [RULE, 'TWINE_FORWARD -i any -j DROP', /"any" is no interface: did you mean \+/],
  [RULE, 'TWINE_FORWARD -o true -j DROP', /"true" says only whether: name the interfaces/],
  [RULE, 'TWINE_FORWARD -i 10.0.0.1 -j DROP', /"10\.0\.0\.1" is an address: name the interfaces/],
  [RULE, 'TWINE_INPUT -s $LAN -j DROP', /"\$LAN" has the variable \$LAN in it/],
  [RULE, `TWINE_INPUT -p tcp --dport \${PORT} -j DROP`, /the variable \$\{PORT\} in it/],
  [RULE, 'TWINE_INPUT -s $(hostname) -j DROP', /has a command in it/],
  [NAT, 'eth0 and wg0', /did you mean eth0,wg0\?/],
  [ROUTE, 'vpn1 or vpn2', /did you mean vpn1,vpn2\?/],
  [NAT, '$(wg show interfaces)', /has a command in it/],
  [NAT, `\${WG_IF}`, /the variable \$\{WG_IF\} in it/],
  [ROUTE, '$GATEWAY', /the variable \$GATEWAY in it/],
  [ROUTE, `\${GATEWAY:-vpn}`, /the variable \$\{GATEWAY:-vpn\} in it/],
  [FORWARD, 'web:$PORT', /the variable \$PORT in it/],
  [ROUTE, '`hostname`', /has a command in it/],
  [NAT, 'wg0:51820', /has a port, and interfaces have none: did you mean wg0\?/],
  [HOST, '10.1.0.0/16:80', /has a port, and networks have none: did you mean 10\.1\.0\.0\/16\?/],
  [ROUTE, 'vpn:80', /has a port, and a route has none: give vpn/],
  [NAT, 'eth0,wg+,', /a comma too many: did you mean "eth0,wg\+"\?/],
  [HOST, ',10.1.0.0/16', /a comma too many: did you mean "10\.1\.0\.0\/16"\?/],
  [ROUTE, 'vpn1,', /a comma too many: did you mean "vpn1"\?/],
  [NAT, 'eth0 wg+', /no commas between its parts: did you mean eth0,wg\+\?/],
  [NAT, 'eth0;wg+', /did you mean eth0,wg\+\?/],
  [NAT, 'eth0|wg+', /did you mean eth0,wg\+\?/],
  [NAT, 'eth0, wg+ tun0', /did you mean eth0,wg\+,tun0\?/],
  [HOST, '10.1.0.0/16 fd00::/8', /did you mean 10\.1\.0\.0\/16,fd00::\/8\?/],
  [ROUTE, 'vpn1 vpn2', /did you mean vpn1,vpn2\?/],
  [FORWARD, 'web 8080', /did you mean web:8080\?/],
  [FORWARD, 'http://web:8080/', /is a URL: did you mean web:8080\?/],
  [ROUTE, 'tcp://vpn', /is a URL: did you mean vpn\?/],
  [NAT, '["eth0", "wg+"]', /take the quotes away and give eth0, wg\+/],
  [NAT, 'all', /"all" is no interface: did you mean \+, which is all of them\?/],
  [NAT, 'wg0, any', /"any" is no interface/],
  [NAT, '10.0.0.1', /"10\.0\.0\.1" is an address: name the interfaces/],
  [NAT, '-o wg0', /is as ip\(8\) or iptables\(8\) take it: did you mean wg0\?/],
  [HOST, '10.1.0.0/16 via 10.0.0.2', /did you mean 10\.1\.0\.0\/16\?/],
  [HOST, '10.1.0.0/16 dev eth0', /did you mean 10\.1\.0\.0\/16\?/],
  [ROUTE, 'via vpn', /did you mean vpn\?/],
  [ROUTE, 'dev eth0', /takes an interface, and a route leads to a gateway: give the name of its container/],
  [ROUTE, 'via 10.0.0.2 dev eth0', /did you mean 10\.0\.0\.2\?/],
  [ROUTE, 'vpn dev eth0', /did you mean vpn\?/],
  [ROUTE, 'container:vpn', /has container before the name: did you mean vpn\?/],
  [ROUTE, 'service: vpn', /did you mean vpn\?/],
  [ROUTE, '10.0.0.2/24', /is a network, and a gateway one address: did you mean 10\.0\.0\.2\?/],
  [ROUTE, 'vpn1||vpn2', /did you mean vpn1,vpn2\?/],
  [FORWARD, 'container:web:8080', /did you mean web:8080\?/],
  [FORWARD, '80:web:8080', /twine\.nat\.forward\.80=web:8080$/],
  [FORWARD, 'web:80:8080', /twine\.nat\.forward\.80=web:8080$/],
  [FORWARD, 'web:80/tcp/udp', /two protocols: .* twine\.nat\.forward\.80\/tcp,udp=web:80$/],
  [FORWARD, 'dns:53/tcp,udp', /two protocols: .*\/tcp,udp=dns:53$/],
  [FORWARD, 'web:http', /did you mean 80\?/],
  ['twine.nat.forward.ssh', 'web', /"ssh" is not a port: did you mean 22\?/],
  ['twine.nat.forward.80to90', 'web', /did you mean 80-90\?/],
  ['twine.nat.forward.tcp/80', 'web', /did you mean 80\/tcp\?/],
  ['twine.nat.forward.tcp.80', 'web', /did you mean 80\/tcp\?/],
  ['twine.nat.forward.80.udp', 'web', /did you mean 80\/udp\?/],
  ['twine.nat.forward.80-90.eth0', 'web', /did you mean "eth0\.80-90"\?/],
  ['twine.nat.forward.eth0:80', 'web', /did you mean "eth0\.80"\?/],
  ['twine.nat.forward.eth0/80', 'web', /did you mean "eth0\.80"\?/],
  ['twine.nat.forward.lo:80', 'web', /did you mean "lo\.80"\?/],
  ['twine.nat.forward.0.0.0.0:80', 'web', /told by its interface: did you mean "80"\?/],
  ['twine.nat.forward.127.0.0.1:80/tcp', 'web', /did you mean "lo\.80"\?/],
  ['twine.nat.forward.192.168.1.5:80', 'web', /did you mean "eth0\.80"\?/],
  ['twine.nat.forward.[::1]:80', 'web', /did you mean "lo\.80"\?/],
  ['twine.nat.forward', 'web:80', /did you mean twine\.nat\.forward\.<port>\?/],
  ['twine.iptables.rule', 'TWINE_INPUT -j DROP', /did you mean twine\.iptables\.rule\.<name>\?/],
  ['twine.iptables.ssh', 'TWINE_INPUT -j DROP', /did you mean twine\.iptables\.rule\.ssh\?/],
  [RULE, 'iptables -A FORWARD -j ACCEPT', /leave out iptables, -t, and -A or -I, and begin with the chain/],
  [RULE, '/sbin/ip6tables-nft -A FORWARD -j ACCEPT', /leave out iptables/],
  [RULE, '-t nat -A POSTROUTING -j MASQUERADE', /leave out iptables/],
  [RULE, 'FORWARD -j ACCEPT', /did you mean "TWINE_FORWARD"\?/],
  [RULE, 'twine_forward -j ACCEPT', /did you mean "TWINE_FORWARD"\?/],
  [RULE, 'POSTROUTING -j MASQUERADE', /did you mean "TWINE_NAT_POSTROUTING"\?/],
  [RULE, 'TWINE_PREROUTING -j ACCEPT', /did you mean "TWINE_NAT_PREROUTING"\?/],
  [RULE, 'TWINE_FORWRAD -j ACCEPT', /did you mean "TWINE_FORWARD"\?/],
  [RULE, 'TWINE_INPUT -p tcp --dport 80,443 -j DROP', /-m multiport, with --dports 80,443/],
  [RULE, 'TWINE_INPUT -p tcp --dport 80-90 -j DROP', /did you mean 80:90\?/],
  [
    RULE,
    'TWINE_INPUT -p tcp/udp --dport 53 -j DROP',
    /"tcp\/udp" is no protocol: give each a rule of its own/,
  ],
  [RULE, 'TWINE_INPUT -m state --state NEW, RELATED -j DROP', /"RELATED" stands behind a comma/],
  [HOST, '10.0.0.0/255.0.0.0', /did you mean 10\.0\.0\.0\/8\?/],
  [RULE, 'TWINE_FORWARD -i eth0,eth1 -j DROP', /"eth0,eth1" is no interface: give each a rule/],
  [RULE, 'TWINE_FORWARD -i !eth0 -j DROP', /a space follows the "!", .* ! -i eth0/],
  [RULE, 'TWINE_INPUT -p tcp --dport !22 -j DROP', /"!22" is no port: the "!" stands before the option/],
  [RULE, 'TWINE_INPUT -p tcp ACCEPT', /did you mean "-j ACCEPT"\?/],
  [RULE, 'TWINE_INPUT -j DROP ; TWINE_OUTPUT -j DROP', /";" is no option.*: a label holds one rule/],
  [
    RULE,
    'TWINE_INPUT -j DROP\nTWINE_OUTPUT -j DROP',
    /"TWINE_OUTPUT" is no option.*: a label holds one rule/,
  ],
  [RULE, 'TWINE_INPUT -j DROP # all', /"#" is no option.*: a label holds one rule/],
  [RULE, 'TWINE_INPUT -P DROP', /"-P" is a command of its own/],
  [RULE, 'TWINE_INPUT -j allow', /did you mean "ACCEPT"\?/],
  [RULE, 'TWINE_INPUT -j DENY', /did you mean "DROP"\?/],
  [RULE, 'TWINE_INPUT –j DROP', /is no option: did you mean "-j"\?/],
  [RULE, 'TWINE_INPUT -p tcp –dport 80 -j DROP', /is no option: did you mean "--dport"\?/],
  [RULE, 'TWINE_INPUT -p tcp -dport 80 -j DROP', /"-dport" is no option: did you mean "--dport"\?/],
] as const) {
  test(`${key}=${value} is refused with what helps`, () => {
    const { intent, diagnostics } = decodeLabels('c', new Map([[key, value]]));
    assert.equal(diagnostics.length, 1);
    assert.match(diagnostics[0]!.message, message);
    const { natInterfaces, forwards, routes, rules, hostRoutes } = intent;
    assert.deepEqual([natInterfaces, forwards, rules, hostRoutes], [[], [], [], []]);
    // A route's network stays closed.
    assert.deepEqual(
      routes.map(({ destination }) => destination),
      key === ROUTE ? [undefined] : [],
    );
    if (key === ROUTE) assert.match(diagnostics[0]!.message, /ntil then 10\.0\.0\.0\/8 is unreachable$/);
  });
}

for (const [key, value] of [
  [RULE, 'TWINE_INPUT -m comment --comment "it\'s $(this), `that` and %i" -j DROP'],
  [RULE, 'TWINE_INPUT -i wg+ -m comment --comment "-i or -o" -j DROP'],
  [ROUTE, 'true-vpn'],
  [NAT, 'yes0,+'],
  [FORWARD, 'no-web:80'],
  ['twine.strict', 'true'],
  [RULE, 'TWINE_INPUT -ipv4 -j DROP'],
  [RULE, 'TWINE_INPUT -i any0 -j DROP'],
  [RULE, 'TWINE_INPUT -p tcp -m comment --comment "all or any, true, <x> -i any" -j DROP'],
  [RULE, 'TWINE_INPUT -i wg0 -m comment --comment "not -i eth0, but -o !x" -j DROP'],
  [NAT, 'all0,anyone,default+'],
  [ROUTE, 'via'],
  [ROUTE, 'container'],
  [FORWARD, 'web:8080/udp'],
  ['twine.nat.forward.tcp0.80', 'web'],
  ['twine.nat.forward.br-1a2b.80', 'web'],
] as const) {
  test(`${key}=${value} is no mistake`, () => {
    assert.deepEqual(decodeLabels('c', new Map([[key, value]])).diagnostics, []);
  });
}

test('hints are bounded and printable, whatever the value is', () => {
  const kinds = ['interfaces', 'networks', 'gateway', 'forward', 'rule', 'other'] as const;
  const text = fc.oneof(anyText(300), fc.stringMatching(/^["'$`{}()%i a-z:;|,/-]{0,60}$/));
  let hints = 0;
  fc.assert(
    fc.property(fc.constantFrom(...kinds), text, (kind, value) => {
      for (const hint of [hintFor(kind, value), whyMistaken(kind, value)]) {
        if (hint === undefined) continue;
        hints++;
        assert.ok(hint.length <= 1200 && /^[\x20-\x7e…]*$/.test(hint), hint);
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(hints > 100, String(hints));
});

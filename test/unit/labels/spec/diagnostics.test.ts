// The sentence for each mistake in a label, and that it stops no other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DIAGNOSTICS } from '../../../../src/labels/spec/diagnostics.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { MAX_LABELS } from '../../../../src/labels/spec/selected-keys.js';

const decode = (labels: Readonly<Record<string, string>>) =>
  decodeLabels('c', new Map(Object.entries(labels)));

const DESTINATION =
  'is not a destination: give the name of a container, a service or a host, or an IP address';
const PATTERN =
  'is not an interface pattern: give a name of 1 to 15 bytes such as eth0, the beginning of one and + such as wg+, or + alone';
const NETWORK = 'is not a network: give one such as 10.1.0.0/16 or fd00::/8, or a single address';
const KEYS =
  'unknown label: there are twine.nat.interfaces, twine.nat.in-interfaces, twine.nat.forward.<port>, twine.route.<network>, twine.iptables.rule.<name>, twine.host.routes and twine.strict';
const CLOSED = 'until then 10.0.0.0/8 is unreachable';
const ALL_CLOSED = 'ntil then 0.0.0.0/0 and ::/0 are unreachable';
const MEANT_10 =
  'is not a network: did you mean twine.route.10.0.0.0/8? Until then 10.0.0.0/8 is unreachable';
const NO_NETWORK = `did you mean twine.route.<network>, such as twine.route.0.0.0.0/0? U${ALL_CLOSED}`;
const PORT = 'give a whole number from 1 to 65535, or a range such as 6881-6889';
const NO_FORWARDING = 'until then the container forwards nothing but what its labels translate';
const REACHABLE = 'give an address that packets can be sent to, such as that of another container';

for (const [key, value, message] of [
  // Keys.
  ['twine.route', 'x', `unknown label: ${NO_NETWORK}`],
  ['twine.', 'x', KEYS],
  ['twine.firewall', 'x', KEYS],
  [
    'twine.routes.10.0.0.0/8',
    'x',
    'unknown label: did you mean twine.route.10.0.0.0/8? Until then 10.0.0.0/8 is unreachable',
  ],
  [
    'twine.Route.10.0.0.0/8',
    'x',
    'unknown label: did you mean twine.route.10.0.0.0/8? Until then 10.0.0.0/8 is unreachable',
  ],
  ['twine.nat.forwards.80', 'x', 'unknown label: did you mean twine.nat.forward.80?'],
  [
    'twine.nat.interface',
    'x',
    `unknown label: did you mean twine.nat.interfaces? Until${NO_FORWARDING.slice(5)}`,
  ],
  ['twine.host.route', 'x', 'unknown label: did you mean twine.host.routes=<network>?'],
  ['twine.host.routes.0.0.0.0/0', 'x', 'unknown label: did you mean twine.host.routes=0.0.0.0/0?'],
  [
    'twine.host.route.10.0.0.0/8,fd00::/8',
    'x',
    'unknown label: did you mean twine.host.routes=10.0.0.0/8,fd00::/8?',
  ],
  [
    'twine.route.0,0,0,0/0',
    'x',
    '"0,0,0,0/0" is not a network: did you mean twine.route.0.0.0.0/0? Until then 0.0.0.0/0 is unreachable',
  ],
  [
    'twine.route.0.0.0.0/0;10/8',
    'x',
    '"0.0.0.0/0;10/8" is not a network: did you mean twine.route.0.0.0.0/0 and twine.route.10.0.0.0/8? Until then 0.0.0.0/0 and 10.0.0.0/8 are unreachable',
  ],
  ['twine.iptables.rules.a', 'x', 'unknown label: did you mean twine.iptables.rule.a?'],
  [
    'twine.gateway.interface',
    'wg+',
    `this label has been renamed: write twine.nat.interfaces; ${NO_FORWARDING}`,
  ],
  ['twine.forward.9080', 'a:80', 'this label has been renamed: write twine.nat.forward.9080'],
  // Interfaces.
  ['twine.nat.interfaces', '', `the value is empty: give one such as eth0,wg+; ${NO_FORWARDING}`],
  [
    'twine.nat.interfaces',
    'eth0,',
    `"eth0," has a comma too many: did you mean "eth0"? U${NO_FORWARDING.slice(1)}`,
  ],
  ['twine.nat.interfaces', 'abcdefghijklmnop', `"abcdefghijklmnop" ${PATTERN}; ${NO_FORWARDING}`],
  ['twine.nat.interfaces', 'a/b', `"a/b" ${PATTERN}; ${NO_FORWARDING}`],
  [
    'twine.nat.interfaces',
    'eth0 eth1',
    `"eth0 eth1" has no commas between its parts: did you mean eth0,eth1? U${NO_FORWARDING.slice(1)}`,
  ],
  [
    'twine.nat.interfaces',
    'eth0:1',
    `"eth0:1" has a port, and interfaces have none: did you mean eth0? U${NO_FORWARDING.slice(1)}`,
  ],
  ['twine.nat.interfaces', '..', `".." ${PATTERN}; ${NO_FORWARDING}`],
  ['twine.nat.interfaces', 'еth0', `"\\u{435}th0" ${PATTERN}; ${NO_FORWARDING}`],
  ['twine.nat.interfaces', '@set', `"@set" ${PATTERN}; ${NO_FORWARDING}`],
  ['twine.nat.interfaces', 'eth0$', `"eth0$" ${PATTERN}; ${NO_FORWARDING}`],
  ['twine.nat.interfaces', 'tcp', `"tcp" ${PATTERN}; ${NO_FORWARDING}`],
  [
    'twine.nat.interfaces',
    'eth0@if7',
    `"eth0@if7" is not an interface pattern: did you mean "eth0"? Until${NO_FORWARDING.slice(5)}`,
  ],
  [
    'twine.nat.interfaces',
    'wg*',
    `"wg*" is not an interface pattern: did you mean "wg+"? Until${NO_FORWARDING.slice(5)}`,
  ],
  [
    'twine.nat.interfaces',
    '*',
    `"*" is not an interface pattern: did you mean "+"? Until${NO_FORWARDING.slice(5)}`,
  ],
  [
    'twine.nat.interfaces',
    `${'a,'.repeat(64)}a`,
    `the value has 65 interfaces: give at most 64; ${NO_FORWARDING}`,
  ],
  [
    'twine.nat.interfaces',
    'x'.repeat(5000),
    `the value is 5000 characters long: give at most 4096; ${NO_FORWARDING}`,
  ],
  // Forwards.
  ['twine.nat.forward.', 'web', `"" is not a port: ${PORT}`],
  ['twine.nat.forward.http', 'web', '"http" is not a port: did you mean 80?'],
  ['twine.nat.forward.0', 'web', `"0" is not a port: ${PORT}`],
  ['twine.nat.forward.080', 'web', '"080" is not a port: did you mean 80?'],
  ['twine.nat.forward.65536', 'web', `"65536" is not a port: ${PORT}`],
  ['twine.nat.forward.８０', 'web', `"\\u{ff18}\\u{ff10}" is not a port: ${PORT}`],
  ['twine.nat.forward.80/sctp', 'web', '"sctp" is not a protocol: give tcp or udp, or both as tcp,udp'],
  ['twine.nat.forward.80/TCP', 'web', '"TCP" is not a protocol: did you mean tcp?'],
  ['twine.nat.forward.80/', 'web', '"" is not a protocol: give tcp or udp, or both as tcp,udp'],
  ['twine.nat.forward..80', 'web', `"" ${PATTERN}`],
  ['twine.nat.forward.[eth0].80', 'web', '"[eth0]" is not an interface pattern: did you mean "eth0"?'],
  ['twine.nat.forward.80', '', 'the value is empty: give one such as web:80'],
  ['twine.nat.forward.80', ':80', `"" ${DESTINATION}`],
  ['twine.nat.forward.80', 'web:', `"" is not a port: ${PORT}`],
  ['twine.nat.forward.80', 'web:http', '"http" is not a port: did you mean 80?'],
  [
    'twine.nat.forward.80',
    'web:80:80',
    `"web:80:80" has more than one port: those of the container itself stand in the label's key, twine.nat.forward.80=web:80`,
  ],
  ['twine.nat.forward.80', 'web; id', `"web; id" ${DESTINATION}`],
  ['twine.nat.forward.80', 'wеb', `"w\\u{435}b" ${DESTINATION}`],
  ['twine.nat.forward.80', '10.0.0.300', `"10.0.0.300" ${DESTINATION}`],
  ['twine.nat.forward.80', '10.1', `"10.1" ${DESTINATION}`],
  ['twine.nat.forward.80', 'a'.repeat(254), `"${'a'.repeat(80)}…" ${DESTINATION}`],
  ['twine.nat.forward.80', '127.0.0.1:81', `127.0.0.1 is a loopback address: ${REACHABLE}`],
  ['twine.nat.forward.80', '0.0.0.0', `0.0.0.0 is no address of a host: ${REACHABLE}`],
  ['twine.nat.forward.80', '[::1]:80', `::1 is a loopback address: ${REACHABLE}`],
  ['twine.nat.forward.80', 'ff02::1', `ff02::1 is a multicast address: ${REACHABLE}`],
  [
    'twine.nat.forward.80',
    'fe80::1',
    `fe80::1 is a link-local address, which means nothing without an interface: ${REACHABLE}`,
  ],
  // Routes.
  ['twine.route.', 'gw', `"" ${NETWORK}; u${ALL_CLOSED}`],
  ['twine.route.10.0.0.0/33', 'gw', `"10.0.0.0/33" ${NETWORK}; until then 10.0.0.0/7 is unreachable`],
  ['twine.route.10.0.0/8', 'gw', `"10.0.0/8" ${MEANT_10}`],
  ['twine.route.10.0.0.0/255.0.0.0', 'gw', `"10.0.0.0/255.0.0.0" ${MEANT_10}`],
  [
    'twine.route.default',
    'gw',
    '"default" is not a network: did you mean 0.0.0.0/0 or ::/0? Until then 0.0.0.0/0 and ::/0 are unreachable',
  ],
  [
    'twine.route.127.0.0.0/8',
    'gw',
    'no route can lead to 127.0.0.0/8, which is loopback: give one such as 10.1.0.0/16 or fd00::/8, or a single address',
  ],
  [
    'twine.route.ff02::/16',
    'gw',
    'no route can lead to ff02::/16, which is multicast: give one such as 10.1.0.0/16 or fd00::/8, or a single address',
  ],
  ['twine.route.10.0.0.0/8', '', `the value is empty: give one such as wireguard; ${CLOSED}`],
  ['twine.route.10.0.0.0/8', 'gw:80', `"gw:80" has a port, and a route has none: give gw; ${CLOSED}`],
  ['twine.route.10.0.0.0/8', '0.0.0.0', `0.0.0.0 is no address of a host: ${REACHABLE}; ${CLOSED}`],
  [
    'twine.route.10.0.0.0/8',
    'fd00::1',
    `fd00::1 is no IPv4 address, but the network is IPv4: give a gateway of the same family, or its name; ${CLOSED}`,
  ],
  [
    'twine.route.::/0',
    '10.0.0.1',
    '10.0.0.1 is no IPv6 address, but the network is IPv6: give a gateway of the same family, or its name; until then ::/0 is unreachable',
  ],
  [
    'twine.route.10.0.0.0/8',
    '"gw"',
    `""gw"" has quotes in it, which are part of the value here: take the quotes away and give gw; ${CLOSED}`,
  ],
  [
    'twine.route.10.0.0.0/8',
    'x'.repeat(5000),
    `the value is 5000 characters long: give at most 4096; ${CLOSED}`,
  ],
  // Strict.
  ['twine.strict', '', '"" is neither true nor false: give one of them; until then it counts as true'],
  ['twine.strict', 'yes', '"yes" is neither true nor false: give one of them; until then it counts as true'],
  ['twine.stric', 'true', 'unknown label: did you mean twine.strict? Until then it counts as true'],
  // Host routes.
  ['twine.host.routes', '', 'the value is empty: give one such as 10.1.0.0/16,fd00::/8'],
  ['twine.host.routes', '10.0.0.0/8,x', `"x" ${NETWORK}`],
  // Rules.
  [
    'twine.iptables.rule.',
    'TWINE_INPUT -j DROP',
    '"" is not the name of a rule: give at most 64 letters, digits, hyphens and underscores',
  ],
  [
    'twine.iptables.rule.a b',
    'TWINE_INPUT -j DROP',
    '"a b" is not the name of a rule: give at most 64 letters, digits, hyphens and underscores',
  ],
] as const) {
  test(`${key.slice(0, 60)}=${value.slice(0, 30)} is a mistake`, () => {
    const { intent, diagnostics } = decode({ [key]: value, 'twine.nat.forward.1': 'good' });
    assert.deepEqual(
      diagnostics.map(mistake => mistake.message),
      [message],
    );
    assert.equal(diagnostics[0]?.container, 'c');
    // The good one beside it is untouched.
    assert.deepEqual(
      intent.forwards.map(({ key }) => key),
      ['twine.nat.forward.1'],
    );
  });
}

test('a key that is too long is told in short', () => {
  const { diagnostics } = decode({ [`twine.route.${'9'.repeat(1_000_000)}`]: 'x' });
  assert.equal(
    diagnostics[0]?.message,
    `the label's key is 1000012 characters long: give at most 255; u${ALL_CLOSED}`,
  );
  assert.equal(diagnostics[0]?.key.length, 256);
});

test('of very many labels the first count, and very many mistakes are told together', () => {
  const many = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`twine.nat.forward.${i + 1}`, 'web']),
  );
  const { intent, diagnostics } = decode(many);
  assert.equal(intent.forwards.length, MAX_LABELS);
  assert.deepEqual(diagnostics, [
    {
      container: 'c',
      key: 'twine.*',
      message:
        'the container has 10000 of these labels: the first 1024 count, routes before others, in the order of their names',
    },
  ]);
  const wrong = decode(Object.fromEntries(Object.keys(many).map(key => [key, '?'])));
  assert.equal(wrong.diagnostics.length, MAX_DIAGNOSTICS + 1);
  assert.equal(
    wrong.diagnostics.at(-1)?.message,
    'there are 925 more mistakes in the labels of this container: correct these first',
  );
});

test('what is told of labels is bounded and of printable characters', () => {
  const nasty = '\u001b[31m\u202e\u0000\u009b\ud800x\n'.repeat(1000);
  const { diagnostics } = decodeLabels(
    nasty,
    new Map([
      [`twine.${nasty}`, nasty],
      [`twine.route.${nasty.slice(0, 100)}`, 'gw'],
      ['twine.nat.interfaces', nasty.slice(0, 4000)],
      ['twine.iptables.rule.x', nasty.slice(0, 4000)],
    ]),
  );
  assert.equal(diagnostics.length, 4);
  for (const mistake of diagnostics) {
    for (const text of [mistake.container, mistake.key, mistake.message]) {
      assert.match(text, /^[\x20-\x7e…]*$/);
      assert.ok(text.length < 4000);
    }
  }
});

// The labels of one container: what each may be, and the sentence for each mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatPrefix } from '../../src/ip.js';
import { formatDestination } from '../../src/labels/destination.js';
import { decodeLabels, MAX_LABELS } from '../../src/labels/grammar.js';
import { MAX_MISTAKES } from '../../src/labels/mistakes.js';
import { formatPattern } from '../../src/labels/pattern.js';
import type { ContainerIntent, ForwardIntent } from '../../src/labels/words.js';
import { prefix } from './arbitrary.js';

type Labels = Readonly<Record<string, string>>;

const decode = (labels: Labels) => decodeLabels('c', new Map(Object.entries(labels)));

/** The intent of labels without a mistake. */
function intentOf(labels: Labels): ContainerIntent {
  const { intent, mistakes } = decode(labels);
  assert.deepEqual(mistakes, []);
  return intent;
}

const showForward = ({ pattern, port, protocol, destination, destinationPort }: ForwardIntent): string =>
  `${pattern ? `${formatPattern(pattern)} ` : ''}${port}/${protocol} → ${formatDestination(destination, destinationPort)}`;

for (const [value, expected] of [
  ['eth0', ['eth0']],
  ['wg+,eth+', ['wg+', 'eth+']],
  ['+', ['+']],
  [' wg+ ,\teth0.100 ', ['wg+', 'eth0.100']],
  ['eth0,eth0', ['eth0']],
  ['abcdefghijklmno', ['abcdefghijklmno']],
  ['abcdefghijklmno+', ['abcdefghijklmno+']],
  ['br-0123456789ab,a+b', ['br-0123456789ab', 'a+b']],
] as const) {
  test(`twine.nat.interfaces=${value} is read`, () => {
    assert.deepEqual(intentOf({ 'twine.nat.interfaces': value }).natInterfaces.map(formatPattern), expected);
  });
}

for (const [key, value, expected] of [
  ['9080', 'qbittorrent:9080', '9080/tcp → qbittorrent:9080'],
  ['9080', 'qbittorrent', '9080/tcp → qbittorrent:9080'],
  ['80/tcp', 'nginx:8080', '80/tcp → nginx:8080'],
  ['53/udp', '192.0.2.1', '53/udp → 192.0.2.1:53'],
  ['53/udp', '192.0.2.1:5353', '53/udp → 192.0.2.1:5353'],
  ['eth0.25565/tcp', 'minecraft:25565', 'eth0 25565/tcp → minecraft:25565'],
  ['wg+.80', 'nginx:80', 'wg+ 80/tcp → nginx:80'],
  ['lo.5353/udp', 'traefik:5353', 'lo 5353/udp → traefik:5353'],
  ['eth0.100.80', 'web', 'eth0.100 80/tcp → web:80'],
  ['+.65535', 'web:1', '+ 65535/tcp → web:1'],
  ['80', 'fd00::2', '80/tcp → [fd00::2]:80'],
  ['80', '[fd00::2]', '80/tcp → [fd00::2]:80'],
  ['80', '[fd00::2]:8080', '80/tcp → [fd00::2]:8080'],
  ['80', ' web:81\n', '80/tcp → web:81'],
  ['80', 'my_web-1.example.com.:81', '80/tcp → my_web-1.example.com.:81'],
  ['80', '012345678901:81', '80/tcp → 012345678901:81'],
] as const) {
  test(`twine.nat.forward.${key}=${value} is read`, () => {
    const { forwards } = intentOf({ [`twine.nat.forward.${key}`]: value });
    assert.deepEqual(forwards.map(showForward), [expected]);
  });
}

for (const [network, value, expected] of [
  ['192.168.0.1/24', 'wireguard', '192.168.0.0/24 → wireguard'],
  ['0.0.0.0/0', 'wireguard', '0.0.0.0/0 → wireguard'],
  ['0.0.0.0/1', 'wireguard', '0.0.0.0/1 → wireguard'],
  ['128.0.0.0/1', 'wireguard', '128.0.0.0/1 → wireguard'],
  ['10.1.2.3', '10.0.0.5', '10.1.2.3/32 → 10.0.0.5'],
  ['::/0', 'wireguard', '::/0 → wireguard'],
  ['fd00::1', 'fd01::2', 'fd00::1/128 → fd01::2'],
  ['fd00:1::5/32', '[fd01::2]', 'fd00:1::/32 → fd01::2'],
] as const) {
  test(`twine.route.${network}=${value} is read`, () => {
    const { routes } = intentOf({ [`twine.route.${network}`]: value });
    assert.deepEqual(
      routes.map(route => `${formatPrefix(route.network)} → ${formatDestination(route.destination)}`),
      [expected],
    );
  });
}

test('twine.host.routes is a list of networks, host bits cleared, each once', () => {
  const { hostRoutes } = intentOf({
    'twine.host.routes': '192.168.100.1/24,10.20.0.0/24, fd00::1/64,10.20.0.9/24',
  });
  assert.deepEqual(
    hostRoutes.map(({ network }) => formatPrefix(network)),
    ['192.168.100.0/24', '10.20.0.0/24', 'fd00::/64'],
  );
});

test('rules are in the natural order of their names', () => {
  const names = ['b', 'rule10', 'rule2', 'A', 'rule02', 'a-b_c'];
  const { rules } = intentOf(
    Object.fromEntries(names.map(name => [`twine.iptables.rule.${name}`, 'TWINE_INPUT -j ACCEPT'])),
  );
  assert.deepEqual(
    rules.map(({ name }) => name),
    ['A', 'a-b_c', 'b', 'rule02', 'rule2', 'rule10'],
  );
  assert.deepEqual(new Set(rules.map(({ rule }) => rule.chain)), new Set(['TWINE_INPUT']));
});

test('labels that are not of twine are passed over', () => {
  const { intent, mistakes } = decode({ 'traefik.enable': 'true', twine: 'x', 'Twine.route.x': 'y' });
  assert.deepEqual(mistakes, []);
  assert.ok(Object.values(intent).every(part => part.length === 0));
});

const DESTINATION =
  'is not a destination: give the name of a container, a service or a host, or an IP address';
const PATTERN =
  'is not an interface pattern: give a name of 1 to 15 bytes such as eth0, the beginning of one and + such as wg+, or + alone';
const NETWORK = 'is not a network: give one such as 10.1.0.0/16 or fd00::/8, or a single address';
const KEYS =
  'unknown label: there are twine.nat.interfaces, twine.nat.forward.<port>, twine.route.<network>, twine.iptables.rule.<name> and twine.host.routes';
const REACHABLE = 'give an address that packets can be sent to, such as that of another container';

for (const [key, value, message] of [
  // Keys.
  ['twine.route', 'x', KEYS],
  ['twine.', 'x', KEYS],
  ['twine.firewall', 'x', KEYS],
  ['twine.routes.10.0.0.0/8', 'x', 'unknown label: did you mean twine.route.10.0.0.0/8?'],
  ['twine.Route.10.0.0.0/8', 'x', 'unknown label: did you mean twine.route.10.0.0.0/8?'],
  ['twine.nat.forwards.80', 'x', 'unknown label: did you mean twine.nat.forward.80?'],
  ['twine.nat.interface', 'x', 'unknown label: did you mean twine.nat.interfaces?'],
  ['twine.host.route', 'x', 'unknown label: did you mean twine.host.routes?'],
  ['twine.iptables.rules.a', 'x', 'unknown label: did you mean twine.iptables.rule.a?'],
  ['twine.gateway.interface', 'wg+', 'this label has another name now: write twine.nat.interfaces'],
  ['twine.forward.9080', 'a:80', 'this label has another name now: write twine.nat.forward.9080'],
  // Interfaces.
  ['twine.nat.interfaces', '', 'the value is empty: give one such as eth0,wg+'],
  ['twine.nat.interfaces', 'eth0,', `"" ${PATTERN}`],
  ['twine.nat.interfaces', 'abcdefghijklmnop', `"abcdefghijklmnop" ${PATTERN}`],
  ['twine.nat.interfaces', 'a/b', `"a/b" ${PATTERN}`],
  ['twine.nat.interfaces', 'eth0 eth1', `"eth0 eth1" ${PATTERN}`],
  ['twine.nat.interfaces', 'eth0:1', `"eth0:1" ${PATTERN}`],
  ['twine.nat.interfaces', '..', `".." ${PATTERN}`],
  ['twine.nat.interfaces', 'еth0', `"\\u{435}th0" ${PATTERN}`],
  ['twine.nat.interfaces', '@set', `"@set" ${PATTERN}`],
  ['twine.nat.interfaces', 'eth0$', `"eth0$" ${PATTERN}`],
  ['twine.nat.interfaces', 'eth0@if7', '"eth0@if7" is not an interface pattern: did you mean "eth0"?'],
  ['twine.nat.interfaces', 'wg*', '"wg*" is not an interface pattern: did you mean "wg+"?'],
  ['twine.nat.interfaces', '*', '"*" is not an interface pattern: did you mean "+"?'],
  ['twine.nat.interfaces', `${'a,'.repeat(64)}a`, 'the value has 65 interfaces: give at most 64'],
  ['twine.nat.interfaces', 'x'.repeat(5000), 'the value is 5000 characters long: give at most 4096'],
  // Forwards.
  ['twine.nat.forward.', 'web', '"" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.http', 'web', '"http" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.0', 'web', '"0" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.080', 'web', '"080" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.65536', 'web', '"65536" is not a port: give a whole number from 1 to 65535'],
  [
    'twine.nat.forward.８０',
    'web',
    '"\\u{ff18}\\u{ff10}" is not a port: give a whole number from 1 to 65535',
  ],
  ['twine.nat.forward.80/sctp', 'web', '"sctp" is not a protocol: give tcp or udp'],
  ['twine.nat.forward.80/TCP', 'web', '"TCP" is not a protocol: did you mean tcp?'],
  ['twine.nat.forward.80/', 'web', '"" is not a protocol: give tcp or udp'],
  ['twine.nat.forward..80', 'web', `"" ${PATTERN}`],
  ['twine.nat.forward.[eth0].80', 'web', '"[eth0]" is not an interface pattern: did you mean "eth0"?'],
  ['twine.nat.forward.80', '', 'the value is empty: give one such as web:80'],
  ['twine.nat.forward.80', ':80', `"" ${DESTINATION}`],
  ['twine.nat.forward.80', 'web:', '"" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.80', 'web:http', '"http" is not a port: give a whole number from 1 to 65535'],
  ['twine.nat.forward.80', 'web:80:80', `"web:80:80" ${DESTINATION}`],
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
  ['twine.route.', 'gw', `"" ${NETWORK}`],
  ['twine.route.10.0.0.0/33', 'gw', `"10.0.0.0/33" ${NETWORK}`],
  ['twine.route.10.0.0/8', 'gw', `"10.0.0/8" ${NETWORK}`],
  ['twine.route.10.0.0.0/255.0.0.0', 'gw', `"10.0.0.0/255.0.0.0" ${NETWORK}`],
  ['twine.route.default', 'gw', '"default" is not a network: did you mean 0.0.0.0/0 or ::/0?'],
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
  ['twine.route.10.0.0.0/8', '', 'the value is empty: give one such as wireguard'],
  ['twine.route.10.0.0.0/8', 'gw:80', '"gw:80" has a port, and a route has none: give gw'],
  ['twine.route.10.0.0.0/8', '0.0.0.0', `0.0.0.0 is no address of a host: ${REACHABLE}`],
  [
    'twine.route.10.0.0.0/8',
    'fd00::1',
    'fd00::1 is no IPv4 address, but the network is IPv4: give a gateway of the same family, or its name',
  ],
  [
    'twine.route.::/0',
    '10.0.0.1',
    '10.0.0.1 is no IPv6 address, but the network is IPv6: give a gateway of the same family, or its name',
  ],
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
    const { intent, mistakes } = decode({ [key]: value, 'twine.nat.forward.1': 'good' });
    assert.deepEqual(
      mistakes.map(mistake => mistake.message),
      [message],
    );
    assert.equal(mistakes[0]?.container, 'c');
    // The good one beside it is untouched.
    assert.deepEqual(intent.forwards.map(showForward), ['1/tcp → good:1']);
  });
}

test('a key that is too long is told in short', () => {
  const { mistakes } = decode({ [`twine.route.${'9'.repeat(1_000_000)}`]: 'x' });
  assert.equal(mistakes[0]?.message, "the label's key is 1000012 characters long: give at most 255");
  assert.equal(mistakes[0]?.key.length, 256);
});

test('two labels that mean the same and say the same are one', () => {
  const { routes, forwards } = intentOf({
    'twine.route.192.168.0.1/24': 'gw',
    'twine.route.192.168.0.0/24': 'gw',
    'twine.nat.forward.80': 'web',
    'twine.nat.forward.80/tcp': 'web:80',
    'twine.nat.forward.+.80': 'web:80',
  });
  assert.deepEqual([routes.length, forwards.length], [1, 1]);
});

for (const [first, second, about] of [
  ['twine.route.192.168.0.0/24', 'twine.route.192.168.0.1/24', 'a'],
  ['twine.route.fd00:0::/128', 'twine.route.fd00::', 'a'],
  ['twine.nat.forward.80', 'twine.nat.forward.80/tcp', 'a:80'],
  ['twine.nat.forward.+.80', 'twine.nat.forward.80', 'a:80'],
] as const) {
  test(`${first} and ${second} that lead elsewhere contradict each other, and the first counts`, () => {
    const { intent, mistakes } = decode({ [second]: 'b', [first]: 'a' });
    assert.deepEqual(mistakes, [
      {
        container: 'c',
        key: second,
        message: `this label means the same as ${first}, which leads to ${about}, and that one counts: remove one of the two`,
      },
    ]);
    const [kept] = [...intent.routes, ...intent.forwards];
    assert.equal(kept?.key, first);
  });
}

test('defect 2: what looks like a command is a mistake, whatever it is in', () => {
  for (const evil of ['; id', '$(id)', '`id`', '&& id', '| id', '\n id', "' id", '" id']) {
    const { intent, mistakes } = decode({
      [`twine.route.10.0.0.0/8${evil}`]: 'gw',
      'twine.route.10.1.0.0/16': `gw${evil}`,
      [`twine.nat.forward.80${evil}`]: 'web',
      [`twine.nat.forward.eth0${evil}.81`]: 'web',
      'twine.nat.forward.82': `web${evil}`,
      'twine.nat.interfaces': `eth0${evil}`,
      'twine.host.routes': `10.0.0.0/8${evil}`,
      [`twine.iptables.rule.a${evil}`]: 'TWINE_INPUT -j ACCEPT',
      'twine.iptables.rule.b': `TWINE_INPUT -j ACCEPT${evil}`,
    });
    assert.equal(mistakes.length, 9, evil);
    assert.ok(
      Object.values(intent).every(part => part.length === 0),
      evil,
    );
  }
});

test('defect 4: the chain of a rule decides, whatever its label is called', () => {
  const { rules } = intentOf({
    'twine.iptables.rule.nat-input': 'TWINE_INPUT -j DROP',
    'twine.iptables.rule.my-forward': 'TWINE_NAT_OUTPUT -p tcp --dport 80 -j REDIRECT --to-ports 81',
  });
  assert.deepEqual(
    rules.map(({ name, rule }) => [name, rule.chain]),
    [
      ['my-forward', 'TWINE_NAT_OUTPUT'],
      ['nat-input', 'TWINE_INPUT'],
    ],
  );
});

test('defect 9: one bad label stops no good one, and the former gateway label is only a mistake', () => {
  const { intent, mistakes } = decode({
    'twine.gateway.interface': 'wg+',
    'twine.route.nonsense': 'gw',
    'twine.iptables.rule.bad': 'TWINE_INPUT --no-such-option',
    'twine.iptables.rule.good': 'TWINE_INPUT -j ACCEPT',
    'twine.route.10.0.0.0/8': 'gw',
    'twine.nat.interfaces': 'wg+',
    'twine.nat.forward.80': 'web',
    'twine.host.routes': '10.9.0.0/16',
  });
  assert.deepEqual(
    mistakes.map(({ key }) => key),
    ['twine.gateway.interface', 'twine.iptables.rule.bad', 'twine.route.nonsense'],
  );
  assert.deepEqual(
    Object.values(intent).map(part => part.length),
    [1, 1, 1, 1, 1],
  );
});

test('of very many labels the first count, and very many mistakes are told together', () => {
  const many = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`twine.nat.forward.${i + 1}`, 'web']),
  );
  const { intent, mistakes } = decode(many);
  assert.equal(intent.forwards.length, MAX_LABELS);
  assert.deepEqual(mistakes, [
    {
      container: 'c',
      key: 'twine.*',
      message: 'the container has 10000 of these labels: the first 1024 count, in the order of their names',
    },
  ]);
  const wrong = decode(Object.fromEntries(Object.keys(many).map(key => [key, '?'])));
  assert.equal(wrong.mistakes.length, MAX_MISTAKES + 1);
  assert.equal(
    wrong.mistakes.at(-1)?.message,
    'there are 925 more mistakes in the labels of this container: put these right first',
  );
});

test('what is told of labels is bounded and of printable characters', () => {
  const nasty = '\u001b[31m\u202e\u0000\u009b\ud800x\n'.repeat(1000);
  const { mistakes } = decodeLabels(
    nasty,
    new Map([
      [`twine.${nasty}`, nasty],
      [`twine.route.${nasty.slice(0, 100)}`, 'gw'],
      ['twine.nat.interfaces', nasty.slice(0, 4000)],
      ['twine.iptables.rule.x', nasty.slice(0, 4000)],
    ]),
  );
  assert.equal(mistakes.length, 4);
  for (const mistake of mistakes) {
    for (const text of [mistake.container, mistake.key, mistake.message]) {
      assert.match(text, /^[\x20-\x7e…]*$/);
      assert.ok(text.length < 4000);
    }
  }
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.stringMatching(/^[a-z0-9.+:/[\],* -]{0,40}$/),
  fc.constantFrom('web', 'web:80', '10.0.0.0/8', 'wg+', 'TWINE_INPUT -j DROP', '[fd00::1]:80', '0.0.0.0/0'),
);
const anyKey = fc
  .tuple(
    fc.constantFrom(
      'twine.',
      'twine.nat.forward.',
      'twine.route.',
      'twine.iptables.rule.',
      'twine.host.routes',
      'twine.nat.interfaces',
    ),
    fc.oneof(fc.constant(''), hostile),
  )
  .map(([head, rest]) => head + rest);

test('any label is either understood or reported, and none of it throws', () => {
  fc.assert(
    fc.property(anyKey, hostile, (key, value) => {
      const { intent, mistakes } = decode({ [key]: value });
      const understood = Object.values(intent).some(part => part.length > 0);
      assert.notEqual(understood, mistakes.length > 0, `${key}=${value}`);
    }),
  );
});

test('any labels together are as many as understood and reported, in whatever order they are given', () => {
  fc.assert(
    fc.property(fc.dictionary(anyKey, hostile, { maxKeys: 12, noNullPrototype: true }), labels => {
      const there = decode(labels);
      const back = decodeLabels('c', new Map(Object.entries(labels).reverse()));
      assert.deepEqual(there, back);
    }),
  );
});

const patternText = fc.oneof(fc.constant('+'), fc.stringMatching(/^[a-z][a-z0-9_.-]{0,13}[a-z0-9]\+?$/));
const hostText = fc.oneof(
  fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
  fc.constantFrom('192.0.2.1', '10.255.0.1'),
);

test('a forward says what its label says', () => {
  const port = fc.integer({ min: 1, max: 65535 });
  fc.assert(
    fc.property(
      patternText,
      port,
      fc.constantFrom('tcp', 'udp'),
      hostText,
      port,
      (pattern, from, protocol, host, to) => {
        const { forwards } = intentOf({
          [`twine.nat.forward.${pattern}.${from}/${protocol}`]: `${host}:${to}`,
        });
        assert.deepEqual(forwards.map(showForward), [`${pattern} ${from}/${protocol} → ${host}:${to}`]);
      },
    ),
  );
});

test('a route says what its label says', () => {
  fc.assert(
    fc.property(prefix, network => {
      const { intent, mistakes } = decode({ [`twine.route.${formatPrefix(network)}`]: 'gw' });
      if (mistakes.length > 0) assert.match(mistakes[0]!.message, /^no route can lead to/);
      else assert.deepEqual(intent.routes[0]?.network, network);
    }),
  );
});

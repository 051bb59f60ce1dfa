// The labels of one container: what each may be, and the sentence for each mistake.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatPrefix,
  fromBytes,
  maskPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from '../../../../src/base/ip.js';
import { naturalCompare } from '../../../../src/base/plain-text.js';
import { formatDestination } from '../../../../src/labels/spec/destination.js';
import { forwardSubject, forwardTarget } from '../../../../src/labels/spec/forward.js';
import type { ContainerIntent, ForwardIntent } from '../../../../src/labels/spec/intent.js';
import { formatPattern } from '../../../../src/labels/spec/interface-pattern.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { isPlainText } from '../../../../src/nft/expression.js';
import { anyText, prefix } from '../../../support/arbitrary.js';

type Labels = Readonly<Record<string, string>>;

const decode = (labels: Labels) => decodeLabels('c', new Map(Object.entries(labels)));

/** The intent of labels without a mistake. */
function intentOf(labels: Labels): ContainerIntent {
  const { intent, diagnostics } = decode(labels);
  assert.deepEqual(diagnostics, []);
  return intent;
}

/** Whether it changes nothing but to keep something closed. */
const asksNothing = ({
  natInterfaces,
  inInterfaces,
  forwards,
  routes,
  rules,
  hostRoutes,
}: ContainerIntent): boolean =>
  [
    natInterfaces,
    inInterfaces,
    forwards,
    routes.filter(({ destination }) => destination),
    rules,
    hostRoutes,
  ].every(part => part.length === 0);

const showForward = (forward: ForwardIntent): string =>
  `${forward.pattern ? forwardSubject(forward) : forwardSubject(forward).replace(/^\+ /, '')} → ${forwardTarget(forward)}`;

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
  test(`twine.nat.interfaces=${value} is read, and so is twine.nat.in-interfaces`, () => {
    assert.deepEqual(intentOf({ 'twine.nat.interfaces': value }).natInterfaces.map(formatPattern), expected);
    const { natInterfaces, inInterfaces } = intentOf({ 'twine.nat.in-interfaces': value });
    assert.deepEqual([natInterfaces, inInterfaces.map(formatPattern)], [[], expected]);
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
  ['::/0', 'unreachable', '::/0 → unreachable'],
  ['192.168.0.0/16', 'host-gateway', '192.168.0.0/16 → host-gateway'],
  ['0.0.0.0/0', 'vpn1, vpn2', '0.0.0.0/0 → vpn1,vpn2'],
  ['0.0.0.0/0', 'vpn1,10.0.0.3,host-gateway', '0.0.0.0/0 → vpn1,10.0.0.3,host-gateway'],
  ['::/0', 'vpn,[fd01::2],vpn', '::/0 → vpn,[fd01::2]'],
  ['0.0.0.0/0', 'vpn,vpn', '0.0.0.0/0 → vpn'],
] as const) {
  test(`twine.route.${network}=${value} is read`, () => {
    const { routes } = intentOf({ [`twine.route.${network}`]: value });
    assert.deepEqual(
      routes.map(route => `${formatPrefix(route.network)} → ${formatDestination(route.destination!)}`),
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
  const { intent, diagnostics } = decode({ 'traefik.enable': 'true', twine: 'x', 'twined.route.x': 'y' });
  assert.deepEqual(diagnostics, []);
  assert.ok(asksNothing(intent));
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
    const { intent, diagnostics } = decode({ [second]: 'b', [first]: 'a' });
    assert.deepEqual(diagnostics, [
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

test('what looks like a command is a mistake, whatever it is in', () => {
  for (const evil of ['; id', '$(id)', '`id`', '&& id', '| id', '\n id', "' id", '" id']) {
    const { intent, diagnostics } = decode({
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
    assert.equal(diagnostics.length, 9, evil);
    assert.ok(asksNothing(intent), evil);
  }
});

test('the chain of a rule decides, whatever its label is called', () => {
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

test('one bad label stops no good one, and the former gateway label is only a mistake', () => {
  const { intent, diagnostics } = decode({
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
    diagnostics.map(({ key }) => key),
    ['twine.gateway.interface', 'twine.iptables.rule.bad', 'twine.route.nonsense'],
  );
  const { natInterfaces, forwards, routes, rules, hostRoutes } = intent;
  assert.deepEqual(
    [natInterfaces, forwards, routes.filter(({ destination }) => destination), rules, hostRoutes].map(
      part => part.length,
    ),
    [1, 1, 1, 1, 1],
  );
});

const hostile = fc.oneof(
  anyText(40),
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
      'twine.nat.in-interfaces',
    ),
    fc.oneof(fc.constant(''), hostile),
  )
  .map(([head, rest]) => head + rest);

const labelOf = (head: string, tails: readonly string[], values: readonly string[]) =>
  fc
    .tuple(fc.constantFrom(...tails), fc.constantFrom(...values))
    .map(([tail, value]) => [head + tail, value]);
/** Right ones, of which some mean the same, and any. */
const anyLabel = fc.oneof(
  labelOf('twine.nat.forward.', ['80', '80/tcp', '+.80', 'lo.80', '80/udp'], ['web', 'web:80', 'db']),
  labelOf('twine.route.', ['10.0.0.0/8', '10.1.2.3/8', '::/0', '0::/0'], ['web', 'db']),
  labelOf('twine.iptables.rule.', ['a', 'a-b'], ['TWINE_INPUT -j DROP']),
  labelOf('twine.nat.interfaces', [''], ['eth0', 'wg+,lo']),
  labelOf('twine.nat.in-interfaces', [''], ['eth0', 'eth+,lo']),
  labelOf('twine.host.routes', [''], ['10.9.0.0/16,fd00::/8']),
  { weight: 3, arbitrary: fc.tuple(anyKey, hostile) },
);
const anyLabels = fc
  .array(anyLabel, { maxLength: 12, size: 'max' })
  .map(labels => Object.fromEntries(labels) as Record<string, string>);

test('any label is either understood or reported, and none of it throws', () => {
  const count = { understood: 0, reported: 0 };
  fc.assert(
    fc.property(anyLabel, ([key = '', value = '']) => {
      const { intent, diagnostics } = decode({ [key]: value });
      assert.notEqual(!asksNothing(intent), diagnostics.length > 0, `${key}=${value}`);
      count[diagnostics.length > 0 ? 'reported' : 'understood']++;
    }),
    { numRuns: 500 },
  );
  assert.ok(count.understood > 50 && count.reported > 50, JSON.stringify(count));
});

/** What labels without a mistake ask for, each by what it is about, and where it leads. */
function askedFor({
  natInterfaces,
  inInterfaces,
  forwards,
  routes,
  rules,
  hostRoutes,
}: ContainerIntent): Map<string, string> {
  return new Map([
    ...natInterfaces.map(pattern => [`interface ${formatPattern(pattern)}`, ''] as const),
    ...inInterfaces.map(pattern => [`in ${formatPattern(pattern)}`, ''] as const),
    ...forwards.map(forward => [`forward ${forwardSubject(forward)}`, forwardTarget(forward)] as const),
    ...routes.flatMap(({ network, destination }) =>
      destination ? [[`route ${formatPrefix(network)}`, formatDestination(destination)] as const] : [],
    ),
    ...rules.map(({ name }) => [`rule ${name}`, ''] as const),
    ...hostRoutes.map(({ network }) => [`host route ${formatPrefix(network)}`, ''] as const),
  ]);
}

test('labels together ask for what each asks for, and are reported where one is or two contradict each other', () => {
  const met = { repeated: 0, contradicted: 0 };
  fc.assert(
    fc.property(anyLabels, labels => {
      const expected = new Map<string, string>();
      let reported = 0;
      for (const key of Object.keys(labels).sort(naturalCompare)) {
        const { intent, diagnostics } = decode({ [key]: labels[key]! });
        const asked = [...askedFor(intent)];
        const contradicts = asked.some(([about, to]) => (expected.get(about) ?? to) !== to);
        if (contradicts) met.contradicted++;
        else if (asked.some(([about]) => expected.has(about))) met.repeated++;
        if (diagnostics.length > 0 || contradicts) reported++;
        if (!contradicts) for (const [about, to] of asked) expected.set(about, to);
      }
      const { intent, diagnostics } = decode(labels);
      assert.deepEqual(new Map([...askedFor(intent)].sort()), new Map([...expected].sort()));
      assert.equal(diagnostics.length, reported);
    }),
    { numRuns: 500 },
  );
  assert.ok(met.repeated > 5 && met.contradicted > 5, JSON.stringify(met));
});

test('labels mean the same in whatever order they are given', () => {
  fc.assert(
    fc.property(anyLabels, labels => {
      const there = decode(labels);
      const back = decodeLabels('c', new Map(Object.entries(labels).reverse()));
      assert.deepEqual(there, back);
    }),
  );
});

/** An exact name that libnftables takes for something else, such as `ah`, is refused. */
const patternText = fc.oneof(
  fc.constant('+'),
  fc
    .stringMatching(/^[a-z][a-z0-9_.-]{0,13}[a-z0-9]\+?$/)
    .filter(text => text.endsWith('+') || isPlainText(text)),
);
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

/** No packet can be sent there by way of a gateway. */
const UNROUTABLE = [
  ...['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/128', '::1/128', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
].map(text => parsePrefix(text)!);
/** Around those: wider, narrower and just beside. */
const nearUnroutable = fc
  .tuple(fc.constantFrom(...UNROUTABLE), fc.integer({ min: -9, max: 9 }), fc.boolean())
  .map(([{ address, length }, more, isBeside]) => {
    const bytes = Buffer.from(address.bytes);
    const last = Math.max(0, length - 1);
    if (isBeside) bytes[last >> 3]! ^= 0x80 >> (last & 7);
    const bits = Math.min(bytes.length * 8, Math.max(0, length + more));
    return maskPrefix({ address: fromBytes(bytes), length: bits });
  });

/** What may have been meant by a network to which no route can lead: by 0.0.0.0/8 all, and by 127.16.0.0/12 172.16.0.0/12. */
function meantBy({ address: { family, bytes }, length }: Prefix): string[] {
  if (bytes.every(byte => byte === 0)) return [family === 4 ? '0.0.0.0/0' : '::/0'];
  if (family === 4) return bytes[0] === 127 && bytes[1]! >> 4 === 1 ? ['0.0.0.0/0'] : [];
  if (!bytes.subarray(0, 12).equals(parseAddress('::ffff:0:0')!.bytes.subarray(0, 12))) return [];
  const address = fromBytes(bytes.subarray(12));
  const isRoutable = !UNROUTABLE.some(whole => length - 96 >= whole.length && prefixContains(whole, address));
  return isRoutable ? [formatPrefix({ address, length: length - 96 })] : [];
}

test('a route says what its label says, to any network but those to which none can lead', () => {
  const count = { led: 0, refused: 0 };
  fc.assert(
    fc.property(fc.oneof(prefix, nearUnroutable), network => {
      const { intent, diagnostics } = decode({ [`twine.route.${formatPrefix(network)}`]: 'gw' });
      const isRefused = UNROUTABLE.some(
        whole => network.length >= whole.length && prefixContains(whole, network.address),
      );
      count[isRefused ? 'refused' : 'led']++;
      if (isRefused) {
        assert.deepEqual(
          intent.routes.map(({ network, destination }) => [formatPrefix(network), destination]),
          meantBy(network).map(meant => [meant, undefined]),
        );
        assert.equal(diagnostics.length, 1);
        // What is IPv4 is shown as that.
        assert.match(diagnostics[0]!.message, /^no route can lead to|: did you mean twine\.route\.[\d./]+\?/);
      } else {
        assert.deepEqual(diagnostics, []);
        assert.deepEqual(
          intent.routes.map(({ network, destination }) => [network, destination]),
          [[network, { kind: 'name', name: 'gw' }]],
        );
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(count.led > 50 && count.refused > 50, JSON.stringify(count));
});

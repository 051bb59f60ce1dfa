// What stays closed while labels have mistakes: the networks of routes, and forwarding.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { twineLabels } from '../../../../src/labels/discovery/docker-view.js';
import { decodeLabels } from '../../../../src/labels/spec/parse.js';
import { MAX_LABELS } from '../../../../src/labels/spec/selected-keys.js';
import { BROKEN_ROUTES } from '../../../support/broken-routes.js';
import { chain, container, only, plan, routed, routesOf, showRoute } from '../../../support/label-world.js';

/** The neighbours of a container `app` that may be meant by its labels, none of which is its gateway. */
const NEIGHBOURS = [
  container('vpn', { networks: { main: '10.9.0.3 fd09::3' } }),
  container('stopped', { networks: { main: '' }, netns: null }),
  container('elsewhere', { networks: { other: '10.10.0.3' } }),
  container('x', { networks: { main: '10.9.0.4' }, service: 'theirs/foreign' }),
];

for (const { what, labels, closed } of BROKEN_ROUTES) {
  test(`a route label with a mistake is unreachable: ${what}`, () => {
    const app = routed({ main: '10.9.0.2 fd09::2' }, labels, { service: 'ours/app' });
    // The DNS knows nothing of any name.
    const names = plan([app, ...NEIGHBOURS]).externalNames;
    const { sandboxes, diagnostics } = plan([app, ...NEIGHBOURS], {
      external: new Map(names.map(name => [name, []])),
    });
    const routes = sandboxes.flatMap(({ routes }) => routes.map(showRoute));
    assert.deepEqual(
      routes,
      closed.map(network => `unreachable ${network}`),
    );
    assert.equal(diagnostics.length, 1);
    for (const network of closed.slice(0, 3))
      assert.ok(diagnostics[0]!.message.includes(network), diagnostics[0]!.message);
    assert.match(diagnostics[0]!.message, /until then .* (is|are) unreachable$/i);
  });
}

for (const [key, meant] of [
  ['Twine.route.0.0.0.0/0', 'twine.route.0.0.0.0/0'],
  ['twine/route.10.0.0.0/8', 'twine.route.10.0.0.0/8'],
  ['twin.routes.::/0', 'twine.route.::/0'],
  ['twine.rule.0.0.0.0/0', 'twine.route.0.0.0.0/0'],
  ['twine.rules.route.0.0.0.0/0', 'twine.route.0.0.0.0/0'],
  ['twine.interfaces.0.0.0.0/0', 'twine.route.0.0.0.0/0'],
  ['twine.forward.0.0.0.0/0', 'twine.route.0.0.0.0/0'],
  ['twine.rule.kill', 'twine.iptables.rule.kill'],
  ['Twine.nat.forward.80', 'twine.nat.forward.80'],
  ['TWINE-NAT-INTERFACES', 'twine.nat.interfaces'],
  ['TWINE-NAT-IN-INTERFACES', 'twine.nat.in-interfaces'],
  ['Twine.strict', 'twine.strict'],
] as const) {
  test(`of a key that is not ours by a slip the right one is named: ${key}`, () => {
    const { diagnostics } = decodeLabels('c', new Map([[key, 'x y']]));
    assert.deepEqual(
      diagnostics.map(({ message }) => /did you mean (\S+)\?/.exec(message)?.[1]),
      [meant],
    );
  });
}

for (const key of [
  'Twine.strict',
  ' twine.strict',
  'TWINE_STRICT',
  '\u200btwine.strict',
  'twine/strict',
  'twin.strict',
  'twinee.strict',
  'twinestrict',
  'twines.trict',
  'twin.estrict',
  'twinestrcit',
  'twinstrict',
]) {
  test(`a container is strict by a key with a slip in its first word, beside a broken route: ${JSON.stringify(key)}`, () => {
    const { intent, diagnostics } = decodeLabels(
      'c',
      new Map([
        [key, 'true'],
        ['twine.route.10.0.0.0/8', 'a b'],
      ]),
    );
    assert.equal(intent.isStrict, true);
    assert.equal(diagnostics.length, 2);
  });
}

test('a container forwards nothing by a nat.interfaces with a slip in its first word', () => {
  assert.equal(decodeLabels('c', new Map([['Twine.nat.interfaces', 'wg0']])).intent.isForwardingClosed, true);
});

for (const key of [
  'twinepeaks.route.0.0.0.0/0',
  'twinepeaks.x',
  'twinepeaks',
  'twinestrictly',
  'twinscript.version',
  'twinstruct',
  'twinestrip',
  'twinrouter.enabled',
  'twinroute66',
  'twinroutine.a',
  'twinstrict.x',
  'tw.strict',
  'twined',
  'twined.route.0.0.0.0/0',
  'twine',
  'traefik.route.0.0.0.0/0',
  'com.example.twine.route.0.0.0.0/0',
  'line.route.0.0.0.0/0',
  'twin.peaks.0.0.0.0/0',
  'wine.strictness',
  '0.0.0.0/0',
  '',
]) {
  test(`somebody else's label is nothing to us: ${key}`, () => {
    const { intent, diagnostics } = decodeLabels('c', new Map([[key, 'vpn']]));
    assert.deepEqual([intent.routes, intent.isStrict, diagnostics], [[], undefined, []]);
    assert.deepEqual(twineLabels({ [key]: 'vpn' }), new Map());
  });
}

test('of the labels that Docker tells those with a slip are taken, too', () => {
  const labels = { 'Twine.route.0.0.0.0/0': 'vpn', 'twine.strict': 'true', 'traefik.enable': 'true' };
  assert.deepEqual([...twineLabels(labels).keys()], ['Twine.route.0.0.0.0/0', 'twine.strict']);
});

test('behind 1024 labels such as twine.a1, a route whose first word has a slip leaves nothing open', () => {
  const fillers = Array.from({ length: MAX_LABELS }, (_, n) => [`twine.a${n}`, ''] as const);
  const { intent } = decodeLabels('c', new Map([...fillers, ['Twine.route.0.0.0.0/0', 'vpn']]));
  assert.ok(intent.routes.map(showRoute).includes('unreachable 0.0.0.0/0'));
});

for (const key of [
  'twine.route.127.0.0.0/8',
  'twine.host.route.10.0.0.0/8',
  'twine.host.routes.0.0.0.0/0',
  'twine.hots.routes.0.0.0.0/0',
  'twine.hostroutes.0.0.0.0/0',
  'twine.iptables.rule.route.10.0.0.0/8',
  'twine.iptables.rule.0.0.0.0/0',
  'twine.iptables.rules.no-route',
  'twine.iptable.rule.default',
  'twine.rule.kill',
  'twine.rules.route',
  'twine.nat.forward.route.10.0.0.0/8',
  'twine.nat.forward.0.0.0.0/0',
  'twine.nat.forwards.80',
  'twine.nat.forwards.10.8.0.1.80',
  'twine.nat',
  'twine.forwards.80',
  'twine.firewall',
  'twine.note',
  'twine.',
  `twine.nat.forward.${'9'.repeat(300)}`,
  `twine.iptables.rule.route-${'x'.repeat(300)}`,
]) {
  test(`what is no route's closes no network: ${key.slice(0, 40)}`, () => {
    const { intent, diagnostics } = decodeLabels('c', new Map([[key, 'x y']]));
    assert.deepEqual(intent.routes, []);
    assert.equal(intent.isForwardingClosed, undefined);
    assert.equal(diagnostics.length, 1);
  });
}

test('a key that is too long still closes a strict container, and what nat.interfaces forwards', () => {
  const long = (key: string) => new Map([[key + ' '.repeat(300), 'true']]);
  assert.equal(decodeLabels('c', long('twine.strict')).intent.isStrict, true);
  assert.equal(decodeLabels('c', long('twine.nat.interfaces')).intent.isForwardingClosed, true);
  assert.equal(decodeLabels('c', long('twine.gateway.interface')).intent.routes.length, 0);
});

for (const [broken, right] of [
  ['twine.routes.10.0.0.0/8', 'twine.route.10.0.0.0/8'],
  ['twine.route.10.0.0.0/255.0.0.0', 'twine.route.10.0.0.0/8'],
  ['twine.route.10.0.0.1/8', 'twine.route.10.9.9.9/8'],
] as const) {
  test(`a label that can be read counts before one that cannot: ${right} beside ${broken}`, () => {
    const app = routed({ main: '10.9.0.2' }, { [broken]: 'a b', [right]: 'vpn' });
    const { routes } = only([app, ...NEIGHBOURS]);
    assert.deepEqual(routes.map(showRoute), ['10.0.0.0/8 via 10.9.0.3', 'unreachable 10.0.0.0/8']);
  });
}

test('of containers in one namespace, too, a label that can be read counts before one that cannot', () => {
  const app = routed({ main: '10.9.0.2' }, { 'twine.route.10.0.0.0/8': '' });
  const side = container('side', { netns: '4:app', labels: { 'twine.route.10.0.0.0/8': 'vpn' } });
  const found = only([app, side, ...NEIGHBOURS]);
  assert.deepEqual(routesOf(found), ['10.0.0.0/8 via 10.9.0.3', 'unreachable 10.0.0.0/8']);
});

test('of too many labels the routes count first', () => {
  const forwards = Array.from(
    { length: MAX_LABELS },
    (_, n) => [`twine.nat.forward.${n + 1}`, 'web'] as const,
  );
  const { intent } = decodeLabels(
    'c',
    new Map([...forwards, ['twine.route.0.0.0.0/0', 'vpn'], ['twine.strict', 'true']]),
  );
  assert.equal(intent.routes.length, 1);
  assert.equal(intent.isStrict, true);
});

for (const [what, key] of [
  ['routes', (n: number) => `twine.route.10.${n >> 8}.${n & 255}.0/24`],
  ['routes with a mistake', (n: number) => `twine.routes.10.${n >> 8}.${n & 255}.0/24`],
  ['routes with keys that are too long', (n: number) => `twine.route.${n}${' '.repeat(300)}`],
] as const) {
  test(`of too many ${what} those that do not count leave nothing open`, () => {
    const labels = new Map(Array.from({ length: MAX_LABELS + 1 }, (_, n) => [key(n), 'vpn']));
    const { intent, diagnostics } = decodeLabels('c', labels);
    const closed = intent.routes.filter(({ destination }) => !destination).map(showRoute);
    for (const network of ['0.0.0.0/0', '::/0']) assert.ok(closed.includes(`unreachable ${network}`));
    assert.ok(diagnostics.some(({ message }) => message.includes('0.0.0.0/0 and ::/0 are unreachable')));
  });
}

test('labels with a mistake close so many networks, and beyond them both default routes, which hold the rest', () => {
  const key = (n: number): string =>
    `twine.routes.${Array.from({ length: 10 }, (_, at) => `10.${n >> 3}.${(n & 7) * 16 + at}.0/24`).join(' ')}`;
  const labels = new Map(Array.from({ length: MAX_LABELS }, (_, n) => [key(n), 'vpn']));
  const { intent } = decodeLabels('c', labels);
  const closed = intent.routes.map(showRoute);
  assert.ok(closed.length > 500 && closed.length <= 514, `${closed.length}`);
  for (const network of ['0.0.0.0/0', '::/0']) assert.ok(closed.includes(`unreachable ${network}`));
});

for (const filler of ['a', 'version.', 'labels/']) {
  test(`behind 1024 labels such as twine.${filler}1, strict counts, and one that is misspelt leaves nothing open`, () => {
    const fillers = Array.from({ length: MAX_LABELS }, (_, n) => [`twine.${filler}${n}`, ''] as const);
    const strict = decodeLabels('c', new Map([...fillers, ['twine.strict', 'true']]));
    assert.equal(strict.intent.isStrict, true);
    for (const misspelt of ['twine.srtict', 'twine.ruote.10/8', 'twine.nat.intrefaces']) {
      const { intent } = decodeLabels('c', new Map([...fillers, [misspelt, 'x']]));
      const closed = intent.routes.map(showRoute);
      assert.ok(closed.includes('unreachable 0.0.0.0/0') && closed.includes('unreachable ::/0'), misspelt);
    }
  });
}

for (const [what, labels, drops] of [
  ['has an empty value', { 'twine.nat.interfaces': '' }, true],
  ['has a pattern that is none', { 'twine.nat.interfaces': 'wg+,eth0@if7' }, true],
  ['is misspelt', { 'twine.nat.interface': 'wg+' }, true],
  [
    'is misspelt beside one that is right',
    { 'twine.nat.interface': 'x', 'twine.nat.interfaces': '+' },
    false,
  ],
  ['is misspelt, that by which forwards come in', { 'twine.nat.in-interface': 'eth0' }, true],
  ['is not there, and that by which forwards come in is wrong', { 'twine.nat.in-interfaces': 'a b' }, true],
  ['is not there, but that by which forwards come in', { 'twine.nat.in-interfaces': 'eth0' }, true],
  [
    'is every interface, and that by which forwards come in is right',
    { 'twine.nat.interfaces': '+', 'twine.nat.in-interfaces': 'eth0' },
    true,
  ],
  [
    'is right, and that by which forwards come in is wrong',
    { 'twine.nat.interfaces': '+', 'twine.nat.in-interfaces': '%i' },
    true,
  ],
  [
    'is right, and that by which forwards come in is misspelt beside one that is right',
    { 'twine.nat.interfaces': '+', 'twine.nat.in-interfaces': 'lo', 'twine.nat.in-interface': 'eth0' },
    false,
  ],
  ['is not there', {}, false],
] as const) {
  test(`a forward switches forwarding on ${drops ? 'for nothing but itself' : 'as ever'} where twine.nat.interfaces ${what}`, () => {
    const app = routed({ main: '10.9.0.2' }, { ...labels, 'twine.nat.forward.80': 'vpn' });
    const { table } = only([app, ...NEIGHBOURS]);
    const rules = JSON.stringify(chain(table, 'forward')?.rules ?? []);
    assert.equal(rules.includes('"drop"'), drops);
    if (drops) assert.match(rules, /"ct":\{"key":"status"\}/);
  });
}

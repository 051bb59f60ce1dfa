// What stays closed while labels have mistakes: the networks of routes, and forwarding.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeLabels, MAX_LABELS } from '../../../../src/labels/spec/parse.js';
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
    for (const network of closed)
      assert.ok(diagnostics[0]!.message.includes(network), diagnostics[0]!.message);
    assert.match(diagnostics[0]!.message, /until then .* (is|are) unreachable$/i);
  });
}

for (const key of [
  'twine.route.nonsense',
  'twine.route.',
  'twine.route.10.0.0.0/33',
  'twine.route.10.0.0.0/8; id',
  'twine.route.127.0.0.0/8',
  'twine.route.10.0.0.0/255.0.255.0',
  'twine.route.10.0.0.0/8,x',
  'twine.route.10.0.0.0-10.0.0.9',
  'twine.host.route.10.0.0.0/8',
  'twine.iptables.rule.route.10.0.0.0/8',
  'twine.nat.forward.route.10.0.0.0/8',
  'twine.firewall.10.0.0.0/8',
]) {
  test(`no network is closed where it cannot be read: ${key}`, () => {
    const { intent, diagnostics } = decodeLabels('c', new Map([[key, 'x y']]));
    assert.deepEqual(intent.routes, []);
    assert.equal(diagnostics.length, 1);
  });
}

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

for (const [what, labels, drops] of [
  ['has an empty value', { 'twine.nat.interfaces': '' }, true],
  ['has a pattern that is none', { 'twine.nat.interfaces': 'wg+,eth0@if7' }, true],
  ['is misspelt', { 'twine.nat.interface': 'wg+' }, true],
  [
    'is misspelt beside one that is right',
    { 'twine.nat.interface': 'x', 'twine.nat.interfaces': '+' },
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

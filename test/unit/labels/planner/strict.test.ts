// When a strict container is closed, and what the log says that it waits for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDigest } from '../../../../src/labels/diff/digest.js';
import { isClosing } from '../../../../src/labels/diff/strict.js';
import { container, only, plan, routed, showMistake, showRoute } from '../../../support/label-world.js';

const VPN = container('vpn', { networks: { main: '10.0.0.3' } });
const RIGHT = { 'twine.route.10.9.0.0/16': 'vpn', 'twine.iptables.rule.a': 'TWINE_INPUT -j DROP' };
const STRICT = { 'twine.strict': 'true' };

const CLOSED =
  "the container sends and forwards nothing but loopback and Docker's DNS until all of its labels are in force; it waits for";

for (const [what, labels, awaited] of [
  ['a value has a mistake', { 'twine.route.10.1.0.0/16': 'a b' }, 'twine.route.10.1.0.0/16'],
  ['a name is unknown', { 'twine.route.10.1.0.0/16': '3.4' }, 'twine.route.10.1.0.0/16'],
  ['the DNS is asked', { 'twine.nat.forward.80': 'example.net' }, 'twine.nat.forward.80'],
  ['a key is unknown', { 'twine.firewall': 'x' }, 'twine.firewall'],
  [
    'a rule is wrong',
    { 'twine.iptables.rule.kill': 'TWINE_OUTPUT ! -o wg0 -j DORP' },
    'twine.iptables.rule.kill',
  ],
  [
    'two rules jump in a circle',
    {
      'twine.iptables.rule.b': 'TWINE_INPUT -j TWINE_OUTPUT',
      'twine.iptables.rule.c': 'TWINE_OUTPUT -j TWINE_INPUT',
    },
    'twine.iptables.rule.c',
  ],
  [
    'a forward can arrive by no interface',
    { 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.eth0.80': 'vpn' },
    'twine.nat.forward.eth0.80',
  ],
  ['a route would be the host’s default', { 'twine.host.routes': '0.0.0.0/0' }, 'twine.host.routes'],
  ['the label itself is neither true nor false', { 'twine.strict': 'on' }, 'twine.strict'],
  [
    'several labels have mistakes',
    { 'twine.a': '', 'twine.b': '', 'twine.c': '', 'twine.d': '', 'twine.e': '' },
    'twine.a, twine.b, twine.c, twine.d and 1 more',
  ],
] as const) {
  test(`a strict container is closed while ${what}`, () => {
    const app = routed({ main: '10.0.0.2' }, { ...STRICT, ...RIGHT, ...labels });
    const { table, stamp, diagnostics, isClosed } = only([app, VPN]);
    assert.equal(isClosed, true);
    assert.ok(isClosing(table));
    assert.ok(diagnostics.includes(`app twine.strict: ${CLOSED} ${awaited}`), diagnostics.join('\n'));
    const lenient = { ...RIGHT, ...labels };
    if (!('twine.strict' in lenient)) {
      const open = only([routed({ main: '10.0.0.2' }, lenient), VPN]);
      assert.equal(isClosing(open.table), false);
      assert.notEqual(open.stamp, stamp);
    }
  });
}

test('what is waited for is reported of a container of which Docker does not tell', () => {
  const labels = new Map([['twine.route.10.9.0.0/16', 'vpn']]);
  const unverified = { labels, why: 'Docker does not answer', unknown: 'it; ask' };
  const { diagnostics } = plan([
    { ...container('app', { networks: { main: '10.0.0.2' } }), unverified },
    VPN,
  ]);
  assert.deepEqual(diagnostics.map(showMistake), [
    'app twine.*: what is in force stays, networks of its route labels that have no route yet are unreachable, and nothing else is applied, because Docker does not answer, so it is not known it; ask',
  ]);
});

test('a container without labels whose runtime is not known is told of beside one with labels', () => {
  const guest = { ...container('guest', { netns: '4:app' }), unknownRuntime: { runtime: 'safe', why: 'no' } };
  const app = routed({ main: '10.0.0.2' }, RIGHT);
  const { diagnostics } = plan([app, { ...guest, netns: app.netns! }, VPN]);
  assert.deepEqual(diagnostics.map(showMistake), [
    'guest twine.*: Docker does not describe the runtime safe of this container (no), which shares the namespace of a labelled one: if the runtime has its own network stack, labels have no effect on it; Docker is asked again',
  ]);
});

for (const [what, rest, isStrict, expected] of [
  ['whose labels may be strict', { unverified: { ...RIGHT, ...STRICT } }, false, true],
  ['of a strict daemon', { unverified: RIGHT }, true, true],
  ['whose labels are not', { unverified: RIGHT }, false, undefined],
  ['beside a strict one', { unverified: RIGHT, netns: '4:strict' }, false, true],
  [
    'of which Docker cannot tell who is in it',
    { labels: { ...RIGHT, ...STRICT }, isIndeterminate: true },
    false,
    true,
  ],
] as const) {
  test(`a namespace ${what} is frozen, has fallbacks and ${expected ? 'strict' : 'not strict'}`, () => {
    const { isIndeterminate, ...options } = { isIndeterminate: false, ...rest };
    const app = { ...container('app', { networks: { main: '10.0.0.2' }, ...options }), isIndeterminate };
    const strict = container('strict', { netns: '4:strict', labels: STRICT });
    const { sandboxes } = plan([app, strict, VPN], { isStrict });
    const frozen = sandboxes.find(({ containers }) => containers.includes('app'))!;
    assert.deepEqual([frozen.isFrozen, frozen.isStrict, frozen.table], [true, expected, undefined]);
    assert.deepEqual(frozen.routes.map(showRoute), ['unreachable 10.9.0.0/16']);
  });
}

test('a strict container is open when all of its labels are in force', () => {
  const { table, diagnostics, isClosed, isStrict } = only([
    routed({ main: '10.0.0.2' }, { ...STRICT, ...RIGHT }),
    VPN,
  ]);
  assert.deepEqual(diagnostics, []);
  assert.equal(isClosing(table), false);
  assert.deepEqual([isStrict, isClosed], [true, undefined]);
});

test('a strict container with nothing but a mistake has a table that closes it', () => {
  assert.ok(isClosing(only([container('app', { labels: { ...STRICT, 'twine.x': '' } })]).table));
});

test('twine.strict=false is as if it were not there', () => {
  const labels = { 'twine.strict': 'False', 'twine.x': '' };
  assert.equal(only([container('app', { labels })]).table, undefined);
});

test('with --strict every labelled container is strict, and its labels cannot say otherwise', () => {
  const labels = { 'twine.strict': 'false', 'twine.x': '' };
  const { sandboxes } = plan([container('app', { labels }), container('other')], { isStrict: true });
  assert.deepEqual(
    sandboxes.map(({ containers, isClosed }) => [containers, isClosed]),
    [[['app'], true]],
  );
});

for (const [what, app, side] of [
  ['the strict one', { ...STRICT, 'twine.x': '' }, {}],
  ['another than the strict one', STRICT, { 'twine.x': '' }],
] as const) {
  test(`containers of one namespace are closed together: the mistake is in a label of ${what}`, () => {
    const members = [
      container('app', { networks: { main: '10.0.0.2' }, labels: app }),
      container('side', { netns: '4:app', labels: side }),
    ];
    assert.equal(only(members).isClosed, true);
  });
}

test('a mistake of another container does not close a strict one', () => {
  const other = container('other', { labels: { 'twine.x': '' } });
  const { sandboxes } = plan([routed({ main: '10.0.0.2' }, { ...STRICT, ...RIGHT }), VPN, other]);
  assert.ok(sandboxes.every(({ isClosed }) => !isClosed));
});

test('the host is never closed, whatever labels say', () => {
  const app = container('app', { labels: { ...STRICT, 'twine.x': '' }, hostNetwork: true });
  const { sandboxes, diagnostics } = plan([app], { isStrict: true });
  assert.deepEqual(sandboxes, []);
  assert.ok(diagnostics.map(showMistake).every(text => !text.includes(CLOSED)));
});

for (const [what, labels] of [
  ['a rule', { 'twine.iptables.rule.a': 'TWINE_OUTPUT -d 192.0.2.1 -j DROP' }],
  ['a route', { 'twine.route.10.9.0.0/16': '10.0.0.3' }],
  ['a forward', { 'twine.nat.forward.80': '10.0.0.3' }],
] as const) {
  test(`a namespace with ${what} that a strict container joins, or leaves, has another desired state`, () => {
    const app = routed({ main: '10.0.0.2' }, labels);
    const side = { ...container('side', { labels: STRICT }), netns: app.netns! };
    const [alone, joined, left] = [only([app]), only([app, side]), only([app])];
    assert.deepEqual(joined.table, alone.table);
    assert.notEqual(joined.digest, alone.digest);
    assert.notEqual(joined.stamp, alone.stamp);
    assert.deepEqual([left.digest, left.stamp], [alone.digest, alone.stamp]);
  });
}

test('a strict state without a table differs from one that is not', () => {
  const state = { netns: { key: '4:a', path: '/a' }, containers: ['a'], routes: [], sysctls: [] };
  assert.notEqual(withDigest({ ...state, isStrict: true }).digest, withDigest(state).digest);
});

test('the same rules by other labels, of which others would be left out, have another stamp', () => {
  const comment = '-m comment --comment x -j DROP';
  const one = only([
    routed(
      { main: '10.0.0.2' },
      { 'twine.iptables.rule.a': `TWINE_OUTPUT -d 192.0.2.1,192.0.2.2 ${comment}` },
    ),
  ]);
  const two = only([
    routed(
      { main: '10.0.0.2' },
      {
        'twine.iptables.rule.a': `TWINE_OUTPUT -d 192.0.2.1 ${comment}`,
        'twine.iptables.rule.b': `TWINE_OUTPUT -d 192.0.2.2 ${comment}`,
      },
    ),
  ]);
  assert.deepEqual(one.table, two.table);
  assert.notEqual(one.stamp, two.stamp);
});

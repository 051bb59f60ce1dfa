// The way through one namespace, by what a kernel would answer: which hooks a packet passes, with what routes are asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../../../src/base/ip.js';
import { peerFor } from '../../../src/explain/machine/allowed-ips.js';
import { knownBits } from '../../../src/explain/machine/bits.js';
import { Packet } from '../../../src/explain/machine/first-packet.js';
import {
  type HookName,
  type Instruction,
  type ListedChain,
  type ListedRule,
  placeKey,
} from '../../../src/explain/machine/instruction.js';
import { type NetnsView, type RouteAnswer, Walk } from '../../../src/explain/machine/walk.js';
import type { RouteQuery } from '../../../src/netlink/route/lookup.js';
import { finish } from '../../../src/netlink/work.js';
import { address, prefix } from '../../support/label-world.js';

const [eth0, wg0] = [
  { index: 2, name: 'eth0' },
  { index: 3, name: 'wg0' },
] as const;
const lo = { index: 1, name: 'lo' };

/** `via` a gateway by a link; one of the namespace's own addresses is local. */
function found(index: number, to: string, gateway?: string): RouteAnswer {
  const route = {
    ...{ destination: prefix(to), index, type: index === 1 ? 2 : 1, protocol: 3, metric: 0, table: 254 },
    ...(gateway !== undefined && { gateway: address(gateway) }),
    preferred: address('10.0.0.2'),
  };
  return { route, matched: route };
}

/** Rules at hooks, and answers to look-ups by `TO[ mark N][ from LINK]`. */
function view(
  hooks: Partial<Record<HookName, readonly (readonly Instruction[])[]>>,
  answers: Readonly<Record<string, RouteAnswer>>,
  forwards = true,
): NetnsView & { asked: string[] } {
  const entries = Object.entries(hooks) as [HookName, readonly (readonly Instruction[])[]][];
  const at = { family: 'inet', table: 't' } as const;
  const asked: string[] = [];
  return {
    asked,
    ruleset: {
      chains: entries.map(
        ([hook]): ListedChain => ({
          ...{ ...at, name: hook },
          base: {
            ...{ hook, isDropping: false },
            priority: hook === 'output' || hook === 'prerouting' ? -150 : 100,
            type: hook === 'postrouting' ? 'nat' : hook === 'output' ? 'route' : 'filter',
          },
        }),
      ),
      rules: new Map(
        entries.map(([hook, list]) => [
          placeKey('inet', 't', hook),
          list.map((instructions, n) => ({ ...at, chain: hook, number: n + 1, instructions })),
        ]),
      ),
      sets: new Map(),
    },
    links: new Map([lo, eth0, wg0].map(link => [link.index, link])),
    addresses: [
      { index: 2, prefix: prefix('10.0.0.2/24') },
      { index: 3, prefix: prefix('10.8.0.2/24') },
    ],
    route: ({ to, mark, iif }: RouteQuery) => {
      const key = `${formatAddress(to)}${mark === 0 ? '' : ` mark ${mark}`}${iif === undefined ? '' : ` from ${iif}`}`;
      asked.push(key);
      return answers[key] ?? { error: 'ENETUNREACH' };
    },
    forwards: () => forwards,
    typeOf: () => 1,
    elements: () => undefined,
    lookUp: () => ({ found: undefined }),
  };
}

const packet = (to = '10.1.0.7'): Packet => new Packet({ to: address(to), protocol: 'udp', port: 53 });
const drop: Instruction = { op: 'verdict', verdict: { kind: 'drop' } };
const setMark: readonly Instruction[] = [
  { op: 'immediate', dreg: 0, value: Buffer.from([7, 0, 0, 0]) },
  { op: 'set meta', reg: 0, key: 3 },
];
const by = (link: string): Instruction[] => [
  { op: 'meta', reg: 0, key: 7 },
  { op: 'cmp', sreg: 0, is: 'eq', value: Buffer.from(`${link}\0`) },
];

const outBy = (link: string): Instruction[] => [...by(link), drop];

test('a packet of its own leaves by the route, with the address that the kernel gives it', () => {
  const kernel = view({}, { '10.1.0.7': found(2, '10.1.0.0/16', '10.0.0.3') });
  const own = packet();
  const end = finish(new Walk(kernel, own).fromHere());
  assert.ok(end.kind === 'leaves');
  assert.deepEqual([end.link.name, formatAddress(end.next)], ['eth0', '10.0.0.3']);
  assert.deepEqual([...own.address('source').value], [10, 0, 0, 2]);
});

test('a mark of a chain of type route has the route asked for again', () => {
  const kernel = view(
    { output: [setMark] },
    { '10.1.0.7': found(2, '0.0.0.0/0'), '10.1.0.7 mark 7': found(3, '0.0.0.0/0') },
  );
  const end = finish(new Walk(kernel, packet()).fromHere());
  assert.deepEqual(kernel.asked, ['10.1.0.7', '10.1.0.7 mark 7']);
  assert.ok(end.kind === 'leaves' && end.link.name === 'wg0');
});

for (const [link, ends] of [
  ['eth0', 'dropped'],
  ['wg0', 'leaves'],
] as const) {
  test(`where a mark leads a packet from eth0 to wg0, a later chain of the hook that drops what goes by ${link} sees it ${ends === 'dropped' ? 'still' : 'not yet'} there`, () => {
    const kernel = view(
      { output: [setMark] },
      { '10.1.0.7': found(2, '0.0.0.0/0'), '10.1.0.7 mark 7': found(3, '0.0.0.0/0') },
    );
    const later: ListedChain = {
      ...{ family: 'inet', table: 't', name: 'later' },
      base: { hook: 'output', isDropping: false, priority: 0, type: 'filter' },
    };
    const rule: ListedRule = {
      ...{ family: 'inet', table: 't', chain: 'later', number: 1 },
      instructions: outBy(link),
    };
    const ruleset = {
      ...kernel.ruleset,
      chains: [...kernel.ruleset.chains, later],
      rules: new Map([...kernel.ruleset.rules, [placeKey('inet', 't', 'later'), [rule]]]),
    };
    const end = finish(new Walk({ ...kernel, ruleset }, packet()).fromHere());
    assert.equal(end.kind, ends);
    assert.ok(end.kind !== 'leaves' || end.link.name === 'wg0');
  });
}

test('without a route no rule is met', () => {
  const walk = new Walk(view({ output: [[drop]] }, {}), packet());
  assert.deepEqual(finish(walk.fromHere()), { kind: 'no route', error: 'ENETUNREACH' });
  assert.deepEqual(
    walk.steps.map(({ kind }) => kind),
    ['route'],
  );
});

test('an address of its own is delivered after the hooks of both ways', () => {
  const kernel = view({ input: [[drop]] }, { '10.0.0.2': found(1, '10.0.0.2/32') });
  assert.equal(finish(new Walk(kernel, packet('10.0.0.2')).fromHere()).kind, 'dropped');
  const free = view({ forward: [[drop]] }, { '10.0.0.2': found(1, '10.0.0.2/32') });
  assert.equal(finish(new Walk(free, packet('10.0.0.2')).fromHere()).kind, 'delivered');
});

function arriving(): Packet {
  const arrived = packet();
  arrived.setAddress('source', knownBits([10, 0, 0, 9]));
  return arrived;
}

test('what arrives is asked for by its link, forwarded and masqueraded', () => {
  const kernel = view(
    { postrouting: [[...by('wg0'), { op: 'masquerade' }]] },
    { '10.1.0.7 from 2': found(3, '0.0.0.0/0') },
  );
  const arrived = arriving();
  const end = finish(new Walk(kernel, arrived).through(eth0));
  assert.ok(end.kind === 'leaves' && end.link.name === 'wg0');
  assert.deepEqual([...arrived.address('source').value], [10, 8, 0, 2]);
});

test('hook forward decides with the link that it leaves by', () => {
  const answers = { '10.1.0.7 from 2': found(3, '0.0.0.0/0') };
  assert.equal(
    finish(new Walk(view({ forward: [[...by('wg0'), drop]] }, answers), arriving()).through(eth0)).kind,
    'dropped',
  );
  assert.equal(
    finish(new Walk(view({ forward: [[...by('eth0'), drop]] }, answers), arriving()).through(eth0)).kind,
    'leaves',
  );
});

test('a namespace that does not forward drops it', () => {
  const answers = { '10.1.0.7 from 2': found(3, '0.0.0.0/0') };
  assert.equal(finish(new Walk(view({}, answers, false), arriving()).through(eth0)).kind, 'not forwarded');
});

test('marks end with the namespace', () => {
  const kernel = view({}, { '10.1.0.7 from 2': found(3, '0.0.0.0/0') });
  const arrived = arriving();
  arrived.mark = knownBits([7, 0, 0, 0]);
  finish(new Walk(kernel, arrived).through(eth0));
  assert.deepEqual(kernel.asked, ['10.1.0.7 from 2']);
});

test('a route that depends on a rule that may match is not told', () => {
  const kernel = view(
    { output: [[{ op: 'other', name: 'limit' }, ...setMark]] },
    { '10.1.0.7': found(2, '0.0.0.0/0') },
  );
  assert.equal(finish(new Walk(kernel, packet()).fromHere()).kind, 'unknown');
});

test('WireGuard takes the peer of the longest prefix, and none where there is none', () => {
  const peers = [
    { name: 'all', allowedIPs: [prefix('0.0.0.0/0')] },
    { name: 'net', allowedIPs: [prefix('fd00::/8'), prefix('10.1.0.0/16')] },
  ];
  for (const list of [peers, [...peers].reverse()]) {
    const chosen = (to: string): string | undefined => peerFor(list, address(to))?.name;
    assert.deepEqual(['10.1.0.7', '10.2.0.1', 'fd01::1', '2001:db8::1'].map(chosen), [
      'net',
      'all',
      'net',
      undefined,
    ]);
  }
});

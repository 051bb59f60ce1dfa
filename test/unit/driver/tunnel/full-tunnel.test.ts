// What a full tunnel asks of its container's namespace, and on a simulated FIB: what a packet meets after each change.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import {
  diffFullTunnels,
  type FullTunnel,
  findTunnelLink,
  type HeldFamilies,
  heldFamilies,
  planFullTunnels,
  type TunnelChange,
  type TunnelState,
} from '../../../../src/driver/tunnel/full-tunnel.js';
import type { Rule } from '../../../../src/netlink/route/policy-rule.js';
import { type Route, RT_TABLE_MAIN } from '../../../../src/netlink/route/route.js';

const prefixes = (text: string) => text.split(',').flatMap(part => parsePrefix(part) ?? []);
const held = (routes: string): HeldFamilies => heldFamilies({ routes: prefixes(routes) });

for (const [routes, expected] of [
  ['', ''],
  ['10.0.0.0/8,fd00::/8', ''],
  ['0.0.0.0/0,::/0', '4 tunnel, 6 tunnel'],
  ['::/0,0.0.0.0/0', '4 tunnel, 6 tunnel'],
  ['0.0.0.0/0', '4 tunnel, 6 closed'],
  ['0.0.0.0/0,2001:db8::/32', '4 tunnel, 6 closed'],
  ['128.0.0.0/1,0.0.0.0/1', '4 tunnel, 6 closed'],
  ['0.0.0.0/1,128.0.0.0/1,::/1,8000::/1', '4 tunnel, 6 tunnel'],
  ['0.0.0.0/1', ''],
  ['128.0.0.0/1,128.0.0.0/2', ''],
  ['::/0', '6 tunnel'],
  ['::/1,8000::/1,0.0.0.0/1', '6 tunnel'],
] as const) {
  test(`dwgd.route=${routes} holds ${expected || 'nothing'}`, () => {
    assert.equal([...held(routes)].map(pair => pair.join(' ')).join(', '), expected);
  });
}

const endpoint = { ipv4: parseAddress('10.0.0.2')!, ipv6: parseAddress('fd00::2')! };
const tunnel = (routes: string, link?: number): FullTunnel => ({
  held: held(routes),
  endpoint,
  ...(link !== undefined && { link }),
});
const BOTH = '0.0.0.0/0,::/0';

const link = { index: 7, name: 'wg0', kind: 'wireguard', up: true, mtu: 1420, group: 0 };
const address = { index: 7, prefix: { address: endpoint.ipv4, length: 24 } };
for (const [what, links, addresses, expected] of [
  ['a link that is up and has its address', [link], [address], 7],
  ['no link that is down', [{ ...link, up: false }], [address], undefined],
  ['no link of another kind', [{ ...link, kind: 'veth' }], [address], undefined],
  ['no link without its address', [link], [{ ...address, index: 8 }], undefined],
  ['the one with its address among two', [{ ...link, index: 3 }, link], [address], 7],
] as const) {
  test(`the link of a tunnel: ${what}`, () => {
    assert.equal(findTunnelLink(endpoint, links, addresses, 'wireguard'), expected);
  });
}

/** A container's rules and routes, beside Docker's default route by a bridge in main. */
class Fib {
  rules: Rule[];
  routes: Route[];
  constructor({ rules, routes }: TunnelState) {
    this.rules = [...rules];
    this.routes = [...routes];
  }

  apply(change: TunnelChange): void {
    if (change.kind === 'addRule') this.rules.push(change.rule);
    if (change.kind === 'addRoute') this.routes.push(change.route);
    if (change.kind === 'deleteRule') this.rules.splice(indexOf(this.rules, change.rule), 1);
    if (change.kind === 'deleteRoute') this.routes.splice(indexOf(this.routes, change.route), 1);
  }

  /** What a packet to somewhere in the world meets. */
  way(family: 4 | 6): string {
    const rules = this.rules.filter(rule => rule.family === family);
    for (const rule of rules.toSorted((a, b) => a.priority - b.priority)) {
      if (rule.table === RT_TABLE_MAIN && rule.suppressPrefixLength === 0) continue;
      if (rule.unreachable) return 'nowhere';
      const [first] = this.routes
        .filter(route => route.destination.address.family === family && route.table === rule.table)
        .toSorted((a, b) => a.metric - b.metric);
      if (first) return `link ${first.index}`;
    }
    return 'bridge';
  }

  /** What one to a network of the container's own meets first. */
  asksMainFirst(family: 4 | 6): boolean {
    const [first] = this.rules
      .filter(rule => rule.family === family)
      .toSorted((a, b) => a.priority - b.priority);
    return first === undefined || first.table === RT_TABLE_MAIN;
  }
}

function indexOf<T>(all: readonly T[], one: T): number {
  const at = all.indexOf(one);
  assert.ok(at >= 0, 'not there');
  return at;
}

/** Brings a namespace to its tunnels, and says what packets of a family met after each change. */
function bring(fib: Fib, tunnels: readonly FullTunnel[], family: 4 | 6): string[] {
  const ways = diffFullTunnels(planFullTunnels(tunnels, fib.routes), fib).map(change => {
    fib.apply(change);
    assert.ok(fib.asksMainFirst(family), 'its own networks are cut off');
    return fib.way(family);
  });
  assert.deepEqual(diffFullTunnels(planFullTunnels(tunnels, fib.routes), fib), [], 'a second look');
  return ways;
}

const EMPTY: TunnelState = { rules: [], routes: [] };

for (const [what, tunnels, four, six] of [
  ['nothing', [], 'bridge', 'bridge'],
  ['a split tunnel', [tunnel('10.0.0.0/8', 7)], 'bridge', 'bridge'],
  ['a full tunnel', [tunnel(BOTH, 7)], 'link 7', 'link 7'],
  ['a full tunnel whose link is not there yet', [tunnel(BOTH)], 'nowhere', 'nowhere'],
  ['one of IPv4', [tunnel('0.0.0.0/0', 7)], 'link 7', 'nowhere'],
  ['one of IPv6', [tunnel('::/0', 7)], 'bridge', 'link 7'],
  ['one of each', [tunnel('0.0.0.0/0', 7), tunnel('::/0', 8)], 'link 7', 'link 8'],
  ['two for one family', [tunnel(BOTH, 7), tunnel(BOTH, 8)], 'link 7', 'link 7'],
  ['two of which one is not there yet', [tunnel(BOTH), tunnel(BOTH, 8)], 'link 8', 'link 8'],
  [
    'one whose container has no IPv6 address',
    [{ ...tunnel(BOTH, 7), endpoint: { ipv4: endpoint.ipv4 } }],
    'link 7',
    'nowhere',
  ],
] as const) {
  test(`with ${what}, IPv4 goes by ${four} and IPv6 by ${six}`, () => {
    const fib = new Fib(EMPTY);
    bring(fib, tunnels, 4);
    assert.deepEqual([fib.way(4), fib.way(6)], [four, six]);
  });
}

test('of two tunnels the one that was first stays, and when it goes the other takes its place', () => {
  const fib = new Fib(EMPTY);
  bring(fib, [tunnel(BOTH, 8)], 4);
  bring(fib, [tunnel(BOTH, 7), tunnel(BOTH, 8)], 4);
  assert.equal(fib.way(4), 'link 8');
  assert.deepEqual(bring(fib, [tunnel(BOTH, 7)], 4), ['link 8', 'link 7']);
});

test('without tunnels nothing of ours is left', () => {
  const fib = new Fib(EMPTY);
  bring(fib, [tunnel(BOTH, 7), tunnel(BOTH, 8)], 6);
  bring(fib, [], 6);
  assert.deepEqual([fib.rules, fib.routes], [[], []]);
});

const someTunnels = fc.array(
  fc.record({ routes: fc.constantFrom(BOTH, '0.0.0.0/0'), link: fc.constantFrom(undefined, 7, 8, 9) }),
  { minLength: 1, maxLength: 3 },
);
const tunnelsOf = (all: readonly { routes: string; link: number | undefined }[]): FullTunnel[] => {
  const links = new Set<number>();
  return all.map(({ routes, link }) => {
    if (link === undefined || links.has(link)) return tunnel(routes);
    links.add(link);
    return tunnel(routes, link);
  });
};

for (const family of [4, 6] as const) {
  test(`IPv${family}: from tunnels to other tunnels no packet leaves by the bridge in between`, () => {
    fc.assert(
      fc.property(someTunnels, someTunnels, (from, to) => {
        const fib = new Fib(EMPTY);
        const ways = bring(fib, tunnelsOf(from), family);
        // Until the kill-switch rule is there it is as Docker has it.
        assert.ok(ways.lastIndexOf('bridge') < ways.findIndex(way => way !== 'bridge'));
        assert.ok(!bring(fib, tunnelsOf(to), family).includes('bridge'));
      }),
    );
  });

  test(`IPv${family}: whatever of ours was lost is put back, and no packet leaves by the bridge from then on`, () => {
    fc.assert(
      fc.property(someTunnels, fc.infiniteStream(fc.boolean()), (all, keep) => {
        const fib = new Fib(EMPTY);
        bring(fib, tunnelsOf(all), family);
        const want = fib.way(family);
        fib.rules = fib.rules.filter(() => keep.next().value);
        fib.routes = fib.routes.filter(() => keep.next().value);
        const ways = diffFullTunnels(planFullTunnels(tunnelsOf(all), fib.routes), fib).map(change => {
          fib.apply(change);
          return fib.way(family);
        });
        const held = ways.findIndex(way => way !== 'bridge');
        assert.ok(held < 0 || !ways.slice(held).includes('bridge'));
        // One of several that was lost comes back as the spare of those that were not.
        if (tunnelsOf(all).filter(({ link }) => link).length < 2) assert.equal(fib.way(family), want);
        assert.notEqual(fib.way(family), 'bridge');
      }),
    );
  });
}

// From what a router's namespace holds to what it is to hold: each damage and what mends it, in an order that lets nothing through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import {
  containerMac,
  type DesiredRouter,
  planRouter,
} from '../../../../src/driver/router/desired-router.js';
import {
  diffRouter,
  type ObservedRouter,
  type RouterChange,
} from '../../../../src/driver/router/diff-router.js';
import { NO_PRESHARED_KEY } from '../../../../src/driver/tunnel/peers.js';
import type { Link } from '../../../../src/netlink/route/link.js';
import { RTN_UNICAST } from '../../../../src/netlink/route/route.js';
import { clamp, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { EXIT, exitTunnel, FAR_END, tunnelFile } from '../../../support/exit-world.js';

const PORT = {
  name: 'wg-0123456789ab',
  mac: containerMac(EXIT.id, parseAddress('10.66.0.2')!),
  ipv4: parseAddress('10.66.0.2')!,
  ipv6: parseAddress('fd66::2')!,
};
const TUNNEL = exitTunnel();
const DESIRED = planRouter(EXIT, TUNNEL, [PORT]);

const link = (index: number, name: string, kind: string, more: Partial<Link> = {}): Link => ({
  ...{ index, name, kind, up: true, mtu: 1420, group: 0 },
  ...more,
});

/** A namespace that is as it should be. */
function whole(desired: DesiredRouter = DESIRED): ObservedRouter {
  const { tunnel } = desired;
  return {
    links: [
      link(1, 'lo', 'lo'),
      link(2, 'br0', 'bridge'),
      link(3, 'wg0', 'wireguard'),
      link(4, PORT.name, 'veth', { master: 2 }),
    ],
    addresses: [
      ...desired.bridge.addresses.map(prefix => ({ index: 2, prefix })),
      { index: 2, prefix: parsePrefix('fe80::1/64')! },
      ...tunnel!.addresses.map(prefix => ({ index: 3, prefix })),
    ],
    routes: tunnel!.routes.map(destination => ({
      ...{ destination, index: 3, type: RTN_UNICAST, protocol: 230, metric: 0, table: 254 },
    })),
    connected: ['10.66.0.0/24', 'fd66::/64'].map(text => ({
      ...{ destination: parsePrefix(text)!, index: 2, type: RTN_UNICAST, protocol: 2, metric: 0, table: 254 },
    })),
    sysctls: new Map(desired.sysctls.map(({ name, value }) => [name, value])),
    device: {
      ...{ index: 3, name: 'wg0', privateKey: clamp(TUNNEL.file.privateKey), listenPort: 4711, fwmark: 0 },
      peers: TUNNEL.file.peers.map(({ publicKey, allowedIPs, keepalive, presharedKey }) => ({
        ...{ publicKey, allowedIPs, keepalive, ...(presharedKey && { presharedKey }) },
        ...{ endpoint: FAR_END, lastHandshake: 0, rxBytes: 0n, txBytes: 0n },
      })),
    },
    areTablesWhole: true,
    areEndpointsTold: true,
  };
}

const without = (name: string): ObservedRouter => {
  const found = whole();
  return { ...found, links: found.links.filter(one => one.name !== name) };
};
const changed = (name: string, more: Partial<Link>): ObservedRouter => {
  const found = whole();
  return { ...found, links: found.links.map(one => (one.name === name ? { ...one, ...more } : one)) };
};

/** `up wg0`, `add-route 0.0.0.0/0`. */
function words(change: RouterChange): string {
  const { op } = change;
  if ('sysctl' in change) return `${op} ${change.sysctl.name}`;
  return 'link' in change ? `${op} ${change.link}` : op;
}

test('a namespace that is as it should be is left alone', () => {
  assert.deepEqual(diffRouter(DESIRED, whole()), []);
});

test('of an empty namespace the tables come first, and forwarding last', () => {
  const none = { links: [], addresses: [], routes: [], connected: [], sysctls: new Map<string, string>() };
  const all = diffRouter(DESIRED, { ...none, areTablesWhole: false, areEndpointsTold: false }).map(words);
  assert.equal(all[0], 'tables');
  const at = (word: string): number => {
    const found = all.indexOf(word);
    assert.ok(found >= 0, word);
    return found;
  };
  assert.ok(at('create-tunnel') < at('configure'));
  assert.ok(at('configure') < at('up wg0'));
  assert.ok(at('up wg0') < at('add-route'));
  assert.ok(at('create-bridge') < at('mtu br0'));
  assert.deepEqual(all.slice(-1), ['sysctl ipv4/conf/all/forwarding']);
});

const CASES: readonly (readonly [what: string, observed: ObservedRouter, changes: readonly string[]])[] = [
  ['the tables flushed', { ...whole(), areTablesWhole: false }, ['tables']],
  [
    'the tunnel deleted',
    without('wg0'),
    [
      'create-tunnel',
      'mtu wg0',
      'configure',
      'add-address wg0',
      'add-address wg0',
      'up wg0',
      'add-route',
      'add-route',
    ],
  ],
  [
    'the bridge deleted',
    without('br0'),
    ['create-bridge', 'mtu br0', 'add-address br0', 'add-address br0', 'up br0', `enslave ${PORT.name}`],
  ],
  ['the tunnel down', changed('wg0', { up: false }), ['up wg0']],
  ['a port down', changed(PORT.name, { up: false }), [`up ${PORT.name}`]],
  ['a port of no bridge', changed(PORT.name, { master: 0 }), [`enslave ${PORT.name}`]],
  ['another MTU', changed('wg0', { mtu: 1500 }), ['mtu wg0']],
  [
    'a link of another kind in the place of the tunnel',
    changed('wg0', { kind: 'veth' }),
    [
      'delete-link wg0',
      'create-tunnel',
      'mtu wg0',
      'configure',
      'add-address wg0',
      'add-address wg0',
      'up wg0',
      'add-route',
      'add-route',
    ],
  ],
  [
    'a port of nobody',
    { ...whole(), links: [...whole().links, link(9, 'wg-ba9876543210', 'veth')] },
    ['delete-link wg-ba9876543210'],
  ],
  [
    'an address too many and one too few',
    {
      ...whole(),
      addresses: [
        ...whole().addresses.filter(({ index }) => index !== 3),
        { index: 2, prefix: parsePrefix('10.66.0.77/24')! },
      ],
    },
    ['delete-address br0', 'add-address wg0', 'add-address wg0'],
  ],
  [
    'a route too many and one too few',
    {
      ...whole(),
      routes: [{ ...whole().routes[0]!, destination: parsePrefix('192.0.2.0/24')! }, whole().routes[1]!],
    },
    ['delete-route', 'add-route'],
  ],
  [
    'the route to the network of an address',
    { ...whole(), connected: whole().connected.slice(1) },
    ['delete-address br0', 'add-address br0'],
  ],
  ['the same, of a bridge that is down', { ...changed('br0', { up: false }), connected: [] }, ['up br0']],
  [
    'a sysctl',
    { ...whole(), sysctls: new Map([...whole().sysctls, ['ipv4/conf/all/rp_filter', '0']]) },
    ['sysctl ipv4/conf/all/rp_filter'],
  ],
  [
    'another private key',
    { ...whole(), device: { ...whole().device!, privateKey: new SecretKey(Buffer.alloc(32, 7)) } },
    ['configure', 'flush-flows'],
  ],
  ['no peer', { ...whole(), device: { ...whole().device!, peers: [] } }, ['configure']],
];

for (const [what, observed, changes] of CASES) {
  test(`mended: ${what}`, () => {
    const found = diffRouter(DESIRED, observed).map(words);
    assert.deepEqual(
      found.filter(word => !word.startsWith('sysctl ipv6/conf/')),
      changes,
    );
  });
}

test('as long as it is not known whose they are ports of others stay, but for one that a Join is to make anew', () => {
  const [theirs, former] = ['wg-ba9876543210', 'wg-cba987654321'] as const;
  const observed = {
    ...whole(),
    links: [...whole().links, link(9, theirs, 'veth'), link(10, former, 'veth')],
  };
  const desired = { ...DESIRED, keepsOtherPorts: true };
  assert.deepEqual(diffRouter(desired, observed), []);
  const change = { op: 'delete-link', link: former } as const;
  assert.deepEqual(diffRouter({ ...desired, formerPort: former }, observed), [change]);
});

test('a peer of nobody is taken away, and sessions of the others go on', () => {
  const { device } = whole();
  const [own] = device!.peers;
  const other = tunnelFile('far2').peers[0]!;
  const observed = {
    ...whole(),
    device: { ...device!, peers: [own!, { ...own!, publicKey: other.publicKey }] },
  };
  const [change, ...more] = diffRouter(DESIRED, observed);
  assert.deepEqual(more, []);
  assert.ok(change?.op === 'configure');
  assert.equal(change.device.replacePeers, undefined);
  assert.deepEqual(
    change.device.peers?.map(({ publicKey, remove }) => [`${publicKey}`, remove]),
    [
      [`${other.publicKey}`, true],
      [`${own!.publicKey}`, undefined],
    ],
  );
  assert.ok(change.device.peers?.[1]?.presharedKey?.equals(NO_PRESHARED_KEY));
});

test('where the other end has moved by itself it stays there, but for a daemon that does not know', () => {
  const { device } = whole();
  const moved = { ...FAR_END, port: 7 };
  const observed = { ...whole(), device: { ...device!, peers: [{ ...device!.peers[0]!, endpoint: moved }] } };
  assert.deepEqual(diffRouter(DESIRED, observed), []);
  assert.deepEqual(diffRouter(DESIRED, { ...observed, areEndpointsTold: false }).map(words), ['configure']);
});

test('as long as the file is not known the tunnel that is there stays as it is', () => {
  assert.deepEqual(diffRouter(planRouter(EXIT, undefined, [PORT]), whole()), []);
});

// What a network, an endpoint and a Join become: pools, addresses, the link, and the answer to Docker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatAddress, formatPrefix, parseAddress } from '../../../../src/base/ip.js';
import { LINK_GROUP } from '../../../../src/base/ownership.js';
import type { Endpoint, Network } from '../../../../src/driver/spec/model.js';
import { parseOptions } from '../../../../src/driver/spec/options.js';
import type { IPAMData } from '../../../../src/driver/spec/protocol.js';
import {
  linkName,
  planAddresses,
  planJoin,
  planMtu,
  planPools,
  planResponse,
} from '../../../../src/driver/tunnel/join-plan.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';

const options = (more: Record<string, string> = {}) =>
  parseOptions(new Map(Object.entries({ 'dwgd.ifname': 'wg0', 'dwgd.seed': 's', ...more })));

const pool = (Pool: string, Gateway?: string): IPAMData[] => [{ Pool, ...(Gateway && { Gateway }) }];

function network(more: Record<string, string>, ipv4: IPAMData[], ipv6: IPAMData[] = []): Network {
  const parsed = options(more);
  return { id: 'n1', ...parsed, ...planPools(parsed, ipv4, ipv6), owner: 0 };
}

function endpoint(ipv4?: string, ipv6?: string): Endpoint {
  return {
    id: '0123456789abcdef',
    networkId: 'n1',
    ...(ipv4 && { ipv4: parseAddress(ipv4)! }),
    ...(ipv6 && { ipv6: parseAddress(ipv6)! }),
    ifname: 'wg-0123456789ab',
    state: 'created',
  };
}

const POOL4 = pool('10.0.0.0/24', '10.0.0.1/24');
const POOL6 = pool('fd00::/64', 'fd00::1/64');

test('a link has the first twelve characters of its endpoint in its name', () => {
  assert.equal(linkName('0123456789abcdef', 0), 'wg-0123456789ab');
});

test('pools are read without their host bits, with their gateways', () => {
  const { ipv4, ipv6 } = planPools(options(), pool('10.0.0.9/24', '10.0.0.1/24'), pool('fd00::/64'));
  assert.deepEqual([formatPrefix(ipv4!.subnet), formatAddress(ipv4!.gateway!)], ['10.0.0.0/24', '10.0.0.1']);
  assert.deepEqual([formatPrefix(ipv6!.subnet), ipv6!.gateway], ['fd00::/64', undefined]);
});

for (const [name, ipv4, ipv6, more, message] of [
  ['no subnet', [], [], {}, 'the network has no subnet: give --subnet, such as --subnet=10.0.0.0/24'],
  [
    'the null IPAM driver',
    pool('0.0.0.0/0'),
    [],
    {},
    'the network has no subnet (--ipam-driver=null): keys derive from addresses, so give --subnet',
  ],
  ['a subnet that is none', pool('10.0.0.0/33'), [], {}, 'the subnet "10.0.0.0/33" is not an IPv4 network'],
  [
    'a subnet of the other family',
    pool('fd00::/64'),
    [],
    {},
    'the subnet "fd00::/64" is not an IPv4 network',
  ],
  [
    'two subnets of a family',
    [...POOL4, ...pool('10.1.0.0/24')],
    [],
    {},
    'the network has 2 IPv4 subnets: give one --subnet of each family',
  ],
  [
    'a gateway that is none',
    pool('10.0.0.0/24', 'fd00::1/64'),
    [],
    {},
    'the gateway "fd00::1/64" is not an IPv4 address',
  ],
  [
    'an MTU too small for IPv6',
    POOL4,
    POOL6,
    { 'dwgd.mtu': '1279' },
    'dwgd.mtu=1279 is too small for IPv6: give at least 1280',
  ],
  [
    'an IPv6 route without an IPv6 subnet',
    POOL4,
    [],
    { 'dwgd.route': '10.1.0.0/16,::/0' },
    'dwgd.route=::/0 is IPv6, but the network has no IPv6 subnet: add --ipv6 and an IPv6 --subnet, or leave the route out',
  ],
  [
    'an IPv4 route without an IPv4 subnet',
    [],
    POOL6,
    { 'dwgd.route': '0.0.0.0/0' },
    'dwgd.route=0.0.0.0/0 is IPv4, but the network has no IPv4 subnet: add an IPv4 --subnet, or leave the route out',
  ],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => planPools(options(more), ipv4, ipv6), new UserError(message));
  });
}

test('an IPv4 network may have an MTU below 1280', () => {
  assert.ok(planPools(options({ 'dwgd.mtu': '1000' }), POOL4, []).ipv4);
});

const dual = network({}, POOL4, POOL6);
const ids = { NetworkID: 'n1', EndpointID: 'e1', publishesPorts: false };

test('an endpoint has an address of each family that it was given', () => {
  const { ipv4, ipv6 } = planAddresses(dual, { ...ids, Address: '10.0.0.2/24', AddressIPv6: 'fd00::2/64' });
  assert.deepEqual([formatAddress(ipv4!), formatAddress(ipv6!)], ['10.0.0.2', 'fd00::2']);
  assert.deepEqual(planAddresses(dual, { ...ids, AddressIPv6: 'fd00::2/64' }), {
    ipv6: parseAddress('fd00::2'),
  });
});

for (const [name, request, message] of [
  ['no address', {}, 'the endpoint has no address: the network needs a --subnet'],
  [
    'an address outside the pool',
    { Address: '10.9.0.2/24' },
    "the address 10.9.0.2 is not in the network's subnet 10.0.0.0/24",
  ],
  [
    'an IPv6 address outside the pool',
    { Address: '10.0.0.2/24', AddressIPv6: 'fd01::2/64' },
    "the address fd01::2 is not in the network's subnet fd00::/64",
  ],
  ['an address that is none', { Address: 'ten' }, '"ten" is not an IPv4 address'],
  ['an address of the other family', { Address: 'fd00::2/64' }, '"fd00::2/64" is not an IPv4 address'],
  [
    'a requested MAC address',
    { Address: '10.0.0.2/24', MacAddress: '02:42:0a:00:00:02' },
    'a WireGuard interface has no MAC address: leave out --mac-address (02:42:0a:00:00:02)',
  ],
] as const) {
  test(`refused: ${name} of an endpoint`, () => {
    assert.throws(() => planAddresses(dual, { ...ids, ...request }), new UserError(message));
  });
}

test('a network without a known pool takes any address', () => {
  assert.ok(planAddresses({}, { ...ids, Address: '192.0.2.7/24' }).ipv4);
});

for (const [path, mtu] of [
  [1500, 1420],
  [1360, 1280],
  [1280, 1280],
  [9000, 8920],
] as const) {
  test(`a path of ${path} bytes makes a link of ${mtu}`, () => assert.equal(planMtu(path), mtu));
}

/** Gateways and on-link networks of the answer, in the words of the table below. */
function answer(network: Network, endpoint: Endpoint): string {
  const { Gateway, GatewayIPv6, StaticRoutes, DisableGatewayService } = planResponse(network, endpoint);
  assert.equal(DisableGatewayService, true);
  assert.ok(StaticRoutes.every(({ RouteType }) => RouteType === 1));
  const routes = StaticRoutes.map(({ Destination }) => Destination).join(' ');
  return `${Gateway ?? '-'} ${GatewayIPv6 ?? '-'} ${routes}`.trimEnd();
}

const FULL = '0.0.0.0/0,::/0';
for (const [name, route, ipv4, ipv6, address, expected] of [
  ['no route', undefined, POOL4, [], '10.0.0.2', '- -'],
  ['a split tunnel', '10.1.0.0/16,192.168.0.1/24', POOL4, [], '10.0.0.2', '- - 10.1.0.0/16 192.168.0.0/24'],
  ["the network's own subnet as a route", '10.0.0.0/24', POOL4, [], '10.0.0.2', '- -'],
  ['a wider network than its own', '10.0.0.0/8', POOL4, [], '10.0.0.2', '- - 10.0.0.0/8'],
  ['a full tunnel', '0.0.0.0/0', POOL4, [], '10.0.0.2', '10.0.0.1 - 10.0.0.1/32'],
  ['a full tunnel of halves', '0.0.0.0/1,128.0.0.0/1', POOL4, [], '10.0.0.2', '10.0.0.1 - 10.0.0.1/32'],
  ['one half', '128.0.0.0/1', POOL4, [], '10.0.0.2', '- - 128.0.0.0/1'],
  [
    'a full tunnel and more',
    '10.1.0.0/16,0.0.0.0/0',
    POOL4,
    [],
    '10.0.0.2',
    '10.0.0.1 - 10.0.0.1/32 10.1.0.0/16',
  ],
  [
    'a full tunnel without a gateway',
    '0.0.0.0/0',
    pool('10.0.0.0/24'),
    [],
    '10.0.0.2',
    '10.0.0.1 - 10.0.0.1/32',
  ],
  [
    'a full tunnel whose container is first',
    '0.0.0.0/0',
    pool('10.0.0.0/24'),
    [],
    '10.0.0.1',
    '10.0.0.2 - 10.0.0.2/32',
  ],
  [
    'a full tunnel of both families',
    FULL,
    POOL4,
    POOL6,
    '10.0.0.2,fd00::2',
    '10.0.0.1 fd00::1 10.0.0.1/32 fd00::1/128',
  ],
  ['a full tunnel of IPv6', '::/0', [], pool('fd00::/64'), ',fd00::2', '- fd00::1 fd00::1/128'],
  [
    'a full tunnel beside split IPv6',
    '0.0.0.0/0,fd01::/64',
    POOL4,
    POOL6,
    '10.0.0.2,fd00::2',
    '10.0.0.1 - 10.0.0.1/32 fd01::/64',
  ],
] as const) {
  test(`the answer to Join for ${name}`, () => {
    const [address4, address6] = address.split(',');
    const made = network(route === undefined ? {} : { 'dwgd.route': route }, [...ipv4], [...ipv6]);
    assert.equal(answer(made, endpoint(address4, address6)), expected);
  });
}

test("a network of the original's database, whose pools are not known, routes everything on-link", () => {
  const { ipv4: _, ...old } = network({ 'dwgd.route': '0.0.0.0/0' }, POOL4);
  assert.equal(answer(old, endpoint('10.0.0.2')), '- - 0.0.0.0/0');
});

test('a Join makes a link of ours with one peer', () => {
  const privateKey = new SecretKey(Buffer.alloc(32, 1));
  const presharedKey = new SecretKey(Buffer.alloc(32, 2));
  const peer = {
    publicKey: new Key(Buffer.alloc(32, 3)),
    endpoint: { address: parseAddress('192.0.2.1')!, port: 51820 },
  };
  const made = network(
    { 'dwgd.keepalive': '7', 'dwgd.prefix': 'tun', 'dwgd.allowedips': '10.0.0.0/8' },
    POOL4,
  );
  const plan = planJoin({
    network: made,
    endpoint: endpoint('10.0.0.2'),
    privateKey,
    presharedKey,
    peer,
    mtu: 1380,
  });
  assert.deepEqual(plan.link, { name: 'wg-0123456789ab', kind: 'wireguard', mtu: 1380, group: LINK_GROUP });
  assert.deepEqual(plan.device, {
    privateKey,
    replacePeers: true,
    peers: [{ ...peer, presharedKey, keepalive: 7, replaceAllowedIPs: true, allowedIPs: made.allowedIPs }],
  });
  assert.deepEqual(plan.response.InterfaceName, { SrcName: 'wg-0123456789ab', DstPrefix: 'tun' });
});

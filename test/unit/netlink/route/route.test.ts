// Routes: what ip(8) sends for the same, and what the kernel lists and finds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecodeError } from '../../../../src/base/errors.js';
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, readErrno } from '../../../../src/netlink/message.js';
import {
  decodeRoute,
  deleteRouteRequest,
  getRoutesRequest,
  getRouteToRequest,
  newRouteRequest,
  type Route,
  type RouteConfig,
  type RoutePlacement,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_LOCAL,
  RTN_UNREACHABLE,
} from '../../../../src/netlink/route/route.js';
import { address, prefix } from '../../../support/arbitrary.js';
import { golden, replies, request, tree } from '../../../support/golden.js';

const LINK = 'wg-0123456789ab';
const INDEX = 4;
const to = (text: string, more: Omit<RouteConfig, 'destination'> = {}): RouteConfig => ({
  destination: parsePrefix(text)!,
  ...more,
});
const via = (text: string) => ({ gateway: parseAddress(text)! });

/** The same struct rtmsg, the same attributes; ours are in another order. */
function assertSame(
  ours: { type: number; payload: Buffer },
  theirs: { type: number; payload: Buffer },
): void {
  assert.equal(ours.type, theirs.type);
  assert.equal(ours.payload.toString('hex', 0, 12), theirs.payload.toString('hex', 0, 12));
  assert.deepEqual(tree(ours.payload.subarray(12)), tree(theirs.payload.subarray(12)));
}

for (const [command, route, placement] of [
  [`add 10.1.0.0/16 dev ${LINK}`, to('10.1.0.0/16', { index: INDEX }), 'exclusive'],
  [
    `add 10.2.0.0/16 via 10.0.0.1 dev ${LINK} metric 50 proto 199`,
    to('10.2.0.0/16', { ...via('10.0.0.1'), index: INDEX, metric: 50, protocol: 199 }),
    'exclusive',
  ],
  ['prepend default via 10.0.0.1', to('0.0.0.0/0', via('10.0.0.1')), 'prepend'],
  [
    `replace default via 10.0.0.3 dev ${LINK}`,
    to('0.0.0.0/0', { ...via('10.0.0.3'), index: INDEX }),
    'replace',
  ],
  [`add 10.3.0.0/16 dev ${LINK} table 1000`, to('10.3.0.0/16', { index: INDEX, table: 1000 }), 'exclusive'],
  ['add unreachable 10.4.0.0/16', to('10.4.0.0/16', { type: RTN_UNREACHABLE }), 'exclusive'],
  [
    `add local 10.5.0.0/16 dev ${LINK}`,
    to('10.5.0.0/16', { type: RTN_LOCAL, table: 255, index: INDEX }),
    'exclusive',
  ],
  [`add fd01::/64 dev ${LINK}`, to('fd01::/64', { index: INDEX }), 'exclusive'],
  [
    `add default via fd00::1 dev ${LINK} metric 1`,
    to('::/0', { ...via('fd00::1'), index: INDEX, metric: 1 }),
    'exclusive',
  ],
] satisfies [string, RouteConfig, RoutePlacement][]) {
  test(`"ip route ${command}" is sent`, () => {
    const theirs = request(golden('route', `ip route ${command}`), RTM_NEWROUTE);
    const ours = newRouteRequest(route, placement);
    assert.equal(ours.flags | NLM_F_REQUEST | NLM_F_ACK, theirs.flags);
    assertSame(ours, theirs);
  });
}

for (const text of ['10.2.0.0/16', 'fd01::/64']) {
  test(`"ip route del ${text}" is sent, which matches any protocol, type and gateway`, () => {
    assertSame(deleteRouteRequest(to(text)), request(golden('route', `ip route del ${text}`), RTM_DELROUTE));
  });
}

test('a deletion names what it is given', () => {
  const { payload } = deleteRouteRequest(
    to('10.2.0.0/16', { ...via('10.0.0.1'), metric: 50, protocol: 199 }),
  );
  assert.equal(payload.readUInt8(5), 199);
  assert.deepEqual(
    tree(payload.subarray(12)).map(([type, value]) => `${type} ${value}`),
    ['1 0a020000', '5 0a000001', '6 32000000'],
  );
});

for (const text of ['10.2.3.4', 'fd01::9']) {
  test(`"ip route get ${text}" is sent, but for RTM_F_LOOKUP_TABLE`, () => {
    const theirs = request(golden('route', `ip route get ${text}`), RTM_GETROUTE);
    const ours = getRouteToRequest(parseAddress(text)!);
    assert.equal(ours.payload.toString('hex', 0, 8), theirs.payload.toString('hex', 0, 8));
    assert.deepEqual(tree(ours.payload.subarray(12)), tree(theirs.payload.subarray(12)));
  });
}

test('routes are asked for by an rtmsg of zeros', () => {
  assert.deepEqual(getRoutesRequest(), { type: RTM_GETROUTE, flags: 0x300, payload: Buffer.alloc(12) });
});

/** As ip-route(8) prints it, with numbers for names. */
function describe(route: Route): string {
  const { destination, gateway, index, metric, protocol, table, type, mtu } = route;
  const words = [
    ...(gateway ? ['via', formatAddress(gateway)] : []),
    ...(index === undefined ? [] : ['dev', index]),
    ...['type', type, 'table', table, 'proto', protocol],
    ...(metric ? ['metric', metric] : []),
    ...(mtu === undefined ? [] : ['mtu', mtu]),
  ];
  return `${formatPrefix(destination)} ${words.join(' ')}`;
}

test('every route of every table is read', () => {
  const list = replies(golden('route', 'ip route show table all')).filter(
    ({ type }) => type === RTM_NEWROUTE,
  );
  const read = list.map(({ payload }) => describe(decodeRoute(payload)!));
  for (const expected of [
    '10.1.0.0/16 dev 4 type 1 table 254 proto 3',
    '10.2.0.0/16 via 10.0.0.1 dev 4 type 1 table 254 proto 199 metric 50',
    '0.0.0.0/0 via 10.0.0.3 dev 4 type 1 table 254 proto 3',
    '10.3.0.0/16 dev 4 type 1 table 1000 proto 3',
    '10.4.0.0/16 type 7 table 254 proto 3',
    '10.5.0.0/16 dev 4 type 2 table 255 proto 3',
    '10.6.0.0/16 dev 4 type 1 table 254 proto 3 mtu 1300',
    '10.0.0.0/24 dev 4 type 1 table 254 proto 2',
    'fd01::/64 dev 4 type 1 table 254 proto 3 metric 1024',
    '::/0 via fd00::1 dev 4 type 1 table 254 proto 3 metric 1',
  ]) {
    assert.ok(read.includes(expected), `${expected}\nis not in\n${read.join('\n')}`);
  }
  const { printed } = golden('route', 'ip route show table all');
  assert.equal(read.length, printed.length);
});

for (const [command, expected] of [
  ['get 10.2.3.4', '10.2.3.4/32 via 10.0.0.1 dev 4 type 1 table 254 proto 0'],
  ['get fd01::9', 'fd01::9/128 dev 4 type 1 table 254 proto 3 metric 1024'],
] as const) {
  test(`the answer to "ip route ${command}" is read`, () => {
    const [reply] = replies(golden('route', `ip route ${command}`));
    assert.equal(describe(decodeRoute(reply!.payload)!), expected);
  });
}

for (const [command, n, errno] of [
  [`add 10.1.0.0/16 dev ${LINK}`, 1, 17],
  ['add 10.7.0.0/16 via 192.0.2.1', 0, 101],
  ['del 10.99.0.0/16', 0, 3],
] as const) {
  test(`the kernel's answer to "ip route ${command}" is errno ${errno}`, () => {
    const answers = replies(golden('route', `ip route ${command}`, n));
    assert.equal(readErrno(answers.find(({ type }) => type === NLMSG_ERROR)!), errno);
  });
}

const header = Buffer.from('02000000fe03000100000000', 'hex');
for (const [what, hex, gateways] of [
  // ip route add default nexthop via 10.0.0.1 nexthop via 10.0.0.9; ip route add … via inet6 fd00::1
  [
    'several next hops',
    '24000900' + '1000000002000000' + '080005000a000001' + '1000000002000000' + '080005000a000009',
    ['10.0.0.1', '10.0.0.9'],
  ],
  ['a next hop without a gateway', '0c000900' + '0800000002000000', undefined],
  [
    'a gateway of the other family',
    '16001200' + '0a00' + 'fd000000000000000000000000000001' + '0000',
    ['fd00::1'],
  ],
] as const) {
  test(`gateways: ${what}`, () => {
    const route = decodeRoute(Buffer.concat([header, Buffer.from(hex, 'hex')]));
    assert.deepEqual(route?.gateways?.map(formatAddress), gateways);
  });
}

for (const hex of ['0c000900ff00000002000000', '0800090008000000', '0700120000000000']) {
  test(`gateways: ${hex} is refused`, () => {
    const payload = Buffer.concat([header, Buffer.from(hex, 'hex')]);
    assert.throws(() => decodeRoute(payload), DecodeError);
  });
}

test('a route of another family is passed over, and a damaged one refused', () => {
  assert.equal(decodeRoute(Buffer.from(`1c${'00'.repeat(11)}`, 'hex')), undefined);
  assert.throws(() => decodeRoute(Buffer.alloc(11)), DecodeError);
  assert.throws(() => decodeRoute(Buffer.from(`02${'00'.repeat(11)}070001000a000000`, 'hex')), DecodeError);
});

test('a route is read back as it was written', () => {
  const route = fc.record(
    {
      destination: prefix,
      gateway: address,
      index: fc.nat(0xffff),
      type: fc.constantFrom(1, 2, 7),
      protocol: fc.nat(255),
      metric: fc.nat(),
      table: fc.integer({ min: 1, max: 0xffff_ffff }),
    },
    { requiredKeys: ['destination', 'type', 'protocol', 'metric', 'table'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(route, route => {
      assert.deepEqual(decodeRoute(newRouteRequest(route as RouteConfig).payload), route);
    }),
  );
});

// Rows of the database as somebody else may have left them: read, or refused with a sentence that quotes nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../src/base/errors.js';
import { parseAddress } from '../../../../src/base/ip.js';
import { type ClientRow, readClientRow } from '../../../../src/driver/store/client-row.js';
import { exitRow, readExitRow } from '../../../../src/driver/store/exit-row.js';
import { type NetworkRow, readNetworkRow } from '../../../../src/driver/store/network-row.js';

const NOTHING = { psk: null, pskfile: null, seedfile: null, mtu: null, keepalive: null, allowedips: null };
const CONF = '/etc/dwgd/a.conf,/etc/dwgd/b.conf';
const NO_POOLS = { ipv4_pool: null, ipv4_gateway: null, ipv6_pool: null, ipv6_gateway: null };
const KEY = Buffer.alloc(32, 7);
const NETWORK = {
  ...{ id: 'n1', endpoint: 'h:1', seed: Buffer.from('x'), pubkey: KEY, route: '', ifname: '', prefix: 'wg' },
  ...{ ...NOTHING, ...NO_POOLS, conf: null, dns: null, failback: null, natpmp: null, owner: 0 },
};
const CLIENT = {
  ...{ id: 'e1', network_id: 'n1', ip: '10.0.0.2', ipv6: null, ifname: 'wg-1', state: 'joined' },
  ...{ sandbox_key: null, pubkey: KEY, prior_peer: null, pending: 0 },
  ...{ forward: null, published: null },
};

test('rows as they are written are read', () => {
  assert.equal(readNetworkRow(NETWORK as NetworkRow).id, 'n1');
  assert.equal(readClientRow(CLIENT as ClientRow).id, 'e1');
  const exit = { id: 'n1', files: CONF.split(','), failback: 300, mtu: 1380, prefix: 'wg', owner: 0 };
  assert.deepEqual(readExitRow(exitRow(exit)), exit);
  for (const dns of [[], ['10.64.0.1', 'fd64::1'].map(text => parseAddress(text)!)])
    assert.deepEqual(readExitRow(exitRow({ ...exit, dns })), { ...exit, dns });
  for (const natpmp of ['on', parseAddress('10.2.0.1')!] as const)
    assert.deepEqual(readExitRow(exitRow({ ...exit, natpmp })), { ...exit, natpmp });
});

for (const [what, columns, message] of [
  ['a number for its files', { conf: 5 }, 'conf is not a string'],
  ['a file that is no path', { conf: '/etc/dwgd/a.conf,hunter2' }, 'conf is no list of paths'],
  ['a subnet that is none', { conf: '/a.conf', ipv4_pool: 'hunter2' }, 'a subnet is none'],
  ['a subnet of IPv6 that is none', { conf: '/a.conf', ipv6_pool: '' }, 'a subnet is none'],
  ['no file', { conf: '' }, 'conf is no list of paths'],
  ['a number for its DNS servers', { conf: '/a.conf', dns: 5 }, 'dns is not a string'],
  [
    'a DNS server that is no address',
    { conf: '/a.conf', dns: '10.64.0.1,hunter2' },
    'dns is no list of addresses',
  ],
  ['a number for its gateway', { conf: '/a.conf', natpmp: 5 }, 'natpmp is not a string'],
  ['a gateway that is no address', { conf: '/a.conf', natpmp: 'hunter2' }, 'natpmp is no address of IPv4'],
  ['a gateway of IPv6', { conf: '/a.conf', natpmp: 'fd64::1' }, 'natpmp is no address of IPv4'],
] as const) {
  test(`the row of an exit network with ${what} is refused as damaged`, () => {
    const row = { ...NETWORK, ...columns } as unknown as NetworkRow;
    assert.throws(() => readExitRow(row), new DecodeError(message));
  });
}

for (const [what, columns, message] of [
  ['a public key of one byte', { pubkey: Buffer.from([0]) }, 'pubkey has 1 bytes'],
  ['a number for a public key', { pubkey: 5 }, 'pubkey is neither bytes nor a text'],
  ['a preshared key that is too short', { psk: Buffer.from('hunter2') }, 'psk has 7 bytes'],
  ['a number for a seed', { seed: 5 }, 'seed is neither bytes nor a text'],
  ['a number for a route', { route: 5 }, 'route is not a string'],
] as const) {
  test(`the row of a network with ${what} is refused as damaged`, () => {
    const row = { ...NETWORK, ...columns } as unknown as NetworkRow;
    assert.throws(() => readNetworkRow(row), new DecodeError(message));
  });
}

for (const [what, columns, message] of [
  ['a public key of one byte', { pubkey: Buffer.from([0]) }, 'pubkey has 1 bytes'],
  ['a state that there is not', { state: 'gone' }, 'no such state'],
  ['a former peer of nothing', { prior_peer: 'null' }, 'prior_peer is no peer'],
  ['a former peer without a list', { prior_peer: '{"allowedIPs":5,"keepalive":0}' }, 'prior_peer is no peer'],
  [
    'a former peer with no text in its list',
    { prior_peer: '{"allowedIPs":[5],"keepalive":0}' },
    'prior_peer is no peer',
  ],
  [
    'a former peer whose key is too short',
    { prior_peer: '{"allowedIPs":[],"keepalive":0,"psk":"AAAA"}' },
    "prior_peer's psk has 3 bytes",
  ],
  ['a former peer that is a secret', { prior_peer: 'hunter2' }, 'prior_peer is not JSON'],
  ['published ports that are no JSON', { published: 'hunter2' }, 'published is not JSON'],
  ['published ports that are no list', { published: '5' }, 'published is no list'],
  ['a published port of nothing', { published: '[5]' }, 'published has an entry of no port'],
] as const) {
  test(`the row of an endpoint with ${what} is refused as damaged`, () => {
    const row = { ...CLIENT, ...columns } as unknown as ClientRow;
    assert.throws(() => readClientRow(row), new DecodeError(message));
  });
}

// What the far end has to know, ready to paste; and the ranges of addresses that may be asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import {
  type FarPeer,
  parseRange,
  peersAsJson,
  peersAsTable,
  peersAsWg,
} from '../../../../src/cli/output/far-end.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';

const [A, B, PSK] = [1, 2, 3].map(n => Buffer.alloc(32, n));
const TEXT = (bytes: Buffer | undefined): string => bytes!.toString('base64');
const PEERS: readonly FarPeer[] = [
  { publicKey: new Key(A!), addresses: [parseAddress('10.0.0.2')!, parseAddress('fd00::2')!] },
  { publicKey: new Key(B!), presharedKey: new SecretKey(PSK!), addresses: [parseAddress('10.0.0.3')!] },
];

test('sections of a file of wg(8)', () => {
  assert.equal(
    peersAsWg(PEERS),
    `[Peer]
PublicKey = ${TEXT(A)}
AllowedIPs = 10.0.0.2/32, fd00::2/128

[Peer]
PublicKey = ${TEXT(B)}
PresharedKey = ${TEXT(PSK)}
AllowedIPs = 10.0.0.3/32
`,
  );
  assert.equal(peersAsWg([]), '');
});

test('JSON', () => {
  assert.deepEqual(JSON.parse(peersAsJson(PEERS)), [
    { publicKey: TEXT(A), allowedIPs: ['10.0.0.2/32', 'fd00::2/128'] },
    { publicKey: TEXT(B), presharedKey: TEXT(PSK), allowedIPs: ['10.0.0.3/32'] },
  ]);
});

test('a table, without preshared keys', () => {
  assert.equal(
    peersAsTable(PEERS, false),
    `ADDRESS            PUBLIC KEY
10.0.0.2, fd00::2  ${TEXT(A)}
10.0.0.3           ${TEXT(B)}
`,
  );
});

for (const [text, first, last, count] of [
  ['10.0.0.2', '10.0.0.2', '10.0.0.2', 1],
  ['10.0.0.2-10.0.0.9', '10.0.0.2', '10.0.0.9', 8],
  ['10.0.0.254 - 10.0.1.1', '10.0.0.254', '10.0.1.1', 4],
  ['10.0.0.5/28', '10.0.0.1', '10.0.0.14', 14],
  ['10.0.0.4/31', '10.0.0.4', '10.0.0.5', 2],
  ['10.0.0.4/32', '10.0.0.4', '10.0.0.4', 1],
  ['0.0.0.0-0.0.0.1', '0.0.0.0', '0.0.0.1', 2],
  ['fd00::/120', 'fd00::1', 'fd00::fe', 254],
  ['fd00::ffff-fd00::1:0', 'fd00::ffff', 'fd00::1:0', 2],
  ['10.0.0.0-10.0.15.255', '10.0.0.0', '10.0.15.255', 4096],
] as const) {
  test(`the range ${text}`, () => {
    const found = parseRange(text).map(formatAddress);
    assert.deepEqual([found[0], found.at(-1), found.length], [first, last, count]);
    assert.equal(new Set(found).size, count);
  });
}

const RIGHT = 'give an address, a network such as 10.0.0.0/28, or a range such as 10.0.0.2-10.0.0.9';

for (const [text, message] of [
  ['', ` is no range of addresses: ${RIGHT}`],
  ['10.0.0', `10.0.0 is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-', `10.0.0.2- is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-fd00::1', `10.0.0.2-fd00::1 is no range of addresses: ${RIGHT}`],
  ['10.0.0.2-10.0.0.3-10.0.0.4', `10.0.0.2-10.0.0.3-10.0.0.4 is no range of addresses: ${RIGHT}`],
  ['10.0.0.9-10.0.0.2', `10.0.0.9-10.0.0.2 ends before it begins: ${RIGHT}`],
  ['10.0.0.0/19', '10.0.0.0/19 has more than 4096 addresses: give fewer at a time'],
  ['::/0', '::/0 has more than 4096 addresses: give fewer at a time'],
] as const) {
  test(`no range: ${text}`, () => {
    assert.throws(() => parseRange(text), new UserError(message));
  });
}

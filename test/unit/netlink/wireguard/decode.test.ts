// WireGuard devices out of the kernel's messages, with `wg show … dump` of the same moment as the judge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeError } from '../../../../src/base/errors.js';
import { formatPrefix } from '../../../../src/base/ip.js';
import { attr, attrString, attrU16, attrU32, nest } from '../../../../src/netlink/attributes.js';
import { decodeFamilyId, genlAttributes, getFamilyRequest } from '../../../../src/netlink/generic.js';
import { type Message, NLMSG_ERROR, readErrno } from '../../../../src/netlink/message.js';
import { decodeDevice } from '../../../../src/netlink/wireguard/decode.js';
import type { WgDevice } from '../../../../src/netlink/wireguard/device.js';
import { formatSocketAddress } from '../../../../src/netlink/wireguard/device.js';
import { type Exchange, golden, replies, request } from '../../../support/golden.js';

const LINK = 'wg-0123456789ab';
const FAMILY = 0x20;

const messages = (exchange: Exchange): Message[] => replies(exchange).filter(({ type }) => type === FAMILY);
const decode = (exchange: Exchange): WgDevice =>
  decodeDevice(messages(exchange).map(({ payload }) => genlAttributes(payload)));

/** As `wg show … dump` prints it. */
function dump(device: WgDevice): string[] {
  const base64 = (bytes: Buffer | undefined): string => bytes?.toString('base64') ?? '(none)';
  const { privateKey, publicKey, listenPort, fwmark, peers } = device;
  const mark = fwmark === 0 ? 'off' : `0x${fwmark.toString(16)}`;
  return [
    [base64(privateKey?.reveal()), base64(publicKey?.bytes), listenPort, mark].join('\t'),
    ...peers.map(peer =>
      [
        peer.publicKey,
        base64(peer.presharedKey?.reveal()),
        peer.endpoint ? formatSocketAddress(peer.endpoint) : '(none)',
        peer.allowedIPs.map(formatPrefix).join(',') || '(none)',
        Math.floor(peer.lastHandshake / 1000),
        peer.rxBytes,
        peer.txBytes,
        peer.keepalive || 'off',
      ].join('\t'),
    ),
  ];
}

for (const [name, file, command] of [
  ['a device with peers of every kind', 'wireguard', `wg show ${LINK} dump`],
  ['a device without key or peers', 'wireguard', 'wg show fresh0 dump'],
  ['a device after a handshake', 'handshake', 'wg show fresh0 dump'],
  ['a device whose peers fill several messages, one peer split', 'large', 'wg show large0 dump'],
] as const) {
  test(`${name} is read as wg(8) shows it`, () => {
    const exchange = golden(file, command);
    assert.deepEqual(dump(decode(exchange)), exchange.printed);
  });
}

test('the golden handshake is a real one, and the large device is really split', () => {
  assert.ok(decode(golden('handshake', 'wg show fresh0 dump')).peers[0]!.lastHandshake > 1.7e12);
  const large = golden('large', 'wg show large0 dump');
  const peers = messages(large).map(message => decodeDevice([prefixed(message)]).peers.length);
  assert.ok(peers.length > 2 && peers.reduce((a, b) => a + b) > decode(large).peers.length);
});

/** With an index and a name, which only the first message of a dump has. */
function prefixed({ payload }: Message): Buffer {
  return Buffer.concat([attrU32(1, 7), attrString(2, 'x'), genlAttributes(payload)]);
}

test("index and name of a device are the link's", () => {
  const { index, name } = decode(golden('wireguard', `wg show ${LINK} dump`));
  assert.deepEqual([index, name], [4, LINK]);
});

test('a device without a key has none', () => {
  const device = decode(golden('wireguard', 'wg show fresh0 dump'));
  assert.deepEqual([device.privateKey, device.publicKey, device.listenPort], [undefined, undefined, 0]);
});

for (const [command, errno] of [
  ['wg show nosuch dump', 19],
  ['wg show lo dump', 95],
  ['wg set nosuch listen-port 1', 19],
] as const) {
  test(`the kernel's answer to "${command}" is errno ${errno}`, () => {
    const answers = replies(golden('wireguard', command)).filter(({ type }) => type === NLMSG_ERROR);
    assert.equal(readErrno(answers.at(-1)!), errno);
  });
}

test('the number of the family is asked for as wg(8) does, and read', () => {
  const exchange = golden('wireguard', `wg show ${LINK} dump`);
  const { type, payload } = getFamilyRequest('wireguard');
  const theirs = request(exchange, type);
  assert.equal(payload.toString('hex', 4), theirs.payload.toString('hex', 4));
  assert.equal(payload.readUInt8(0), theirs.payload.readUInt8(0));
  const answer = replies(exchange).find(reply => reply.type === type)!;
  assert.equal(decodeFamilyId(answer.payload), FAMILY);
});

test('an answer without a family is refused', () => {
  assert.throws(() => decodeFamilyId(Buffer.alloc(4)), DecodeError);
  assert.throws(() => decodeFamilyId(Buffer.alloc(3)), DecodeError);
});

const device = [attrU32(1, 7), attrString(2, 'wg0')];
const KEY = attr(1, Buffer.alloc(32, 1));
const peer = (...attrs: Buffer[]): Buffer[] => [...device, nest(8, nest(0, ...attrs))];

for (const [name, attrs] of [
  ['a device without a name', [attrU32(1, 7)]],
  ['a device without an index', [attrString(2, 'wg0')]],
  ['a private key of 31 bytes', [...device, attr(3, Buffer.alloc(31))]],
  ['a port of 32 bits', [...device, attrU32(6, 51820)]],
  ['a peer without a key', peer(attrU16(5, 25))],
  ['a peer key of 33 bytes', peer(attr(1, Buffer.alloc(33)))],
  ['an endpoint of 15 bytes', peer(KEY, attr(4, Buffer.from(`0200${'00'.repeat(13)}`, 'hex')))],
  ['an IPv6 endpoint of 16 bytes', peer(KEY, attr(4, Buffer.from(`0a00${'00'.repeat(14)}`, 'hex')))],
  ['an endpoint of no family', peer(KEY, attr(4, Buffer.alloc(16)))],
  ['a handshake of 8 bytes', peer(KEY, attr(6, Buffer.alloc(8)))],
  ['a handshake of 24 bytes', peer(KEY, attr(6, Buffer.alloc(24)))],
  ['a counter of 4 bytes', peer(KEY, attr(7, Buffer.alloc(4)))],
  ['an allowed IP without an address', peer(KEY, nest(9, nest(0, attr(3, Buffer.from([32])))))],
  ['an allowed IP without a mask', peer(KEY, nest(9, nest(0, attr(2, Buffer.alloc(4)))))],
  [
    'an allowed IP of 5 bytes',
    peer(KEY, nest(9, nest(0, attr(2, Buffer.alloc(5)), attr(3, Buffer.from([32]))))),
  ],
] as const) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decodeDevice([Buffer.concat(attrs)]), DecodeError);
  });
}

test('a peer in two messages is one, but two peers of the same addresses are two', () => {
  const ip = nest(0, attr(2, Buffer.from([10, 0, 0, 1])), attr(3, Buffer.from([32])));
  const one = Buffer.concat(peer(KEY, attrU16(5, 25), nest(9, ip)));
  const two = Buffer.concat([
    nest(8, nest(0, KEY, nest(9, ip)), nest(0, attr(1, Buffer.alloc(32, 2)), nest(9, ip))),
  ]);
  const { peers } = decodeDevice([one, two]);
  assert.deepEqual(
    peers.map(({ keepalive, allowedIPs }) => [keepalive, allowedIPs.length]),
    [
      [25, 2],
      [0, 1],
    ],
  );
});

test('nothing at all is no device', () => {
  assert.throws(() => decodeDevice([]), DecodeError);
});

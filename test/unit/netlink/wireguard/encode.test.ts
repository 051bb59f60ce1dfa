// WireGuard configurations as bytes: what wg(8) sends for the same, and the splitting of what is too large.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatPrefix, hostPrefix, type Prefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { attrMap, NLA_F_NESTED, readAttrs, readString, readU32 } from '../../../../src/netlink/attributes.js';
import { genlAttributes } from '../../../../src/netlink/generic.js';
import { decodeDevice } from '../../../../src/netlink/wireguard/decode.js';
import {
  WGDEVICE_A_FLAGS,
  WGDEVICE_A_IFNAME,
  WGDEVICE_A_PEERS,
  WGDEVICE_A_PRIVATE_KEY,
  WGPEER_A_ALLOWEDIPS,
  type WgDeviceConfig,
} from '../../../../src/netlink/wireguard/device.js';
import { encodeGetDevice, encodeSetDevice } from '../../../../src/netlink/wireguard/encode.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { address, key, partial, prefix, secretKey } from '../../../support/arbitrary.js';
import { golden, type Nests, request, tree } from '../../../support/golden.js';

const LINK = 'wg-0123456789ab';
const text = (n: number): string => `golden key ${String(n).padStart(21, '0')}`;
const publicKey = (n: number): Key => new Key(Buffer.from(text(n)));
const secret = (n: number): SecretKey => new SecretKey(Buffer.from(text(n)));
const prefixes = (...texts: string[]): Prefix[] => texts.map(text => parsePrefix(text)!);
const socket = (host: string, port: number) => ({ address: parseAddress(host)!, port });

/** What the kernel said the family's number is. */
const FAMILY = 0x20;
const NESTS: Nests = { [WGDEVICE_A_PEERS]: { any: { [WGPEER_A_ALLOWEDIPS]: { any: {} } } } };

for (const [command, config] of [
  [
    `${LINK} private-key secret1 listen-port 51820 fwmark 0x1234 peer ${publicKey(2)} preshared-key secret3 endpoint 192.0.2.1:51821 persistent-keepalive 25 allowed-ips 10.0.0.2/32,fd00::2/128`,
    {
      privateKey: secret(1),
      listenPort: 51820,
      fwmark: 0x1234,
      peers: [
        {
          publicKey: publicKey(2),
          presharedKey: secret(3),
          endpoint: socket('192.0.2.1', 51821),
          keepalive: 25,
          replaceAllowedIPs: true,
          allowedIPs: prefixes('10.0.0.2/32', 'fd00::2/128'),
        },
      ],
    },
  ],
  [
    `${LINK} peer ${publicKey(4)} endpoint [2001:db8::1]:51822 allowed-ips 0.0.0.0/0,::/0`,
    {
      peers: [
        {
          publicKey: publicKey(4),
          endpoint: socket('2001:db8::1', 51822),
          replaceAllowedIPs: true,
          allowedIPs: prefixes('0.0.0.0/0', '::/0'),
        },
      ],
    },
  ],
  [
    `${LINK} peer ${publicKey(5)} allowed-ips 10.0.5.0/24 peer ${publicKey(6)}`,
    {
      peers: [
        { publicKey: publicKey(5), replaceAllowedIPs: true, allowedIPs: prefixes('10.0.5.0/24') },
        { publicKey: publicKey(6) },
      ],
    },
  ],
  [`${LINK} peer ${publicKey(5)} remove`, { peers: [{ publicKey: publicKey(5), remove: true }] }],
  [
    `${LINK} peer ${publicKey(2)} preshared-key /dev/null persistent-keepalive off allowed-ips `,
    {
      peers: [
        {
          publicKey: publicKey(2),
          presharedKey: new SecretKey(Buffer.alloc(32)),
          keepalive: 0,
          replaceAllowedIPs: true,
        },
      ],
    },
  ],
] satisfies [string, WgDeviceConfig][]) {
  test(`"wg set ${command.slice(LINK.length + 1, 60)}…" is sent, but for the order of a peer's attributes`, () => {
    const theirs = genlAttributes(request(golden('wireguard', `wg set ${command}`), FAMILY).payload);
    const [ours, ...more] = encodeSetDevice(LINK, config);
    assert.equal(more.length, 0);
    assert.deepEqual(tree(ours!, NESTS), tree(theirs, NESTS));
    assert.deepEqual(flags(ours!), flags(theirs), 'NLA_F_NESTED is where wg(8) has it');
  });
}

/** The types as written, flags and all, of every attribute that holds others. */
function flags(bytes: Buffer): number[] {
  const peers = attrMap(bytes).get(WGDEVICE_A_PEERS)!;
  const ips = readAttrs(peers).flatMap(({ value }) => attrMap(value).get(WGPEER_A_ALLOWEDIPS) ?? []);
  return [peers, ...readAttrs(peers).map(({ value }) => value), ...ips].map(rawType);
}

/** The 16 bits in front of a value. */
function rawType(value: Buffer): number {
  return Buffer.from(value.buffer, value.byteOffset - 2, 2).readUInt16LE();
}

test('every nest has NLA_F_NESTED, without which the kernel answers EINVAL', () => {
  const [bytes] = encodeSetDevice('wg0', {
    peers: [{ publicKey: publicKey(1), allowedIPs: prefixes('::/0') }],
  });
  assert.equal(flags(bytes!).length, 3);
  for (const type of flags(bytes!)) assert.ok(type & NLA_F_NESTED);
});

test('"wg show" is sent byte by byte', () => {
  const theirs = genlAttributes(request(golden('wireguard', `wg show ${LINK} dump`), FAMILY).payload);
  assert.equal(encodeGetDevice(LINK).toString('hex'), theirs.toString('hex'));
});

test('flags are sent where they are asked for', () => {
  const [bytes] = encodeSetDevice('wg0', {
    replacePeers: true,
    peers: [{ publicKey: publicKey(1), updateOnly: true }],
  });
  const attrs = attrMap(bytes!);
  assert.equal(readU32(attrs.get(WGDEVICE_A_FLAGS)!), 1);
  const [peer] = readAttrs(attrs.get(WGDEVICE_A_PEERS)!);
  assert.equal(readU32(attrMap(peer!.value).get(3)!), 4);
  assert.equal(attrMap(encodeSetDevice('wg0', {})[0]!).has(WGDEVICE_A_FLAGS), false);
});

/** The requests as the kernel would answer them, were its dump split like this. */
function readBack(payloads: Buffer[]) {
  const index = Buffer.from('0800010007000000', 'hex');
  return decodeDevice(payloads.map(payload => Buffer.concat([index, payload])));
}

test('1,500 peers are split into requests below 64 KiB, replacing only in the first, and none is lost', () => {
  const peers = Array.from({ length: 1500 }, (_, n) => ({
    publicKey: publicKey(n),
    presharedKey: secret(n),
    keepalive: 25,
    endpoint: socket('2001:db8::1', 1 + n),
    allowedIPs: [
      hostPrefix(parseAddress(`10.1.${n >> 8}.${n & 255}`)!),
      ...prefixes(`fd00::${n.toString(16)}`),
    ],
  }));
  const payloads = encodeSetDevice('wg0', { privateKey: secret(1), replacePeers: true, peers });
  assert.ok(payloads.length > 1);
  for (const [n, payload] of payloads.entries()) {
    const attrs = attrMap(payload);
    assert.ok(payload.length < 65_536 + 256);
    assert.equal(readString(attrs.get(WGDEVICE_A_IFNAME)!), 'wg0');
    assert.equal(attrs.has(WGDEVICE_A_FLAGS), n === 0);
    assert.equal(attrs.has(WGDEVICE_A_PRIVATE_KEY), n === 0);
  }
  const read = readBack(payloads).peers.map(({ publicKey, allowedIPs }) => [
    publicKey.toString(),
    ...allowedIPs.map(formatPrefix),
  ]);
  assert.deepEqual(
    read,
    peers.map(({ publicKey, allowedIPs }) => [publicKey.toString(), ...allowedIPs.map(formatPrefix)]),
  );
});

test('a peer with 5,000 allowed IPs is split, and replaces its old ones only in the first part', () => {
  const allowedIPs = Array.from({ length: 5000 }, (_, n) => parsePrefix(`10.${n >> 8}.${n & 255}.0/24`)!);
  const payloads = encodeSetDevice('wg0', {
    peers: [{ publicKey: publicKey(1), replaceAllowedIPs: true, allowedIPs }, { publicKey: publicKey(2) }],
  });
  assert.ok(payloads.length > 1);
  const parts = payloads.flatMap(payload =>
    readAttrs(attrMap(payload).get(WGDEVICE_A_PEERS)!).map(({ value }) => attrMap(value)),
  );
  assert.deepEqual(
    parts.map(part => part.has(3)),
    [true, ...parts.slice(1).map(() => false)],
  );
  const { peers } = readBack(payloads);
  assert.deepEqual(
    peers.map(peer => peer.allowedIPs.length),
    [5000, 0],
  );
  assert.deepEqual(peers[0]!.allowedIPs, allowedIPs);
});

test('a configuration is read back as it was written', () => {
  const peer = fc.tuple(
    key,
    partial({
      presharedKey: secretKey,
      endpoint: fc.record({ address, port: fc.nat(65535) }, { noNullPrototype: true }),
      keepalive: fc.nat(65535),
      allowedIPs: fc.array(prefix, { maxLength: 5 }),
    }),
  );
  const peers = fc.uniqueArray(peer, { maxLength: 6, selector: ([key]) => key.toString() });
  const device = partial({ privateKey: secretKey, listenPort: fc.nat(65535), fwmark: fc.nat(0xffff_ffff) });
  fc.assert(
    fc.property(device, peers, (config, peers) => {
      const wanted = peers.map(([publicKey, more]) => ({ publicKey, ...more }));
      const read = readBack(encodeSetDevice('wg0', { ...config, peers: wanted }));
      assert.equal(read.listenPort, config.listenPort ?? 0);
      assert.equal(read.fwmark, config.fwmark ?? 0);
      assert.deepEqual(read.privateKey?.reveal(), config.privateKey?.reveal());
      for (const [
        n,
        { publicKey, presharedKey, endpoint, keepalive = 0, allowedIPs = [] },
      ] of wanted.entries()) {
        const peer = read.peers[n]!;
        assert.deepEqual([peer.publicKey, peer.endpoint, peer.keepalive], [publicKey, endpoint, keepalive]);
        assert.deepEqual(peer.allowedIPs, allowedIPs);
        const none = presharedKey === undefined || presharedKey.isZero;
        assert.deepEqual(peer.presharedKey?.reveal(), none ? undefined : presharedKey.reveal());
      }
    }),
  );
});

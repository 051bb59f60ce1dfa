// The digest of a device's configuration: another one for each thing that is configured, the same whatever is sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { attr, attrString, attrU16, attrU32, nest } from '../../../../src/netlink/attributes.js';
import { genlAttributes } from '../../../../src/netlink/generic.js';
import { WgCtrl } from '../../../../src/netlink/wireguard/client.js';
import { configurationDigest } from '../../../../src/netlink/wireguard/configuration-digest.js';
import type { WgDeviceConfig, WgPeerConfig } from '../../../../src/netlink/wireguard/device.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { FakeKernel } from '../../../support/fake-kernel.js';
import { golden, replies } from '../../../support/golden.js';

const secret = (byte: number): SecretKey => new SecretKey(Buffer.alloc(32, byte));
const PEER: WgPeerConfig = {
  publicKey: new Key(Buffer.alloc(32, 1)),
  presharedKey: secret(2),
  keepalive: 25,
  allowedIPs: [parsePrefix('10.0.0.2/32')!, parsePrefix('fd00::2/128')!],
};
const DEVICE: WgDeviceConfig = { privateKey: secret(3), listenPort: 51820, peers: [PEER] };

function digest(config: WgDeviceConfig, lastHandshake = 0): string {
  const kernel = new FakeKernel();
  kernel.addDevice('wg0', config);
  const device = kernel.devices.get('wg0')!;
  kernel.devices.set('wg0', { ...device, peers: device.peers.map(peer => ({ ...peer, lastHandshake })) });
  return new WgCtrl(kernel.generic()).configurationDigest('wg0');
}

const withPeer = (more: Partial<WgPeerConfig>): WgDeviceConfig => ({
  ...DEVICE,
  peers: [{ ...PEER, ...more }],
});

for (const [what, config] of [
  ['another key', { ...DEVICE, privateKey: secret(4) }],
  ['another port', { ...DEVICE, listenPort: 51821 }],
  ['no peer', { ...DEVICE, peers: [] }],
  ["another peer's key", withPeer({ publicKey: new Key(Buffer.alloc(32, 5)) })],
  ['another preshared key', withPeer({ presharedKey: secret(6) })],
  ['one allowed IP less', withPeer({ allowedIPs: [PEER.allowedIPs![0]!] })],
  ['another allowed IP', withPeer({ allowedIPs: [parsePrefix('10.0.0.3/32')!, PEER.allowedIPs![1]!] })],
] as const) {
  test(`${what} is another digest`, () => assert.notEqual(digest(config), digest(DEVICE)));
}

for (const [what, same] of [
  ['where a peer is', digest(withPeer({ endpoint: { address: parseAddress('192.0.2.1')!, port: 9 } }))],
  ['when it shook hands', digest(DEVICE, 1_700_000_000_000)],
] as const) {
  test(`${what} changes nothing`, () => assert.equal(same, digest(DEVICE)));
}

const FAMILY = 0x20;

test('real messages have one each', () => {
  const digests = ['handshake', 'large'].map(name => {
    const all = replies(golden(name, `wg show ${name === 'large' ? 'large0' : 'fresh0'} dump`));
    const messages = all.filter(({ type }) => type === FAMILY);
    assert.ok(messages.length > 0);
    return configurationDigest(messages.map(({ payload }) => genlAttributes(payload)));
  });
  assert.equal(new Set([...digests, configurationDigest([])]).size, 3);
});

test('wherever the kernel splits a peer over two messages, the digest is the same', () => {
  const key = attr(1, Buffer.alloc(32, 7));
  const ip = (n: number): Buffer =>
    nest(0, attrU16(1, 2), attr(2, Buffer.from([10, 0, 0, n])), attr(3, Buffer.from([32])));
  const head = [attrU32(1, 5), attrString(2, 'wg0')];
  const peers = (...ips: Buffer[]): Buffer => nest(8, nest(0, key, nest(9, ...ips)));
  const split = (n: number): Buffer[] => {
    const ips = [ip(1), ip(2), ip(3)];
    return [Buffer.concat([...head, peers(...ips.slice(0, n))]), peers(...ips.slice(n))];
  };
  assert.equal(configurationDigest(split(1)), configurationDigest(split(2)));
});

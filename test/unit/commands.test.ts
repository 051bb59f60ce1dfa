// What the log says at -v: requests as the ip(8) and wg(8) lines that do the same, without secrets.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress, parsePrefix } from '../../src/ip.js';
import { ipLinkAdd, ipLinkDel, ipLinkSet, wgSet } from '../../src/netlink/commands.js';
import { Key, SecretKey } from '../../src/netlink/key.js';

const publicKey = new Key(Buffer.alloc(32, 1));
const secret = new SecretKey(Buffer.alloc(32, 2));
const KEY = publicKey.toString();

for (const [line, expected] of [
  [
    ipLinkAdd({ name: 'wg-1', kind: 'wireguard', mtu: 1420, group: 7 }),
    'ip link add wg-1 mtu 1420 group 7 type wireguard',
  ],
  [ipLinkAdd({ name: 'x', kind: 'veth' }), 'ip link add x type veth'],
  [ipLinkSet('x', { up: true, mtu: 1280 }), 'ip link set x up mtu 1280'],
  [ipLinkSet('x', { netnsFd: 9 }), 'ip link set x netns /proc/self/fd/9'],
  [ipLinkDel('x'), 'ip link del x'],
  [wgSet('wg0', { peers: [{ publicKey, remove: true }] }), `wg set wg0 peer ${KEY} remove`],
  [
    wgSet('wg0', {
      privateKey: secret,
      listenPort: 51820,
      fwmark: 1,
      peers: [
        {
          publicKey,
          presharedKey: secret,
          endpoint: { address: parseAddress('2001:db8::1')!, port: 51820 },
          keepalive: 25,
          allowedIPs: [parsePrefix('10.0.0.2/32')!, parsePrefix('::/0')!],
        },
      ],
    }),
    `wg set wg0 private-key (secret) listen-port 51820 fwmark 1 peer ${KEY} preshared-key (secret) endpoint [2001:db8::1]:51820 persistent-keepalive 25 allowed-ips 10.0.0.2/32,::/0`,
  ],
] as const) {
  test(`a request reads: ${expected.slice(0, 60)}`, () => {
    assert.equal(line, expected);
  });
}

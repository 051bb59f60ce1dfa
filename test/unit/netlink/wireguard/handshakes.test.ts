// Whether a tunnel is cut off from its peers, by what the kernel says of their handshakes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WgPeer } from '../../../../src/netlink/wireguard/device.js';
import { isCutOff } from '../../../../src/netlink/wireguard/handshakes.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';

const NOW = 1_800_000_000_000;
const peer = (fields: Partial<WgPeer>): WgPeer => ({
  publicKey: new Key(Buffer.alloc(32, 1)),
  keepalive: 25,
  lastHandshake: NOW - 60_000,
  rxBytes: 0n,
  txBytes: 10_000n,
  allowedIPs: [],
  ...fields,
});
const DEAD = peer({ lastHandshake: NOW - 206_000 });

for (const [what, peers, expected] of [
  ['a handshake a minute ago', [peer({})], false],
  ['a handshake just not too old', [peer({ lastHandshake: NOW - 205_000 })], false],
  ['a handshake of three minutes and a keepalive ago', [DEAD], true],
  ['an old handshake but no keepalive: it may rest', [peer({ ...DEAD, keepalive: 0 })], false],
  ['a keepalive that comes too seldom to tell', [peer({ ...DEAD, keepalive: 180 })], false],
  ['a handshake in the future, by a clock that was set back', [peer({ lastHandshake: NOW + 9e9 })], false],
  ['no handshake yet, and two attempts', [peer({ lastHandshake: 0, txBytes: 296n })], false],
  ['no handshake, and three attempts', [peer({ lastHandshake: 0, txBytes: 444n })], true],
  ['no handshake and no keepalive', [peer({ lastHandshake: 0, keepalive: 0 })], false],
  ['two peers, one of which answers', [DEAD, peer({})], false],
  ['two peers, neither of which answers', [DEAD, DEAD], true],
  ['no peer: nothing is known', [], false],
] as const) {
  test(`with ${what} a tunnel is ${expected ? '' : 'not '}cut off`, () => {
    assert.equal(isCutOff({ peers }, NOW), expected);
  });
}

// The two ends of a tunnel: the container as a peer of the host's interface, and the peer that it connects to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import {
  isMissing,
  NO_PRESHARED_KEY,
  planContainerPeer,
  planPeerConflict,
  planPeerRemoval,
  planTunnel,
  STALE_HANDSHAKE_MS,
} from '../../../../src/driver/tunnel/peers.js';
import type { SocketAddress, WgDevice, WgPeer } from '../../../../src/netlink/wireguard/device.js';
import { Key, SecretKey } from '../../../../src/netlink/wireguard/key.js';

const key = (n: number): Key => new Key(Buffer.alloc(32, n));
const secret = (n: number): SecretKey => new SecretKey(Buffer.alloc(32, n));
const prefixes = (...texts: string[]) => texts.map(text => parsePrefix(text)!);
const socket = (host: string, port = 51820): SocketAddress => ({ address: parseAddress(host)!, port });

function peer(n: number, more: Partial<WgPeer> = {}): WgPeer {
  return {
    publicKey: key(n),
    keepalive: 0,
    lastHandshake: 0,
    rxBytes: 0n,
    txBytes: 0n,
    allowedIPs: [],
    ...more,
  };
}

function device(peers: WgPeer[], more: Partial<WgDevice> = {}): WgDevice {
  return { index: 2, name: 'wg0', publicKey: key(99), listenPort: 51820, fwmark: 0, peers, ...more };
}

test('a container is a peer with its /32 and /128 and a keepalive of 25 seconds', () => {
  const addresses = { ipv4: parseAddress('10.0.0.2')!, ipv6: parseAddress('fd00::2')! };
  const wanted = planContainerPeer(addresses, key(1), secret(5));
  assert.deepEqual(wanted.allowedIPs?.map(formatPrefix), ['10.0.0.2/32', 'fd00::2/128']);
  assert.equal(wanted.keepalive, 25);
  assert.equal(wanted.presharedKey?.equals(secret(5)), true);
  assert.equal('presharedKey' in planContainerPeer(addresses, key(1), undefined), false);
});

const wanted = planContainerPeer({ ipv4: parseAddress('10.0.0.2')! }, key(1), undefined);
const ours = { keepalive: 25, allowedIPs: prefixes('10.0.0.2/32') };
const ROOT = { trusted: true, recorded: false };
const USER = { trusted: false, recorded: false };

for (const [name, peers, kind] of [
  ['nobody has its key or address', [peer(2, { allowedIPs: prefixes('10.0.0.3/32') })], 'free'],
  ['a crash left its peer behind', [peer(1, ours)], 'free'],
  [
    'a crash left its peer behind, whose address somebody took',
    [peer(1, { ...ours, allowedIPs: [] })],
    'free',
  ],
  ['a wider network holds its address', [peer(2, { allowedIPs: prefixes('10.0.0.0/24') })], 'free'],
  [
    'somebody configured its key with another network',
    [peer(1, { allowedIPs: prefixes('10.7.0.0/16') })],
    'shared',
  ],
  ['somebody configured its key with another keepalive', [peer(1, { ...ours, keepalive: 0 })], 'shared'],
  [
    'somebody configured its key with a preshared key',
    [peer(1, { ...ours, presharedKey: secret(5) })],
    'shared',
  ],
  ['another peer has its address', [peer(2, { allowedIPs: prefixes('10.0.0.2/32') })], 'taken'],
  ['another peer has its address beside its own', [peer(1, ours), peer(2, ours)], 'taken'],
] as const) {
  test(`a container's standing is ${kind} where ${name}`, () => {
    assert.equal(planPeerConflict(device([...peers]), wanted, ROOT).kind, kind);
  });
}

test('an address out of a wider network of another peer is for root alone to take', () => {
  const wide = device([peer(2, { allowedIPs: prefixes('10.0.0.0/8') })]);
  assert.equal(planPeerConflict(wide, wanted, ROOT).kind, 'free');
  assert.equal(planPeerConflict(wide, wanted, USER).kind, 'taken');
  assert.equal(
    planPeerConflict(device([peer(2, { allowedIPs: prefixes('10.0.0.9/32') })]), wanted, USER).kind,
    'free',
  );
});

for (const [name, present, recorded, kind] of [
  ['that is a container of the same user', peer(1, ours), true, 'free'],
  ['that no record names', peer(1, ours), false, 'foreign'],
  ['that somebody configured', peer(1, { ...ours, keepalive: 0 }), true, 'foreign'],
] as const) {
  test(`a peer of the key of a user's container ${name} is ${kind} to it`, () => {
    assert.equal(planPeerConflict(device([present]), wanted, { trusted: false, recorded }).kind, kind);
  });
}

test('a shared peer is remembered as it was, and given back', () => {
  const before = peer(1, { keepalive: 9, presharedKey: secret(5), allowedIPs: prefixes('10.7.0.0/16') });
  const standing = planPeerConflict(device([before]), wanted, ROOT);
  assert.ok(standing.kind === 'shared');
  assert.deepEqual(planPeerRemoval(key(1), standing.prior), {
    publicKey: key(1),
    updateOnly: true,
    presharedKey: secret(5),
    keepalive: 9,
    replaceAllowedIPs: true,
    allowedIPs: before.allowedIPs,
  });
});

test('a shared peer that had no preshared key loses ours', () => {
  const removal = planPeerRemoval(key(1), { allowedIPs: [], keepalive: 0 });
  assert.equal(removal.presharedKey, NO_PRESHARED_KEY);
  assert.equal(NO_PRESHARED_KEY.isZero, true);
});

test('a peer of ours alone is removed', () => {
  assert.deepEqual(planPeerRemoval(key(1), undefined), { publicKey: key(1), remove: true });
});

test('missing is a peer that is gone, or that lost one of its addresses', () => {
  const dual = planContainerPeer(
    { ipv4: parseAddress('10.0.0.3')!, ipv6: parseAddress('fd00::3')! },
    key(2),
    undefined,
  );
  const half = peer(2, { allowedIPs: prefixes('10.0.0.3/32') });
  const whole = peer(2, { allowedIPs: prefixes('fd00::3/128', '10.0.0.3/32', '10.9.0.0/16') });
  assert.equal(isMissing(device([]), dual), true);
  assert.equal(isMissing(device([peer(1, ours)]), dual), true);
  assert.equal(isMissing(device([half]), dual), true);
  assert.equal(isMissing(device([whole]), dual), false);
  assert.equal(isMissing(device([peer(1, ours)]), wanted), false);
});

const NOW = 1_800_000_000_000;
const network = { keepalive: 25, allowedIPs: prefixes('0.0.0.0/0') };
const at = (host: string) => ({ publicKey: key(7), endpoint: socket(host) });

/** The change for a container whose peer was last heard `age` ms ago at `now`'s address. */
function tunnel(present: WgPeer, host: string, changed: boolean) {
  return planTunnel(
    { device: device([present]), peer: at(host), changed, sessionLost: false, now: NOW },
    network,
    undefined,
  );
}

const alive = { endpoint: socket('192.0.2.1'), lastHandshake: NOW - 10_000 };
const stale = { endpoint: socket('192.0.2.1'), lastHandshake: NOW - STALE_HANDSHAKE_MS - 1 };

for (const [name, present, host, changed, moves] of [
  ['its peer is where it should be', alive, '192.0.2.1', false, false],
  ['its peer is where it should be, though silent', stale, '192.0.2.1', true, false],
  ['its peer roamed and answers', alive, '192.0.2.9', false, false],
  ['the name has a new address', alive, '192.0.2.9', true, true],
  ['the handshake is stale and the name says otherwise', stale, '192.0.2.9', false, true],
  ['there never was a handshake', { ...stale, lastHandshake: 0 }, '192.0.2.9', false, true],
  [
    'the handshake is of 135 s ago exactly',
    { ...stale, lastHandshake: NOW - STALE_HANDSHAKE_MS },
    '192.0.2.9',
    false,
    false,
  ],
  ['its peer has no endpoint', { lastHandshake: 0 }, '192.0.2.1', false, true],
] as const) {
  test(`a tunnel is ${moves ? 'moved' : 'left alone'} where ${name}`, () => {
    const change = tunnel(peer(7, present), host, changed);
    const peers = [{ publicKey: key(7), updateOnly: true, endpoint: socket(host) }];
    assert.deepEqual(change, moves ? { peers } : undefined);
  });
}

test('a tunnel whose peer has another key gets the new one instead', () => {
  const change = planTunnel(
    { device: device([peer(6, alive)]), peer: at('192.0.2.1'), changed: false, sessionLost: false, now: NOW },
    network,
    secret(5),
  );
  assert.equal(change?.replacePeers, true);
  assert.deepEqual(change?.peers, [
    {
      ...at('192.0.2.1'),
      presharedKey: secret(5),
      keepalive: 25,
      replaceAllowedIPs: true,
      allowedIPs: network.allowedIPs,
    },
  ]);
});

test('a tunnel whose other end was made anew gets its peer anew, so that it shakes hands at once', () => {
  const view = {
    device: device([peer(7, alive)]),
    peer: at('192.0.2.1'),
    changed: false,
    sessionLost: true,
    now: NOW,
  };
  assert.equal(planTunnel(view, network, undefined)?.replacePeers, true);
});

// The peer that a network's containers connect to: the host's interface, or a peer elsewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { parseAddress } from '../../../../src/base/ip.js';
import type { HostPort } from '../../../../src/driver/spec/host-port.js';
import type { Mode } from '../../../../src/driver/spec/model.js';
import { findRemotePeer, planHostPeer } from '../../../../src/driver/tunnel/remote-peer.js';
import type { SocketAddress, WgDevice, WgPeer } from '../../../../src/netlink/wireguard/device.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';

const key = (n: number): Key => new Key(Buffer.alloc(32, n));
const socket = (host: string, port = 51820): SocketAddress => ({ address: parseAddress(host)!, port });

function device(peers: WgPeer[], more: Partial<WgDevice> = {}): WgDevice {
  return { index: 2, name: 'wg0', publicKey: key(99), listenPort: 51820, fwmark: 0, peers, ...more };
}

test("the host's interface is reached on loopback, at the port it listens on", () => {
  assert.deepEqual(planHostPeer(device([]), undefined), {
    publicKey: key(99),
    endpoint: socket('127.0.0.1'),
  });
});

test("the host's interface is reached where dwgd.endpoint says, even if it listens nowhere yet", () => {
  const endpoint = socket('192.0.2.1', 1);
  assert.deepEqual(planHostPeer(device([], { listenPort: 0 }), endpoint).endpoint, endpoint);
});

test('an interface without a key, or that listens nowhere, is refused', () => {
  const { publicKey: _, ...keyless } = device([]);
  const noKey = new UserError(
    'the WireGuard interface wg0 has no private key: set one (wg set wg0 private-key …)',
    { code: 'EAGAIN' },
  );
  assert.throws(() => planHostPeer(keyless, undefined), noKey);
  assert.throws(() => planHostPeer(device([], { publicKey: key(0) }), undefined), noKey);
  assert.throws(
    () => planHostPeer(device([], { listenPort: 0 }), undefined),
    new UserError('the WireGuard interface wg0 listens on no port: bring it up (wg-quick up wg0)', {
      code: 'EAGAIN',
    }),
  );
});

const named: HostPort = { host: 'vpn.example', port: 7 };

for (const [what, mode, found] of [
  ['of pubkey mode', { kind: 'pubkey', publicKey: key(1), endpoint: named }, [key(1), '192.0.2.9', 7]],
  ['of ifname mode', { kind: 'ifname', ifname: 'wg0' }, [key(99), '127.0.0.1', 51820]],
  [
    'of ifname mode with a name',
    { kind: 'ifname', ifname: 'wg0', endpoint: named },
    [key(99), '192.0.2.9', 7],
  ],
] as const satisfies readonly (readonly [string, Mode, readonly [Key, string, number]])[]) {
  test(`the peer ${what} is found, its name resolved on behalf of the owner`, async () => {
    const asked: unknown[] = [];
    const resolver = {
      resolve: async (endpoint: HostPort, owner: number): Promise<SocketAddress> => {
        asked.push([endpoint, owner]);
        return socket('192.0.2.9', endpoint.port);
      },
    };
    const [publicKey, address, port] = found;
    const host = mode.kind === 'ifname' ? device([]) : undefined;
    assert.deepEqual(await findRemotePeer({ mode, owner: 1001 }, host, resolver), {
      publicKey,
      endpoint: socket(address, port),
    });
    assert.deepEqual(asked, 'endpoint' in mode ? [[named, 1001]] : []);
  });
}

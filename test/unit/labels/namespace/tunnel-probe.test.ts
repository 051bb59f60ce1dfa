// What a gateway's namespace says of its tunnels of ours: links and devices of a kernel that is not there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TooManyError } from '../../../../src/base/errors.js';
import { LINK_GROUP } from '../../../../src/base/ownership.js';
import { probeTunnels } from '../../../../src/labels/namespace/gateway-probe.js';
import { NETLINK_ROUTE } from '../../../../src/netlink/message.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const MINUTE = 60_000;

/** A tunnel of ours that shook hands so long ago. */
function tunnel(kernel: FakeKernel, name: string, age: number, { up = true, group = LINK_GROUP } = {}): void {
  kernel.addDevice(name, { peers: [{ publicKey: new Key(Buffer.alloc(32, 1)), keepalive: 25 }] });
  kernel.links.set(name, { ...kernel.links.get(name)!, up, group });
  const device = kernel.devices.get(name)!;
  const peers = device.peers.map(peer => ({ ...peer, lastHandshake: Date.now() - age }));
  kernel.devices.set(name, { ...device, peers });
}

function probe(kernel: FakeKernel) {
  const limits: unknown[] = [];
  const standing = probeTunnels((protocol, options) => {
    limits.push(options?.limits);
    return protocol === NETLINK_ROUTE ? kernel.route() : kernel.generic();
  });
  assert.equal(kernel.open, 0, 'no socket is left open');
  assert.ok(
    limits.every(limit => limit !== undefined),
    'what is read is bounded',
  );
  return standing;
}

for (const [what, make, expected] of [
  ['that shook hands a minute ago is up', kernel => tunnel(kernel, 'wg0', MINUTE), 'answers'],
  ['that shook hands four minutes ago is down', kernel => tunnel(kernel, 'wg0', 4 * MINUTE), 'silent'],
  ['whose link is down is down', kernel => tunnel(kernel, 'wg0', MINUTE, { up: false }), 'silent'],
  ['whose link is gone is down', () => undefined, 'silent'],
  [
    'that is gone is down, though the container has a tunnel of its own',
    kernel => tunnel(kernel, 'wg9', MINUTE, { group: 0 }),
    'silent',
  ],
  [
    'that is down stands beside one that is up: the gateway serves',
    kernel => {
      tunnel(kernel, 'wg0', 4 * MINUTE);
      tunnel(kernel, 'wg1', MINUTE);
    },
    'answers',
  ],
] as const satisfies readonly (readonly [string, (kernel: FakeKernel) => void, string])[]) {
  test(`a tunnel of ours ${what}`, () => {
    const kernel = new FakeKernel();
    make(kernel);
    assert.equal(probe(kernel), expected);
  });
}

test('of more links or peers than are read nothing is said, and no socket is left open', () => {
  for (const what of ['links', 'WireGuard device']) {
    const kernel = new FakeKernel();
    tunnel(kernel, 'wg0', 4 * MINUTE);
    kernel.before = asked => {
      if (asked.includes(what)) throw new TooManyError('there are more');
    };
    assert.throws(() => probe(kernel), TooManyError);
    assert.equal(kernel.open, 0);
  }
});

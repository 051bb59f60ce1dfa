// What a gateway's namespace says of its tunnels of ours: links and devices of a kernel that is not there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TooManyError } from '../../../../src/base/errors.js';
import { LINK_GROUP } from '../../../../src/base/ownership.js';
import { probeTunnels } from '../../../../src/labels/namespace/gateway-probe.js';
import { NETLINK_ROUTE } from '../../../../src/netlink/message.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';
import { WallClock } from '../../../../src/netlink/wireguard/wall-clock.js';
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

function probe(kernel: FakeKernel, clock: Pick<WallClock, 'read'> = new WallClock()) {
  const limits: unknown[] = [];
  const standing = probeTunnels((protocol, options) => {
    limits.push(options?.limits);
    return protocol === NETLINK_ROUTE ? kernel.route() : kernel.generic();
  }, clock);
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

for (const [what, hour] of [
  ['ahead', 60 * MINUTE],
  ['back', -60 * MINUTE],
] as const)
  test(`the clock set an hour ${what} makes no gateway silent, and one whose tunnel is down is by and by`, () => {
    const kernel = new FakeKernel();
    tunnel(kernel, 'wg0', MINUTE);
    let [by, passed] = [0, 0];
    const began = Date.now();
    const clock = new WallClock(
      () => began + passed + by,
      () => passed,
    );
    assert.equal(probe(kernel, clock), 'answers');
    passed += MINUTE;
    by = hour;
    assert.notEqual(probe(kernel, clock), 'silent');
    passed += 5 * MINUTE;
    assert.notEqual(probe(kernel, clock), 'silent');
    passed += MINUTE;
    assert.equal(probe(kernel, clock), 'silent', 'one that lives would have shaken hands by now');
  });

test('the clock set an hour back is noticed as well, and a clock that is slewed is not', () => {
  let [wall, steady] = [1_800_000_000_000, 0];
  const clock = new WallClock(
    () => wall,
    () => steady,
  );
  const step = (ms: number, drift = 0): number => {
    wall += ms + drift;
    steady += ms;
    return clock.read().sinceSet;
  };
  assert.equal(step(0), Number.POSITIVE_INFINITY);
  assert.equal(step(750, 0.4), Number.POSITIVE_INFINITY);
  assert.equal(step(750, -60 * MINUTE), 0);
  assert.equal(step(750), 750);
});

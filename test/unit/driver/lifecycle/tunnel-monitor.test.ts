// Tunnels kept true while nobody calls: interfaces of the host that went and came back, or changed their key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import { WgCtrl } from '../../../../src/netlink/wireguard/client.js';
import { Key, publicKey, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

/** A world with containers 10.0.0.2, 10.0.0.3, …, whose links Docker has moved inside, and its monitor. */
async function upkept(
  containers: number,
): Promise<{ world: World; monitor: TunnelMonitor; look: () => Promise<void> }> {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  for (let n = 0; n < containers; n++) {
    const EndpointID = `e${n}`;
    await world.driver.createEndpoint(endpointRequest(EndpointID, `10.0.0.${n + 2}/24`), 0);
    await world.driver.join({ NetworkID: 'n1', EndpointID, SandboxKey: `/netns/${n}` }, 0);
    const inside = new FakeKernel();
    world.namespaces.containers.set(`/netns/${n}`, inside);
    world.kernel.moveLink(`wg-e${n}`, inside, 'wg0');
  }
  const monitor = new TunnelMonitor(world);
  const look = async (): Promise<void> => {
    monitor.trigger();
    await monitor.idle();
  };
  return { world, monitor, look };
}

const shown = (world: World): string[] =>
  world.hostPeers.map(peer => peer.allowedIPs.map(formatPrefix).join()).sort();

/** `wg-quick down wg0; wg-quick up wg0`. */
function bounce(world: World, privateKey = HOST_KEY, listenPort = 51820): void {
  world.kernel.removeLink('wg0');
  world.kernel.addDevice('wg0', { privateKey, listenPort });
}

test('an interface that went and came back gets every container back, once', async () => {
  const { world, look } = await upkept(3);
  await look();
  bounce(world);
  await look();
  assert.deepEqual(shown(world), ['10.0.0.2/32', '10.0.0.3/32', '10.0.0.4/32']);
  const { length } = world.kernel.requests;
  await look();
  assert.deepEqual(world.kernel.requests.slice(length), ['reading WireGuard device wg0']);
});

test('while the interface is away nothing is done, and nothing is logged', async () => {
  const { world, look } = await upkept(1);
  await look();
  world.kernel.removeLink('wg0');
  const { length } = world.lines;
  await look();
  assert.equal(world.lines.length, length);
});

test('a container that left does not come back', async () => {
  const { world, look } = await upkept(2);
  await look();
  await world.driver.leave({ NetworkID: 'n1', EndpointID: 'e0' }, 0);
  bounce(world);
  await look();
  assert.deepEqual(shown(world), ['10.0.0.3/32']);
});

test('a container that leaves while a pass is under way does not come back', async () => {
  const { world, look } = await upkept(2);
  await look();
  bounce(world);
  let leaving: Promise<void> | undefined;
  world.kernel.refuse = what => {
    if (what === 'reading WireGuard device wg0')
      leaving ??= world.driver.leave({ NetworkID: 'n1', EndpointID: 'e0' }, 0);
    return undefined;
  };
  await look();
  await leaving;
  assert.deepEqual(shown(world), ['10.0.0.3/32']);
});

test('an address that somebody took is theirs, and the other containers come back all the same', async () => {
  const { world, look } = await upkept(3);
  await look();
  bounce(world);
  const thief = { publicKey: new Key(Buffer.alloc(32, 1)), allowedIPs: [parsePrefix('10.0.0.2/32')!] };
  await world.wg.configure('wg0', { peers: [thief] });
  await look();
  assert.deepEqual(shown(world), ['10.0.0.2/32', '10.0.0.3/32', '10.0.0.4/32']);
  assert.equal(
    world.hostPeers.some(peer => peer.publicKey.equals(thief.publicKey)),
    true,
  );
  assert.equal(world.lines.filter(line => line.includes('10.0.0.2/32 belongs to the peer')).length, 1);
});

test('containers follow the key and the port of the interface', async () => {
  const { world, look } = await upkept(2);
  await look();
  const other = new SecretKey(Buffer.alloc(32, 0x44));
  bounce(world, other, 51999);
  await look();
  for (const inside of world.namespaces.containers.values()) {
    const { peers } = inside.devices.get('wg0')!;
    assert.equal(peers.length, 1);
    assert.equal(peers[0]!.publicKey.equals(publicKey(other)), true);
    assert.deepEqual(peers[0]!.endpoint, { address: parseAddress('127.0.0.1'), port: 51999 });
  }
});

test('what changed while the daemon was away is found in the first pass', async () => {
  const { world } = await upkept(1);
  bounce(world, HOST_KEY, 52000);
  const monitor = new TunnelMonitor(world);
  monitor.trigger();
  await monitor.idle();
  assert.deepEqual(shown(world), ['10.0.0.2/32']);
  const [inside] = world.namespaces.containers.values();
  assert.equal(inside!.devices.get('wg0')!.peers[0]!.endpoint?.port, 52000);
});

test('another link in the container, and a container that is gone, do not disturb', async () => {
  const { world, look } = await upkept(2);
  const [first] = world.namespaces.containers.values();
  first!.addLink({ name: 'eth0', kind: 'veth', mtu: 1500, group: 0, up: true });
  first!.addDevice('wg1', { privateKey: new SecretKey(Buffer.alloc(32, 5)) });
  world.namespaces.containers.delete('/netns/1');
  bounce(world, HOST_KEY, 52001);
  await look();
  assert.equal(first!.devices.get('wg0')!.peers[0]!.endpoint?.port, 52001);
  assert.equal(first!.devices.get('wg1')!.peers.length, 0);
});

test('looking leaves no socket open', async () => {
  const { world, look } = await upkept(2);
  await look();
  bounce(world, HOST_KEY, 52002);
  await look();
  for (const inside of world.namespaces.containers.values()) assert.equal(inside.open, 0);
});

test('passes asked for during a pass are folded into one', async () => {
  const { world, monitor } = await upkept(1);
  const { length } = world.kernel.requests;
  for (let n = 0; n < 50; n++) monitor.trigger();
  await monitor.idle();
  const reads = world.kernel.requests.slice(length).filter(what => what === 'reading WireGuard device wg0');
  assert.ok(reads.length <= 3, `${reads.length} looks`);
});

test('a link that networks use is observed when it changes, another is not', async () => {
  const { world, monitor } = await upkept(1);
  const { length } = world.kernel.requests;
  monitor.linkChanged('eth0');
  await sleep(20);
  assert.equal(world.kernel.requests.length, length);
  bounce(world);
  monitor.linkChanged('wg0');
  await sleep(20);
  await monitor.idle();
  assert.deepEqual(shown(world), ['10.0.0.2/32']);
  monitor.close();
});

test('a refusal of the kernel is reported, and the next pass tries again', async () => {
  const { world, look } = await upkept(1);
  await look();
  bounce(world);
  world.kernel.refuse = what => (what === 'configuring WireGuard device wg0' ? 12 : undefined);
  await look();
  assert.match(world.lines.at(-1)!, /warning configuring WireGuard device wg0: ENOMEM/);
  world.kernel.refuse = () => undefined;
  await look();
  assert.deepEqual(shown(world), ['10.0.0.2/32']);
});

test('a database that fails is reported, and does not end the daemon', async () => {
  const { world, look } = await upkept(1);
  world.store.close();
  await look();
  await look();
  assert.equal(world.lines.filter(line => line.includes('error cannot check the tunnels: ')).length, 2);
});

const missing = (world: World): string[] =>
  world.lines.filter(line => line.includes('its link is not in its container'));

test('a link that is not in its container is logged, once', async () => {
  const { world, look } = await upkept(2);
  const [first] = world.namespaces.containers.values();
  first!.removeLink('wg0');
  await look();
  await look();
  assert.equal(missing(world).length, 1);
  assert.match(missing(world)[0]!, /warning .* endpoint=e0\n$/);
});

test("somebody else's link in the place of a container's is logged, and is left as it is", async () => {
  const { world, look } = await upkept(1);
  await look();
  const [inside] = world.namespaces.containers.values();
  inside!.removeLink('wg0');
  inside!.addDevice('wg0', { privateKey: new SecretKey(Buffer.alloc(32, 5)) });
  const stranger = inside!.devices.get('wg0');
  bounce(world, HOST_KEY, 52003);
  await look();
  assert.equal(missing(world).length, 1);
  assert.equal(inside!.devices.get('wg0'), stranger);
});

/** What is asked of a container at the next check, and what it has more: WireGuard links without number. */
async function crowded(): Promise<{ world: World; inside: FakeKernel; ask: () => Promise<string[]> }> {
  const { world, look } = await upkept(1);
  const [inside] = world.namespaces.containers.values();
  for (let n = 0; n < 2000; n++)
    inside!.addDevice(`x${n}`, { privateKey: new SecretKey(Buffer.alloc(32, 5)) });
  const ask = async (): Promise<string[]> => {
    const { length } = inside!.requests;
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 52_000 + length });
    await look();
    return inside!.requests.slice(length);
  };
  return { world, inside: inside!, ask };
}

test('beside thousands of other links of its container a link is found by its name, and none of these is read', async () => {
  const { world, ask } = await crowded();
  const asked = await ask();
  assert.deepEqual(
    asked.filter(request => / x\d|listing/.test(request)),
    [],
  );
  assert.ok(asked.includes('configuring WireGuard device wg0'), asked.join());
  assert.deepEqual(missing(world), []);
});

test('a link that is not among thousands of its container is said, and few of these are read', async () => {
  const { world, inside, ask } = await crowded();
  inside.removeLink('wg0');
  const asked = await ask();
  assert.equal(missing(world).length, 1);
  assert.ok(asked.length < 100, `${asked.length} requests`);
});

test('a link that its container has renamed is found, and then known by that name', async () => {
  const { world, look } = await upkept(1);
  const [inside] = world.namespaces.containers.values();
  inside!.moveLink('wg0', inside!, 'mine');
  for (const expected of [1, 0]) {
    const { length } = inside!.requests;
    bounce(world, HOST_KEY, 52_000 + expected);
    await look();
    const asked = inside!.requests.slice(length);
    assert.equal(asked.filter(request => request === 'listing links').length, expected);
    assert.ok(asked.includes('configuring WireGuard device mine'), asked.join());
  }
});

test('a link that Docker has not moved yet is not missing, and is looked for again', async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('e0', '10.0.0.2/24'), 0);
  await world.driver.join({ NetworkID: 'n1', EndpointID: 'e0', SandboxKey: '/netns/0' }, 0);
  const inside = new FakeKernel();
  world.namespaces.containers.set('/netns/0', inside);
  const monitor = new TunnelMonitor(world);
  const look = async (): Promise<void> => {
    monitor.trigger();
    await monitor.idle();
  };
  await look();
  assert.equal(missing(world).length, 0);
  world.kernel.removeLink('wg-e0');
  await look();
  assert.equal(missing(world).length, 1);
});

test('a container that leaves while it is observed is not reported to miss its link', async () => {
  const { world, look } = await upkept(1);
  const [inside] = world.namespaces.containers.values();
  inside!.removeLink('wg0');
  let left: Promise<void> | undefined;
  // The end of Docker's call comes while the look goes on.
  inside!.before = () => {
    left ??= world.driver.leave({ NetworkID: 'n1', EndpointID: 'e0' }, 0);
  };
  await look();
  await left;
  assert.equal(missing(world).length, 0);
});

test('a tunnel that got another peer is logged, once, and gets its own again', async () => {
  const { world, look } = await upkept(1);
  await look();
  const [inside] = world.namespaces.containers.values();
  const other = { publicKey: new Key(Buffer.alloc(32, 6)), allowedIPs: [parsePrefix('0.0.0.0/0')!] };
  for (let n = 0; n < 2; n++) {
    await new WgCtrl(inside!.generic()).configure('wg0', { replacePeers: true, peers: [other] });
    bounce(world);
    await look();
  }
  assert.equal(
    world.lines.filter(line => line.includes("its link's peer is not that of its network")).length,
    1,
  );
  assert.equal(inside!.devices.get('wg0')!.peers[0]!.publicKey.equals(publicKey(HOST_KEY)), true);
});

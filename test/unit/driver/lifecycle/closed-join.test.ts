// Containers that join before the host's interface is there, up or keyed: closed until it is, and completed then.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPrefix, parsePrefix } from '../../../../src/base/ip.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import type { WgPeerConfig } from '../../../../src/netlink/wireguard/device.js';
import { Key, publicKey, type SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const USER = 1000;

class Early {
  readonly world = new World();
  readonly monitor = new TunnelMonitor(this.world);
  readonly inside = new FakeKernel();

  /** A network, and then no interface any more; `owner`: whose it is. */
  static async network(owner = 0): Promise<Early> {
    const early = new Early();
    const { world } = early;
    world.rootlessIfnames.add('wg0');
    world.namespaces.users.set(USER, new FakeKernel());
    await world.driver.createNetwork(networkRequest({}, { NetworkID: `n${owner}` }), owner);
    world.kernel.removeLink('wg0');
    return early;
  }

  async join(EndpointID: string, address: string, owner = 0): Promise<void> {
    const NetworkID = `n${owner}`;
    await this.world.driver.createEndpoint(endpointRequest(EndpointID, `${address}/24`, NetworkID), owner);
    await this.world.driver.join({ NetworkID, EndpointID, SandboxKey: `/netns/${EndpointID}` }, owner);
  }

  /** Docker moves the link of an endpoint of root's. */
  move(EndpointID: string): void {
    this.world.namespaces.containers.set(`/netns/${EndpointID}`, this.inside);
    this.world.kernel.moveLink(`wg-${EndpointID}`, this.inside, 'wg0');
  }

  come(peers: readonly WgPeerConfig[] = [], privateKey: SecretKey | undefined = HOST_KEY): void {
    this.world.kernel.addDevice('wg0', { ...(privateKey && { privateKey }), listenPort: 51820, peers });
  }

  async look(): Promise<void> {
    this.monitor.trigger();
    await this.monitor.idle();
  }

  get hostPeers(): string[] {
    return this.world.hostPeers.map(peer => peer.allowedIPs.map(formatPrefix).join());
  }

  /** The keys of the peers of the link in the container. */
  get own(): string[] {
    return this.inside.devices.get('wg0')!.peers.map(peer => `${peer.publicKey}`);
  }

  keyOf(id: string): Key {
    return this.world.store.endpoint(id)!.publicKey!;
  }
}

test('without the interface a container joins, and its link has no peer to send anything to', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  assert.deepEqual(early.world.kernel.devices.get('wg-e1')!.peers, []);
  assert.equal(early.world.kernel.links.get('wg-e1')!.mtu, 1420);
  assert.equal(early.world.store.endpoint('e1')!.pending, true);
  assert.match(
    early.world.lines.at(-1)!,
    /warning the tunnel of a container is closed: there is no interface wg0 .*e1\n$/,
  );
});

test('a network is still refused whose interface is not there', async () => {
  const early = await Early.network();
  await assert.rejects(
    early.world.driver.createNetwork(networkRequest({}, { NetworkID: 'n9' }), 0),
    /there is no interface wg0 on this host/,
  );
});

test('when it comes, both ends get their peers, and nothing is waited for any more', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  await early.look();
  assert.deepEqual(early.own, []);
  early.come();
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  assert.deepEqual(early.own, [`${publicKey(HOST_KEY)}`]);
  assert.equal(early.world.store.endpoint('e1')!.pending, undefined);
  assert.equal(early.world.store.hasPending(), false);
  await early.world.driver.leave({ NetworkID: 'n0', EndpointID: 'e1' }, 0);
  assert.deepEqual(early.hostPeers, []);
});

test('where Docker has not moved the link yet, it is completed after the move', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.come();
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  // Longer than it is looked for by itself.
  await sleep(1_600);
  early.move('e1');
  early.monitor.linkLeft('wg-e1');
  await sleep(30);
  await early.monitor.idle();
  assert.deepEqual(early.own, [`${publicKey(HOST_KEY)}`]);
  assert.ok(!early.world.lines.some(line => line.includes('restoring it')));
  early.monitor.close();
});

test('without a key it is not ready, and a key that comes later completes it', async () => {
  const early = await Early.network();
  early.world.kernel.addDevice('wg0', { listenPort: 51820 });
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  await early.look();
  assert.deepEqual(early.hostPeers, []);
  assert.deepEqual(early.own, []);
  early.world.wg.configure('wg0', { privateKey: HOST_KEY });
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  assert.deepEqual(early.own, [`${publicKey(HOST_KEY)}`]);
});

const unready = (early: Early): number =>
  early.world.lines.filter(line => / warning the WireGuard interface wg0 .* network=n0/.test(line)).length;

test('an interface that is just being made is no warning, one that stays without a key is', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.world.kernel.addDevice('wg0', { listenPort: 51820 });
  early.monitor.linkChanged('wg0');
  await sleep(700);
  assert.equal(unready(early), 0);
  await sleep(1_000);
  assert.equal(unready(early), 1);
  early.monitor.close();
});

test('another daemon completes what one left that ended meanwhile', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  early.come();
  const next = new TunnelMonitor(early.world);
  next.trigger();
  await next.idle();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  assert.deepEqual(early.own, [`${publicKey(HOST_KEY)}`]);
});

test('an address that a configured peer has stays its, the tunnel stays closed, and that is said once', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  const peer = { publicKey: new Key(Buffer.alloc(32, 1)), allowedIPs: [parsePrefix('10.0.0.2/32')!] };
  early.come([peer]);
  await early.look();
  await early.look();
  assert.deepEqual(early.own, []);
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  assert.equal(early.world.lines.filter(line => line.includes('belongs to the peer')).length, 1);
  await early.world.driver.leave({ NetworkID: 'n0', EndpointID: 'e1' }, 0);
  assert.equal(early.world.hostPeers[0]!.publicKey.equals(peer.publicKey), true);
});

test("a peer of its key that the interface comes with is given back on Leave, to root's", async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  const allowedIPs = [parsePrefix('10.0.7.0/24')!];
  early.come([{ publicKey: early.keyOf('e1'), keepalive: 7, allowedIPs }]);
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.7.0/24,10.0.0.2/32']);
  await early.world.driver.leave({ NetworkID: 'n0', EndpointID: 'e1' }, 0);
  assert.deepEqual(early.hostPeers, ['10.0.7.0/24']);
  assert.equal(early.world.hostPeers[0]!.keepalive, 7);
});

test("a user's container takes over no peer that the interface comes with, and takes none away", async () => {
  const early = await Early.network(USER);
  await early.join('u1', '10.0.0.2', USER);
  const { ifname } = early.world.store.endpoint('u1')!;
  // Even one that is just like a container's.
  const own = { publicKey: early.keyOf('u1'), keepalive: 25, allowedIPs: [parsePrefix('10.0.0.2/32')!] };
  early.come([own]);
  await early.look();
  assert.equal(early.world.store.endpoint('u1')!.pending, true);
  assert.deepEqual(early.world.namespaces.users.get(USER)!.devices.get(ifname)!.peers, []);
  await early.world.driver.leave({ NetworkID: `n${USER}`, EndpointID: 'u1' }, USER);
  await early.world.driver.deleteEndpoint({ NetworkID: `n${USER}`, EndpointID: 'u1' }, USER);
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
});

test("a user's container becomes a peer when nobody has changed the interface for three seconds, and root's at once", async () => {
  const early = await Early.network(USER);
  await early.join('u1', '10.0.0.2', USER);
  let now = 0;
  const monitor = new TunnelMonitor(Object.assign(early.world, { now: () => now }));
  const lookAt = async (ms: number): Promise<readonly string[]> => {
    now = ms;
    monitor.trigger();
    await monitor.idle();
    return early.hostPeers;
  };
  early.come();
  assert.deepEqual(await lookAt(0), []);
  assert.deepEqual(await lookAt(2_999), []);
  // What wg-quick(8) brings, and PostUp behind it: the address is in another peer's network.
  const other = { publicKey: publicKey(HOST_KEY), allowedIPs: [parsePrefix('10.0.0.0/24')!] };
  early.world.kernel.removeLink('wg0');
  early.come([other]);
  assert.deepEqual(await lookAt(3_000), ['10.0.0.0/24']);
  assert.deepEqual(await lookAt(6_000), ['10.0.0.0/24']);
  early.world.kernel.removeLink('wg0');
  early.come();
  assert.deepEqual(await lookAt(33_000), []);
  // It was refused at six seconds.
  assert.deepEqual(await lookAt(35_999), []);
  assert.deepEqual(await lookAt(36_000), ['10.0.0.2/32']);
});

test('an address that a waiting container of root has is not taken by a user, and one that a user waits for is by root', async () => {
  const early = await Early.network(USER);
  early.come();
  await early.world.driver.createNetwork(networkRequest({ 'dwgd.seed': 'other' }, { NetworkID: 'n0' }), 0);
  early.world.kernel.removeLink('wg0');
  await early.join('u1', '10.0.0.2', USER);
  await early.join('e1', '10.0.0.2');
  early.come();
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
  assert.deepEqual(
    [early.world.store.endpoint('e1')!.pending, early.world.store.endpoint('u1')!.pending],
    [undefined, true],
  );
});

test('an address that a waiting container of another owner has is refused while the interface is away', async () => {
  const early = await Early.network(USER);
  early.come();
  await early.world.driver.createNetwork(networkRequest({ 'dwgd.seed': 'other' }, { NetworkID: 'n0' }), 0);
  early.world.kernel.removeLink('wg0');
  await early.join('e1', '10.0.0.2');
  await assert.rejects(early.join('u1', '10.0.0.2', USER), /10\.0\.0\.2\/32 is taken on wg0 already/);
  assert.equal(early.world.store.endpoint('u1')!.state, 'created');
  early.come();
  await early.look();
  assert.deepEqual(early.hostPeers, ['10.0.0.2/32']);
});

test('who leaves before the interface comes is never its peer', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  early.move('e1');
  await early.world.driver.leave({ NetworkID: 'n0', EndpointID: 'e1' }, 0);
  early.come();
  await early.look();
  assert.deepEqual(early.hostPeers, []);
});

test('a repeated Join gets the same answer, and its container still waits', async () => {
  const early = await Early.network();
  await early.join('e1', '10.0.0.2');
  await early.world.driver.join({ NetworkID: 'n0', EndpointID: 'e1', SandboxKey: '/netns/e1' }, 0);
  assert.equal(early.world.store.endpoint('e1')!.pending, true);
});

test('an interface of another kind is refused as ever', async () => {
  const early = await Early.network();
  early.world.kernel.addLink({ name: 'wg0', kind: 'dummy', mtu: 1500, group: 0, up: true });
  await assert.rejects(early.join('e1', '10.0.0.2'), /wg0 is not a WireGuard interface/);
});

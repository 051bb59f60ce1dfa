// What nobody tells of: a host's interface that `wg set` or `wg syncconf` has changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../../../../src/base/ip.js';
import { InterfaceLooks } from '../../../../src/driver/lifecycle/interface-looks.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import { publicKey, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, networkRequest, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

interface Looked {
  readonly world: World;
  readonly inside: FakeKernel;
  readonly changes: string[];
  /** One round, and what the monitor makes of it. */
  readonly look: () => Promise<void>;
}

async function looked(): Promise<Looked> {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  await world.driver.join({ NetworkID: 'n1', EndpointID: 'e1', SandboxKey: '/netns/1' }, 0);
  const inside = new FakeKernel();
  world.namespaces.containers.set('/netns/1', inside);
  world.kernel.moveLink('wg-e1', inside, 'wg0');
  const monitor = new TunnelMonitor(world);
  const changes: string[] = [];
  const { store, wg, log } = world;
  const changed = (ifname: string): void => {
    changes.push(ifname);
    monitor.triggerAt(ifname);
  };
  const looks = new InterfaceLooks({ store, wg, log, changed });
  const look = async (): Promise<void> => {
    looks.look();
    await monitor.idle();
  };
  // The first round finds all of them new.
  await look();
  changes.length = 0;
  return { world, inside, changes, look };
}

test('what stays as it was is not checked again', async () => {
  const { world, changes, look } = await looked();
  const { length } = world.kernel.requests;
  await look();
  await look();
  assert.deepEqual(changes, []);
  assert.equal(world.kernel.requests.length, length + 2);
});

test('wg set wg0 listen-port …: the next look carries it into the container', async () => {
  const { world, inside, look } = await looked();
  world.wg.configure('wg0', { listenPort: 51999 });
  await look();
  assert.equal(inside.devices.get('wg0')!.peers[0]!.endpoint?.port, 51999);
});

test('wg set wg0 private-key …: likewise', async () => {
  const { world, inside, look } = await looked();
  const privateKey = new SecretKey(Buffer.alloc(32, 0x44));
  world.wg.configure('wg0', { privateKey });
  await look();
  const { peers } = inside.devices.get('wg0')!;
  assert.deepEqual(
    peers.map(peer => `${peer.publicKey}`),
    [`${publicKey(privateKey)}`],
  );
});

test('wg syncconf, which takes away what its file does not name: the container is a peer again', async () => {
  const { world, look } = await looked();
  world.wg.configure('wg0', { replacePeers: true, peers: [] });
  await look();
  assert.deepEqual(
    world.hostPeers.map(peer => peer.allowedIPs.map(formatPrefix).join()),
    ['10.0.0.2/32'],
  );
});

test('an interface that goes is one change, and so is its coming', async () => {
  const { world, changes, look } = await looked();
  world.kernel.removeLink('wg0');
  await look();
  await look();
  assert.deepEqual(changes, ['wg0']);
  world.kernel.addDevice('wg0', { privateKey: new SecretKey(Buffer.alloc(32, 9)), listenPort: 1 });
  await look();
  assert.deepEqual(changes, ['wg0', 'wg0']);
});

test('only networks of that interface are checked', async () => {
  const { world, look } = await looked();
  await world.driver.createNetwork(
    networkRequest({}, { NetworkID: 'n2', IPv4Data: [{ Pool: '10.0.2.0/24' }] }),
    0,
  );
  world.kernel.addDevice('wg9', { privateKey: new SecretKey(Buffer.alloc(32, 8)), listenPort: 2 });
  const other = networkRequest(
    { 'dwgd.ifname': 'wg9' },
    { NetworkID: 'n3', IPv4Data: [{ Pool: '10.0.3.0/24' }] },
  );
  await world.driver.createNetwork(other, 0);
  await world.driver.createEndpoint(endpointRequest('e3', '10.0.3.2/24', 'n3'), 0);
  await world.driver.join({ NetworkID: 'n3', EndpointID: 'e3', SandboxKey: '/netns/3' }, 0);
  await look();
  const { length } = world.kernel.requests;
  world.wg.configure('wg0', { listenPort: 51998 });
  await look();
  const asked = world.kernel.requests.slice(length).filter(what => what === 'reading WireGuard device wg9');
  assert.equal(asked.length, 1, 'the look alone');
});

test('where no container is, nothing is looked at', async () => {
  const { world, look } = await looked();
  await world.driver.leave({ NetworkID: 'n1', EndpointID: 'e1' }, 0);
  const { length } = world.kernel.requests;
  await look();
  assert.equal(world.kernel.requests.length, length);
});

test('a database that fails is one line in the log, and does not end the daemon', async () => {
  const { world, look } = await looked();
  world.store.close();
  await look();
  await look();
  assert.equal(world.lines.filter(line => line.includes('cannot look at the interfaces')).length, 1);
});

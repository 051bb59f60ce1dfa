// Endpoints that the database lost while their containers run: learnt again from Docker and the kernel, or refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import type { DockerNetwork } from '../../../../src/driver/lifecycle/docker-networks.js';
import { LostEndpoints } from '../../../../src/driver/lifecycle/lost-endpoints.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import { ContainerTunnels } from '../../../../src/driver/tunnel/container-tunnels.js';
import { derivePrivateKey, Key } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, networkRequest, SEED, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const USER = 1000;
const LEAVE = { NetworkID: 'n1', EndpointID: 'e1' };

const listing = (ipv4 = '10.0.0.2/24', container = 'c1'): DockerNetwork[] => [
  {
    id: 'n1',
    options: new Map(Object.entries({ 'dwgd.ifname': 'wg0', 'dwgd.seed': SEED })),
    ipv4: [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1' }],
    ipv6: [],
    endpoints: new Map([['e1', { id: container, ipv4 }]]),
  },
];

/** A container e1, 10.0.0.2, that runs, and of which the store knows no more. */
async function lost(owner = 0): Promise<{
  world: World;
  inside: FakeKernel;
  learn: (networks?: DockerNetwork[]) => Promise<void>;
}> {
  const world = new World();
  world.rootlessIfnames.add('wg0');
  const there = owner === 0 ? world.kernel : new FakeKernel();
  if (owner !== 0) world.namespaces.users.set(owner, there);
  await world.driver.createNetwork(networkRequest(), owner);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), owner);
  await world.driver.join({ ...LEAVE, SandboxKey: '/netns/1' }, owner);
  const inside = new FakeKernel();
  world.namespaces.containers.set('/netns/1', inside);
  there.moveLink(world.store.endpoint('e1')!.ifname, inside, 'wg0');
  world.store.deleteEndpoint('e1');
  const endpoints = new LostEndpoints({ ...world, tunnels: new ContainerTunnels(world) });
  await endpoints.learn({ sandboxKey: async () => undefined }, [], 0);
  const docker = { sandboxKey: async (id: string) => (id === 'c2' ? undefined : '/netns/1') };
  return { world, inside, learn: (networks = listing()) => endpoints.learn(docker, networks, owner) };
}

const allowed = (world: World): string[] =>
  world.hostPeers.map(({ allowedIPs }) => allowedIPs.map(formatPrefix).join());

test('a lost endpoint is as it was, and leaves nothing when it goes', async () => {
  const { world, learn } = await lost();
  await learn();
  const { state, sandboxKey, pending, ifname } = world.store.endpoint('e1')!;
  assert.deepEqual([state, sandboxKey, pending, ifname], ['joined', '/netns/1', undefined, 'wg-e1']);
  await world.driver.leave(LEAVE, 0);
  await world.driver.deleteEndpoint(LEAVE, 0);
  await world.reaper.idle();
  assert.deepEqual(world.hostPeers, []);
  assert.deepEqual(world.store.endpoints(), []);
});

test('one that is known is left as it is', async () => {
  const { world, learn } = await lost();
  await learn();
  world.store.putEndpoint({ ...world.store.endpoint('e1')!, state: 'left' });
  const { length } = world.lines;
  await learn();
  assert.equal(world.store.endpoint('e1')!.state, 'left');
  assert.equal(world.lines.length, length);
});

test('what its peer has beside a container stays when it goes', async () => {
  const { world, learn } = await lost();
  const [peer] = world.hostPeers;
  const more = { publicKey: peer!.publicKey, keepalive: 9, allowedIPs: [parsePrefix('10.0.7.0/24')!] };
  world.wg.configure('wg0', { peers: [more] });
  await learn();
  await world.driver.leave(LEAVE, 0);
  assert.deepEqual(allowed(world), ['10.0.7.0/24']);
});

test('a peer that is missing as well is made again', async () => {
  const { world, learn } = await lost();
  world.wg.configure('wg0', { replacePeers: true, peers: [] });
  await learn();
  const monitor = new TunnelMonitor(world);
  monitor.trigger();
  await monitor.idle();
  assert.deepEqual(allowed(world), ['10.0.0.2/32']);
});

for (const [what, networks] of [
  ['another address', listing('10.0.0.9/24')],
  ['an address outside the subnet', listing('10.9.0.2/24')],
  ['no address that can be read', listing('x')],
] as const) {
  test(`a container whose link is not that of what Docker says (${what}) is not taken over, and that is said`, async () => {
    const { world, learn } = await lost();
    await learn([...networks]);
    assert.deepEqual(world.store.endpoints(), []);
    assert.match(world.lines.at(-1)!, /warning a container runs that the database does not have/);
  });
}

test('a container that is being attached, or has no namespace, is left to Docker', async () => {
  const { world, learn } = await lost();
  const { length } = world.lines;
  await learn(listing('10.0.0.2/24', 'ep-e1'));
  await learn(listing('10.0.0.2/24', 'c2'));
  assert.deepEqual(world.store.endpoints(), []);
  assert.equal(world.lines.length, length);
});

test("a user's is learnt as root's is", async () => {
  const { world, learn } = await lost(USER);
  await learn();
  assert.equal(world.store.endpoint('e1')!.pending, undefined);
  await world.driver.leave(LEAVE, USER);
  assert.deepEqual(world.hostPeers, []);
});

test('a user gets no peer that has more than a container, and takes none away', async () => {
  const { world, learn } = await lost(USER);
  const [peer] = world.hostPeers;
  world.wg.configure('wg0', {
    peers: [{ publicKey: peer!.publicKey, allowedIPs: [parsePrefix('10.0.7.0/24')!] }],
  });
  await learn();
  assert.deepEqual(world.store.endpoints(), []);
  assert.deepEqual(allowed(world), ['10.0.0.2/32,10.0.7.0/24']);
});

test("a user claims no address of somebody else's peer", async () => {
  const { world, learn } = await lost(USER);
  const publicKey = new Key(Buffer.alloc(32, 1));
  world.wg.configure('wg0', {
    replacePeers: true,
    peers: [{ publicKey, allowedIPs: [parsePrefix('10.0.0.0/24')!] }],
  });
  await learn();
  assert.deepEqual(world.store.endpoints(), []);
});

test("a user's container that is no peer now is one only where no peer of its key has come", async () => {
  const { world, learn } = await lost(USER);
  const [{ publicKey, allowedIPs }] = world.hostPeers as [(typeof world.hostPeers)[0]];
  world.wg.configure('wg0', { replacePeers: true, peers: [] });
  await learn();
  assert.equal(world.store.endpoint('e1')!.pending, true);
  world.wg.configure('wg0', { peers: [{ publicKey, keepalive: 25, allowedIPs }] });
  const monitor = new TunnelMonitor(world);
  monitor.trigger();
  await monitor.idle();
  await world.driver.leave(LEAVE, USER);
  assert.deepEqual(allowed(world), ['10.0.0.2/32']);
});

/** Root's container e1 of a lost database, and a user's with a link of the same key, since that user knows root's seed. */
async function lostBoth(wait?: () => Promise<unknown>): Promise<{
  world: World;
  learn: (owner: number) => Promise<void>;
}> {
  const { world } = await lost();
  const box = new FakeKernel();
  world.namespaces.containers.set('/netns/2', box);
  world.namespaces.users.set(USER, new FakeKernel());
  box.addDevice('wg7', { privateKey: derivePrivateKey(Buffer.from(SEED), parseAddress('10.0.0.2')!) });
  await world.driver.createNetwork(networkRequest({}, { NetworkID: 'n2' }), USER);
  const endpoints = new LostEndpoints({ ...world, tunnels: new ContainerTunnels(world) }, wait);
  const [{ endpoints: _, ...own }] = listing() as [DockerNetwork];
  const theirs = [{ ...own, id: 'n2', endpoints: new Map([['e2', { id: 'c2', ipv4: '10.0.0.2/24' }]]) }];
  const docker = { sandboxKey: async (id: string) => (id === 'c2' ? '/netns/2' : '/netns/1') };
  return { world, learn: owner => endpoints.learn(docker, owner === 0 ? listing() : theirs, owner) };
}

test("a user who knows root's seed, and is asked first, gets no peer of root's, and takes none away", async () => {
  const { world, learn } = await lostBoth();
  const users = learn(USER);
  await learn(0);
  await users;
  assert.deepEqual(
    world.store.endpoints().map(({ id }) => id),
    ['e1'],
  );
  await world.driver.leave({ NetworkID: 'n2', EndpointID: 'e2' }, USER);
  assert.deepEqual(allowed(world), ['10.0.0.2/32']);
});

test("while root's Docker does not answer, a peer is no user's", async () => {
  const { world, learn } = await lostBoth(async () => undefined);
  await learn(USER);
  assert.deepEqual(world.store.endpoints(), []);
  assert.match(world.lines.at(-1)!, /its peer may be that of a container of root's/);
});

test("while one of root's cannot be taken over, a peer is no user's", async () => {
  const { world, learn } = await lostBoth(async () => undefined);
  world.namespaces.containers.delete('/netns/1');
  await learn(0);
  await learn(USER);
  assert.deepEqual(world.store.endpoints(), []);
  assert.match(world.lines.at(-1)!, /its peer may be that of a container of root's/);
});

test('an address that another endpoint has by now is not taken from it', async () => {
  const { world, learn } = await lost();
  world.store.putEndpoint({
    ...{ id: 'e2', networkId: 'n1', ipv4: parsePrefix('10.0.0.2/32')!.address },
    ...{ ifname: 'wg-e2', state: 'created' },
  });
  await learn();
  assert.equal(world.store.endpoint('e1'), undefined);
});

// Interfaces of the host that users other than root may join: those that the administrator names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { DockerClient, type DockerNetwork } from '../../../../src/driver/lifecycle/docker-networks.js';
import { Recovery } from '../../../../src/driver/lifecycle/recovery.js';
import { endpointRequest, networkRequest, SEED, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const USER = 1000;
const REFUSED = new UserError(
  'wg0 is not open to the Docker of user 1000 (dwgd.ifname): the administrator opens it by adding --rootless-ifname=wg0 to the command line of dwgd, or use dwgd.pubkey and dwgd.endpoint',
);
const PUBKEY = new Map([
  ['dwgd.pubkey', Buffer.alloc(32, 9).toString('base64')],
  ['dwgd.endpoint', '192.0.2.1:51820'],
  ['dwgd.seed', SEED],
]);

/** A user's Docker that lists one network, n1, in ifname mode. */
class OneNetwork extends DockerClient {
  constructor() {
    super({ socketPath: '/nowhere' });
  }
  override async networks(): Promise<DockerNetwork[]> {
    return [
      {
        id: 'n1',
        options: networkRequest().Options,
        ipv4: [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1' }],
        ipv6: [],
        endpoints: new Map(),
      },
    ];
  }
}

/** A world in which a user's network was made while wg0 was open to it. */
async function closedSince(): Promise<World> {
  const world = new World();
  world.namespaces.users.set(USER, new FakeKernel());
  world.rootlessIfnames.add('wg0');
  await world.driver.createNetwork(networkRequest(), USER);
  world.rootlessIfnames.clear();
  return world;
}

test("a user's network cannot join an interface that is not open, and learns nothing of it", async () => {
  const world = new World();
  const { length } = world.kernel.requests;
  await assert.rejects(world.driver.createNetwork(networkRequest(), USER), REFUSED);
  assert.deepEqual([world.store.networks(), world.kernel.requests.slice(length)], [[], []]);
});

test('it can join one that is, and no other', async () => {
  const world = new World();
  world.rootlessIfnames.add('wg1');
  await assert.rejects(world.driver.createNetwork(networkRequest(), USER), REFUSED);
  world.rootlessIfnames.add('wg0');
  await world.driver.createNetwork(networkRequest(), USER);
  assert.equal(world.store.network('n1')?.owner, USER);
});

test("root's networks and networks of pubkey mode need no such leave", async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createNetwork({ ...networkRequest(), NetworkID: 'u', Options: PUBKEY }, USER);
  assert.equal(world.store.networks().length, 2);
});

test('a network that is on record goes on, and may be made again', async () => {
  const world = await closedSince();
  await world.driver.createNetwork(networkRequest(), USER);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), USER);
  await world.driver.join({ NetworkID: 'n1', EndpointID: 'e1', SandboxKey: '/x' }, USER);
  assert.equal(world.hostPeers.length, 1);
});

test('a network on record that is made again for another interface is refused', async () => {
  const world = await closedSince();
  const other = networkRequest({ 'dwgd.ifname': 'wg1' });
  await assert.rejects(world.driver.createNetwork(other, USER), /^UserError: wg1 is not open/);
  await world.driver.createNetwork({ ...networkRequest(), NetworkID: 'u', Options: PUBKEY }, USER);
  const turned = { ...networkRequest(), NetworkID: 'u' };
  await assert.rejects(world.driver.createNetwork(turned, USER), REFUSED);
});

test("what a user's Docker lists is not adopted where it joins an interface that is not open", async () => {
  const world = new World();
  await new Recovery(world).compare(new OneNetwork(), USER);
  assert.deepEqual(world.store.networks(), []);
  assert.match(world.lines.join(''), /cannot take over a network of Docker: wg0 is not open/);
});

test('networks on record that join one are warned of at the start, each once; others are not', async () => {
  const world = await closedSince();
  await world.driver.createNetwork({ ...networkRequest(), NetworkID: 'root' }, 0);
  await world.driver.createNetwork({ ...networkRequest(), NetworkID: 'u', Options: PUBKEY }, USER);
  await new Recovery(world).sweep();
  const warnings = world.lines.filter(line => line.includes('not open to rootless'));
  assert.equal(warnings.length, 1);
  assert.match(
    warnings[0]!,
    /joins wg0, which is not open to rootless Dockers: it keeps working, but another like it is refused: add --rootless-ifname=wg0 to the command line of dwgd, or have it removed network=n1 user=1000/,
  );
});

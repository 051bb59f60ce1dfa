// After a crash, and after what happened while nobody listened: the store, the kernel and Docker are brought together.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { formatPrefix } from '../../../../src/base/ip.js';
import { LINK_GROUP } from '../../../../src/base/ownership.js';
import type { DockerClient, DockerNetwork } from '../../../../src/driver/lifecycle/docker-networks.js';
import { Recovery } from '../../../../src/driver/lifecycle/recovery.js';
import { Store } from '../../../../src/driver/store/store.js';
import { endpointRequest, networkRequest, SEED, World } from '../../../support/driver-world.js';
import { EXIT } from '../../../support/exit-world.js';
import { FakeDocker } from '../../../support/fake-docker.js';

const docker = (id: string, ...endpointIds: string[]): DockerNetwork => ({
  id,
  options: new Map(Object.entries({ 'dwgd.ifname': 'wg0', 'dwgd.seed': SEED })),
  ipv4: [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1' }],
  ipv6: [],
  endpoints: new Map(endpointIds.map(endpoint => [endpoint, { id: `c-${endpoint}` }])),
});

/** A world with the network n1 and joined endpoints. */
async function joined(...endpoints: string[]): Promise<World> {
  return joinAll(new World(), endpoints);
}

async function joinAll(world: World, endpoints: readonly string[]): Promise<World> {
  await world.driver.createNetwork(networkRequest(), 0);
  for (const [n, EndpointID] of endpoints.entries()) {
    await world.driver.createEndpoint(endpointRequest(EndpointID, `10.0.0.${n + 2}/24`), 0);
    await world.driver.join({ NetworkID: 'n1', EndpointID, SandboxKey: '/x' }, 0);
  }
  return world;
}

/** The second look is three seconds later, and they are not waited for. */
async function compare(world: World, docker: DockerClient, owner = 0): Promise<void> {
  const waited: number[] = [];
  await new Recovery(world, async ms => waited.push(ms)).compare(docker, owner);
  if (docker instanceof FakeDocker) assert.deepEqual(waited, docker.asked > 1 ? [3_000] : []);
}

const ids = (world: World): string[] => world.store.endpoints().map(({ id }) => id);

test('deletions that a crash cut short are finished', async () => {
  const world = await joined('e1', 'e2');
  world.store.putEndpoint({ ...world.store.endpoint('e1')!, state: 'deleting' });
  await new Recovery(world).sweep();
  await world.reaper.idle();
  assert.deepEqual([ids(world), [...world.kernel.links.keys()]], [['e2'], ['wg0', 'wg-e2']]);
});

test("deletions of exit networks' endpoints that a crash cut short are finished, and others stay", async () => {
  const world = new World();
  world.store.putExit(EXIT);
  for (const state of ['deleting', 'joined', 'joining', 'created'] as const) {
    const ifname = `wg-${state}`;
    world.store.putEndpoint({ id: state, networkId: EXIT.id, ifname, state });
    world.kernel.addLink({ name: ifname, kind: 'veth', mtu: 1420, group: LINK_GROUP, up: false });
  }
  await new Recovery(world).sweep();
  await world.reaper.idle();
  const left = ['joined', 'joining', 'created'];
  assert.deepEqual(
    world.store.networkEndpoints(EXIT.id).map(({ id }) => id),
    left,
  );
  assert.deepEqual([...world.kernel.links.keys()], ['wg0', ...left.map(state => `wg-${state}`)]);
});

test('links of ours that no record names go; others with such a name stay', async () => {
  const world = await joined('e1');
  world.kernel.addLink({ name: 'wg-lost', kind: 'wireguard', mtu: 1420, group: LINK_GROUP, up: false });
  world.kernel.addLink({ name: 'wg-theirs', kind: 'wireguard', mtu: 1420, group: 0, up: false });
  world.kernel.addLink({ name: 'wg-bridge', kind: 'bridge', mtu: 1500, group: LINK_GROUP, up: false });
  await new Recovery(world).sweep();
  await world.reaper.idle();
  assert.deepEqual([...world.kernel.links.keys()].sort(), ['wg-bridge', 'wg-e1', 'wg-theirs', 'wg0']);
});

test("a link that an earlier release left in the host's namespace for a user goes, root's stays", async () => {
  const world = await joined('e1');
  world.rootlessIfnames.add('wg0');
  await world.driver.createNetwork(networkRequest({}, { NetworkID: 'u' }), 1000);
  const ifname = 'wg-users';
  world.store.putEndpoint({ id: 'users', networkId: 'u', ifname, state: 'joining' });
  world.kernel.addLink({ name: ifname, kind: 'wireguard', mtu: 1420, group: LINK_GROUP, up: false });
  await new Recovery(world).sweep();
  await world.reaper.idle();
  assert.deepEqual([...world.kernel.links.keys()], ['wg0', 'wg-e1']);
});

test("endpoints of the original's database get their public key on record", async () => {
  const world = await joined('e1');
  const { publicKey, ...bare } = world.store.endpoint('e1')!;
  world.store.putEndpoint(bare);
  await new Recovery(world).sweep();
  assert.deepEqual(world.store.endpoint('e1')!.publicKey, publicKey);
});

describe('what Docker does not know', { concurrency: true }, () => {
  test('what Docker does not know in two passes goes, with its peer, and what it knows stays', async () => {
    const world = await joined('e1', 'e2');
    await compare(world, new FakeDocker(() => [docker('n1', 'e2')]));
    await world.reaper.idle();
    assert.deepEqual(ids(world), ['e2']);
    assert.deepEqual(
      world.hostPeers.flatMap(({ allowedIPs }) => allowedIPs.map(formatPrefix)),
      ['10.0.0.3/32'],
    );
  });

  test('what Docker does not know in the first pass only stays: it was about to start', async () => {
    const world = await joined('e1');
    await compare(world, new FakeDocker(n => (n === 1 ? [docker('n1')] : [docker('n1', 'e1')])));
    assert.deepEqual(ids(world), ['e1']);
  });

  test('a network that Docker does not know goes with all it has', async () => {
    const world = await joined('e1');
    await compare(world, new FakeDocker(() => []));
    await world.reaper.idle();
    assert.deepEqual([world.store.networks(), ids(world), world.hostPeers], [[], [], []]);
  });
});

test('where everything agrees Docker is asked once', async () => {
  const world = await joined('e1');
  const asked = new FakeDocker(() => [docker('n1', 'e1')]);
  await compare(world, asked);
  assert.deepEqual([asked.asked, ids(world)], [1, ['e1']]);
});

test("a root Docker says nothing of a user's networks", async () => {
  const world = new World();
  world.rootlessIfnames.add('wg0');
  await world.driver.createNetwork(networkRequest(), 1000);
  const asked = new FakeDocker(() => []);
  await compare(world, asked);
  assert.deepEqual([asked.asked, world.store.networks().length], [1, 1]);
});

test('a network that the store lost is adopted from Docker', async () => {
  const world = new World();
  await compare(world, new FakeDocker(() => [docker('n1')]));
  const { ipv4, mode } = world.store.network('n1')!;
  assert.equal(formatPrefix(ipv4!.subnet), '10.0.0.0/24');
  assert.deepEqual(mode, { kind: 'ifname', ifname: 'wg0' });
});

test("pools that the original's database did not keep are adopted, and its options kept", async () => {
  const world = await joined('e1');
  const { ipv4: _, ...old } = world.store.network('n1')!;
  world.store.putNetwork({ ...old, keepalive: 7 });
  await compare(world, new FakeDocker(() => [docker('n1', 'e1')]));
  assert.deepEqual(
    [formatPrefix(world.store.network('n1')!.ipv4!.subnet), ids(world)],
    ['10.0.0.0/24', ['e1']],
  );
  assert.equal(world.store.network('n1')!.keepalive, 7);
});

test('a Docker that goes away meanwhile changes nothing', async () => {
  const world = await joined('e1');
  const gone = new FakeDocker(() => {
    throw new Error('connect ENOENT');
  });
  await compare(world, gone);
  assert.deepEqual(ids(world), ['e1']);
  assert.match(world.lines.at(-1)!, /warning cannot compare with Docker: connect ENOENT/);
});

/** A world with the network n1 and joined endpoints, whose daemon started anew after somebody changed a row. */
async function restarted(t: TestContext, sql: string): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-recovery-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'dwgd.db');
  const before = await joinAll(new World(new Store(path)), ['e1', 'e2']);
  before.store.close();
  const db = new Database(path);
  db.exec(sql);
  db.close();
  const world = new World(new Store(path));
  t.after(() => world.store.close());
  return world;
}

test('an endpoint that cannot be read keeps no other from being swept, and its link stays', async t => {
  const world = await restarted(
    t,
    "UPDATE client SET prior_peer = '{' WHERE id = 'e1'; UPDATE client SET state = 'deleting' WHERE id = 'e2'",
  );
  for (const name of ['wg-e1', 'wg-e2', 'wg-lost'])
    world.kernel.addLink({ name, kind: 'wireguard', mtu: 1420, group: LINK_GROUP, up: false });
  await new Recovery(world).sweep();
  await world.reaper.idle();
  assert.deepEqual([...world.kernel.links.keys()], ['wg0', 'wg-e1']);
});

test('a network that cannot be read is adopted from Docker anew', async t => {
  const world = await restarted(t, "UPDATE network SET psk = x'00'");
  assert.equal(world.store.network('n1'), undefined);
  await compare(world, new FakeDocker(() => [docker('n1', 'e1', 'e2')]));
  assert.equal(world.store.network('n1')?.owner, 0);
  assert.deepEqual(ids(world), ['e1', 'e2']);
});

test('a network that cannot be read is not adopted from the Docker of another user', async t => {
  const world = await restarted(t, "UPDATE network SET psk = x'00'");
  await compare(world, new FakeDocker(() => [docker('n1')]), 1000);
  assert.equal(world.store.ownerOf('n1'), 0);
});

test('a network that cannot be read can be deleted', async t => {
  const world = await restarted(t, "UPDATE network SET psk = x'00'");
  await world.driver.deleteNetwork('n1', 0);
  assert.equal(world.store.ownerOf('n1'), undefined);
});

test('calls that were cut short have Docker compared when it has had time to forget them, not once for each', async () => {
  const world = await joined('e1');
  const waited: number[] = [];
  const fake = new FakeDocker(() => [docker('n1')]);
  const recovery = new Recovery(world, async ms => void waited.push(ms));
  const comparer = recovery.comparer(fake, 0);
  for (let n = 0; n < 5; n++) comparer.soon();
  for (let n = 0; n < 100; n++) await world.reaper.idle();
  assert.deepEqual(ids(world), []);
  assert.equal(waited[0], 2_000);
  assert.equal(waited.filter(ms => ms === 2_000).length, 2);
});

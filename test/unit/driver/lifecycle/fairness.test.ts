// Nobody waits for what a user other than root brought about: names that nobody answers for, thousands of networks.
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type Address, parseAddress } from '../../../../src/base/ip.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import type { Network } from '../../../../src/driver/spec/model.js';
import { EndpointResolver, userLookUps } from '../../../../src/driver/tunnel/endpoint-resolver.js';
import { LoopShare, REST_OF_CALLS } from '../../../../src/driver/users/loop-share.js';
import { RoundRobin } from '../../../../src/driver/users/round-robin.js';
import { Key } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, SEED, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const [USER, OTHER] = [1000, 1001];
/** Beyond it a test that waits for what shall come without anybody's doing has failed. */
const PATIENCE = { timeout: 20_000 };

/** Look-ups that end when they are told to. */
class Names {
  static readonly all: Names[] = [];
  readonly begun: string[] = [];
  #end: (() => void)[] = [];
  readonly lookUp = (name: string): Promise<Address[]> => {
    this.begun.push(name);
    if (!name.startsWith('dead')) return Promise.resolve([parseAddress('192.0.2.1')!]);
    return new Promise((_, reject) => this.#end.push(() => reject(new Error('no name server answers'))));
  };
  constructor() {
    Names.all.push(this);
  }
  get isWaiting(): boolean {
    return this.#end.length > 0;
  }
  /** All that have begun. */
  async end(): Promise<void> {
    for (const end of this.#end.splice(0)) end();
    for (let n = 0; n < 10; n++) await turn();
  }
}

// What is still looked up keeps its time limit, and so the process, for twenty seconds.
after(async () => {
  for (const names of Names.all) while (names.isWaiting) await names.end();
});

test("a user's name that no name server answers for keeps no other user's waiting, but his own next ones", async () => {
  const names = new Names();
  const resolver = new EndpointResolver(names.lookUp, 2);
  for (let n = 0; n < 10; n++) void resolver.resolve({ host: `dead${n}`, port: 1 }, USER).catch(() => 0);
  const expected = { address: parseAddress('192.0.2.1')!, port: 1 };
  for (let n = 0; n < 3; n++) {
    const others = resolver.resolve({ host: 'vpn.example', port: 1 }, OTHER);
    const silence = (async () => {
      for (let n = 0; n < 20; n++) await turn();
      return 'waits';
    })();
    assert.deepEqual(await Promise.race([others, silence]), expected);
  }
  assert.deepEqual(names.begun, ['dead0', 'vpn.example', 'vpn.example', 'vpn.example']);
});

test('of the look-ups of all users as many are under way as may be, and those of root besides', async () => {
  const names = new Names();
  const resolver = new EndpointResolver(names.lookUp, 2);
  const owners = [USER, OTHER, 1002, 1003];
  for (const owner of owners) void resolver.resolve({ host: `dead-${owner}`, port: 1 }, owner).catch(() => 0);
  await turn();
  assert.deepEqual(names.begun, [`dead-${USER}`, `dead-${OTHER}`]);
  await resolver.resolve({ host: 'vpn.example', port: 1 }, 0);
  await names.end();
  assert.deepEqual(names.begun.slice(3), ['dead-1002', 'dead-1003']);
  await names.end();
});

for (const [threads, count] of [
  [undefined, 1],
  ['1', 1],
  ['4', 1],
  ['16', 4],
  ['many', 1],
] as const) {
  test(`with ${threads ?? 'no given number of'} threads of libuv, users have ${count} look-ups at once`, () => {
    assert.equal(userLookUps(threads), count);
  });
}

test('where one may be, of the look-ups of all users one is under way at a time, and users take turns', async () => {
  const names = new Names();
  const resolver = new EndpointResolver(names.lookUp, 1);
  const ask = (host: string, owner: number): void =>
    void resolver.resolve({ host, port: 1 }, owner).catch(() => undefined);
  for (let n = 0; n < 100; n++) ask(`dead${n}`, USER);
  for (let n = 0; n < 2; n++) ask(`dead-other${n}`, OTHER);
  const expected = ['dead0', 'dead1', 'dead-other0', 'dead2', 'dead-other1', 'dead3', 'dead4'];
  for (let n = 1; n <= expected.length; n++) {
    await turn();
    assert.deepEqual(names.begun, expected.slice(0, n));
    await names.end();
  }
});

test("a name of root is looked up while a user's are under way, and an address needs no turn", async () => {
  const names = new Names();
  const resolver = new EndpointResolver(names.lookUp);
  for (let n = 0; n < 100; n++) void resolver.resolve({ host: `dead${n}`, port: 1 }, USER).catch(() => 0);
  const expected = { address: parseAddress('192.0.2.1')!, port: 1 };
  assert.deepEqual(await resolver.resolve({ host: 'vpn.example', port: 1 }, 0), expected);
  assert.deepEqual(await resolver.resolve({ host: '192.0.2.1', port: 1 }, OTHER), expected);
  await names.end();
});

test('what nobody waits for any more is not looked up when its turn comes', PATIENCE, async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const names = new Names();
  const resolver = new EndpointResolver(names.lookUp);
  const ask = (host: string): Promise<unknown> => resolver.resolve({ host, port: 1 }, USER);
  const both = Promise.allSettled([ask('dead0'), ask('dead1')]);
  t.mock.timers.tick(20_000);
  for (const { status } of await both) assert.equal(status, 'rejected');
  const last = ask('vpn.example');
  t.mock.timers.reset();
  await names.end();
  await last;
  assert.deepEqual(names.begun, ['dead0', 'vpn.example']);
});

test('work that fails tells whoever gave it, and the turn goes on', async () => {
  const turns = new RoundRobin();
  const failing = turns.run(USER, () => Promise.reject(new Error('no')));
  const next = turns.run(USER, async () => 'yes');
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});

/** A world in which root has a container on wg0, and two users 1,000 each on networks with dead names. */
async function crowded(): Promise<{ world: World; names: Names }> {
  const [world, names] = [new World(), new Names()];
  world.lookUp = names.lookUp;
  for (const owner of [USER, OTHER]) {
    for (let n = 0; n < 1000; n++) {
      const id = `${owner}-${n}`;
      world.store.putNetwork(deadNetwork(id, owner));
      world.store.putEndpoint({ id, networkId: id, ifname: `wg-${id}`, state: 'joined' });
    }
  }
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('root', '10.0.0.2/24'), 0);
  await world.driver.join({ NetworkID: 'n1', EndpointID: 'root', SandboxKey: '/netns/root' }, 0);
  const inside = new FakeKernel();
  world.namespaces.containers.set('/netns/root', inside);
  world.kernel.moveLink('wg-root', inside, 'wg0');
  return { world, names };
}

const deadNetwork = (id: string, owner: number): Network => ({
  id,
  mode: {
    kind: 'pubkey',
    publicKey: new Key(Buffer.alloc(32, 1)),
    endpoint: { host: `dead-${id}.example`, port: 51820 },
  },
  seed: { value: Buffer.from('hunter2') },
  ...{ routes: [], keepalive: 25, allowedIPs: [], prefix: 'wg', owner },
});

function monitorOf(world: World, t: TestContext, names: Names): TunnelMonitor {
  const monitor = new TunnelMonitor(world);
  t.after(async () => {
    monitor.close();
    await names.end();
  });
  return monitor;
}

test("root's peers come back while 2,000 names of users are waited for", PATIENCE, async t => {
  const { world, names } = await crowded();
  const monitor = monitorOf(world, t, names);
  monitor.trigger();
  await turn();
  for (let n = 0; n < 3; n++) {
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    monitor.linkChanged('wg0');
    while (world.hostPeers.length === 0) await turn();
  }
  assert.equal(names.begun.length, 1, 'of all names that are dead');
});

test('a user with 1,000 dead names keeps no other waiting', PATIENCE, async t => {
  const { world, names } = await crowded();
  const monitor = monitorOf(world, t, names);
  monitor.trigger();
  while (!names.begun.some(name => name.startsWith(`dead-${OTHER}`))) {
    await turn();
    await names.end();
  }
  assert.ok(names.begun.length <= 4, names.begun.join());
});

test('the event of a link reads the networks of those who use it, and of nobody where there is none', async t => {
  const { world, names } = await crowded();
  const monitor = monitorOf(world, t, names);
  const read: number[] = [];
  const { networksOf } = world.store;
  world.store.networksOf = owner => {
    read.push(owner);
    return networksOf.call(world.store, owner);
  };
  world.store.networks = () => assert.fail('all networks are read');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (let n = 0; n < 1000; n++) monitor.linkChanged(`veth${n}`);
  t.mock.timers.tick(5_000);
  assert.deepEqual(read, []);
  monitor.linkChanged('wg0');
  t.mock.timers.tick(1);
  assert.deepEqual(read, [0]);
});

test('who uses an interface of the host is known anew after each change of networks', async () => {
  const world = new World();
  world.rootlessIfnames.add('wg0');
  const at = (): readonly number[] => world.store.ownersAt('wg0');
  assert.deepEqual(at(), []);
  for (const owner of [USER, 0]) {
    await world.driver.createNetwork(networkRequest({}, { NetworkID: `n${owner}` }), owner);
  }
  assert.deepEqual(at(), [0, USER]);
  await world.driver.deleteNetwork('n0', 0);
  assert.deepEqual(at(), [USER]);
});

test('a check reads an interface once, however many networks a user has there, and takes turns for it', async t => {
  const world = new World();
  world.rootlessIfnames.add('wg0');
  world.namespaces.users.set(USER, new FakeKernel());
  for (let n = 0; n < 8; n++) {
    const NetworkID = `n${n}`;
    await world.driver.createNetwork(networkRequest({ 'dwgd.seed': `${SEED}${n}` }, { NetworkID }), USER);
    await world.driver.createEndpoint(endpointRequest(`e${n}`, `10.0.0.${2 + n}/24`, NetworkID), USER);
    await world.driver.join({ NetworkID, EndpointID: `e${n}`, SandboxKey: `/netns/${n}` }, USER);
  }
  const turns: number[] = [];
  const share = new LoopShare(REST_OF_CALLS, async () => undefined);
  const run = share.run.bind(share);
  share.run = (user, work) => {
    turns.push(user);
    return run(user, work);
  };
  const monitor = new TunnelMonitor({ ...world, share });
  t.after(() => monitor.close());
  const before = world.kernel.requests.length;
  monitor.trigger();
  await monitor.idle();
  const readings = world.kernel.requests.slice(before).filter(what => what.endsWith(' wg0'));
  assert.deepEqual(readings, ['reading WireGuard device wg0']);
  assert.deepEqual(turns.slice(0, 1), [USER]);
});

// The driver's verbs on a kernel that is not there: what each leaves, twice or late, and when a step fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import type { EndpointState } from '../../../../src/driver/spec/model.js';
import { derivePrivateKey, type Key, publicKey, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, SEED, World } from '../../../support/driver-world.js';

const E1 = { NetworkID: 'n1', EndpointID: 'e1' };
const JOIN = { ...E1, SandboxKey: '/run/docker/netns/1' };
const PUBKEY = Buffer.alloc(32, 9).toString('base64');
const LINK = 'wg-e1';

/** A world with a network and the endpoint e1, 10.0.0.2, joined. */
async function joined(options: Record<string, string> = {}): Promise<World> {
  const world = new World();
  await world.driver.createNetwork(networkRequest(options), 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  await world.driver.join(JOIN, 0);
  return world;
}

const keyOf = (address: string): Key =>
  publicKey(derivePrivateKey(Buffer.from(SEED), parseAddress(address)!));
const shown = (world: World): string[] =>
  world.hostPeers.map(peer => `${peer.publicKey} ${peer.allowedIPs.map(formatPrefix)}`);
const state = (world: World): EndpointState | undefined => world.store.endpoint('e1')?.state;

test('after a join the link has its key and its peer, and the host has the container as a peer', async () => {
  const world = await joined({ 'dwgd.keepalive': '7' });
  const device = world.kernel.devices.get(LINK)!;
  assert.equal(device.publicKey?.equals(keyOf('10.0.0.2')), true);
  assert.equal(device.peers.length, 1);
  assert.equal(device.peers[0]!.publicKey.equals(publicKey(HOST_KEY)), true);
  assert.deepEqual(device.peers[0]!.endpoint, { address: parseAddress('127.0.0.1'), port: 51820 });
  assert.equal(device.peers[0]!.keepalive, 7);
  assert.deepEqual(shown(world), [`${keyOf('10.0.0.2')} 10.0.0.2/32`]);
  assert.equal(world.hostPeers[0]!.keepalive, 25);
  assert.equal(state(world), 'joined');
});

test('a join answers with the name of the link and its prefix in the container', async () => {
  const world = await joined();
  assert.deepEqual(await world.driver.join(JOIN, 0), {
    InterfaceName: { SrcName: LINK, DstPrefix: 'wg' },
    StaticRoutes: [],
    DisableGatewayService: true,
  });
});

test('leave takes the peer and delete the link, and nothing is left', async () => {
  const world = await joined();
  await world.driver.leave(E1, 0);
  assert.deepEqual(shown(world), []);
  assert.equal(state(world), 'left');
  assert.ok(world.kernel.links.has(LINK));
  await world.driver.deleteEndpoint(E1, 0);
  await world.reaper.idle();
  assert.equal(world.kernel.links.has(LINK), false);
  assert.equal(state(world), undefined);
});

test('every verb may come twice, and late', async () => {
  const world = await joined();
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  await world.driver.join(JOIN, 0);
  assert.equal(shown(world).length, 1);
  for (let n = 0; n < 2; n++) {
    await world.driver.leave(E1, 0);
    await world.driver.deleteEndpoint(E1, 0);
    await world.reaper.idle();
  }
  await world.driver.deleteNetwork('n1', 0);
  await world.driver.deleteNetwork('n1', 0);
  await world.driver.leave(E1, 0);
  assert.deepEqual([world.store.networks(), world.store.endpoints(), shown(world)], [[], [], []]);
});

test('a second join while the link is in place changes nothing in the kernel', async () => {
  const world = await joined();
  const before = world.kernel.requests.length;
  await world.driver.join(JOIN, 0);
  assert.deepEqual(world.kernel.requests.slice(before), [`reading link ${LINK}`]);
});

test('a second join after the link went makes it anew', async () => {
  const world = await joined();
  world.kernel.removeLink(LINK);
  await world.driver.join(JOIN, 0);
  assert.ok(world.kernel.links.has(LINK));
  assert.equal(shown(world).length, 1);
});

test('deleting an endpoint takes its peer too, when Leave never came', async () => {
  const world = await joined();
  await world.driver.deleteEndpoint(E1, 0);
  assert.deepEqual(shown(world), []);
});

test('deleting an endpoint whose link is gone already succeeds', async () => {
  const world = await joined();
  world.kernel.removeLink(LINK);
  await world.driver.deleteEndpoint(E1, 0);
  await world.reaper.idle();
  assert.equal(state(world), undefined);
});

test('leaving succeeds when the host interface is gone', async () => {
  const world = await joined();
  world.kernel.removeLink('wg0');
  await world.driver.leave(E1, 0);
  assert.equal(state(world), 'left');
});

test('deleting a network takes the endpoints that it still has', async () => {
  const world = await joined();
  await world.driver.deleteNetwork('n1', 0);
  await world.reaper.idle();
  assert.deepEqual([shown(world), [...world.kernel.links.keys()]], [[], ['wg0']]);
});

test('what joins while its network is being taken away leaves no peer', async () => {
  const world = await joined();
  let open = (): void => undefined;
  const gate = new Promise<void>(resolve => {
    open = resolve;
  });
  const busy = world.queue.run('e1', () => gate);
  const going = world.driver.deleteNetwork('n1', 0);
  await world.driver.createEndpoint(endpointRequest('e2', '10.0.0.3/24'), 0);
  await world.driver.join({ ...JOIN, EndpointID: 'e2' }, 0);
  assert.equal(shown(world).length, 2);
  open();
  await Promise.all([busy, going]);
  assert.deepEqual([shown(world), world.store.endpoints()], [[], []]);
});

test('an endpoint that is being taken away joins no more', async () => {
  const world = await joined();
  world.store.putEndpoint({ ...world.store.endpoint('e1')!, state: 'deleting' });
  await assert.rejects(world.driver.join(JOIN, 0), /endpoint e1 is not known: start the container again/);
});

test('a new endpoint with the address of an old one supersedes it', async () => {
  const world = await joined();
  await world.driver.createEndpoint(endpointRequest('e2', '10.0.0.2/24'), 0);
  await world.reaper.idle();
  assert.deepEqual(
    world.store.endpoints().map(({ id }) => id),
    ['e2'],
  );
  await world.driver.join({ ...JOIN, EndpointID: 'e2' }, 0);
  assert.deepEqual(shown(world), [`${keyOf('10.0.0.2')} 10.0.0.2/32`]);
});

test("somebody's peer of the container's key gets its addresses, and itself back on leave", async () => {
  const world = new World();
  const theirs = {
    publicKey: keyOf('10.0.0.2'),
    keepalive: 9,
    presharedKey: new SecretKey(Buffer.alloc(32, 4)),
  };
  await world.wg.configure('wg0', { peers: [{ ...theirs, allowedIPs: [parsePrefix('10.7.0.0/16')!] }] });
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  await world.driver.join(JOIN, 0);
  assert.deepEqual(shown(world), [`${keyOf('10.0.0.2')} 10.7.0.0/16,10.0.0.2/32`]);
  assert.equal('presharedKey' in world.hostPeers[0]!, false);
  await world.driver.leave(E1, 0);
  assert.deepEqual(shown(world), [`${keyOf('10.0.0.2')} 10.7.0.0/16`]);
  assert.equal(world.hostPeers[0]!.presharedKey?.equals(theirs.presharedKey), true);
  assert.equal(world.hostPeers[0]!.keepalive, 9);
});

/** Everything of the container is gone, but for the record that it was created. */
function assertUndone(world: World): void {
  assert.equal(world.kernel.links.has(LINK), false);
  assert.deepEqual(shown(world), []);
  assert.equal(state(world), 'created');
  assert.deepEqual(
    world.lines.filter(line => line.includes('undo')),
    [],
  );
}

for (const [what, errno, message] of [
  [`creating link ${LINK}`, 95, /creating link wg-e1: EOPNOTSUPP/],
  [`configuring WireGuard device ${LINK}`, 22, /configuring WireGuard device wg-e1: EINVAL/],
  [`reading WireGuard device ${LINK}`, 19, /reading WireGuard device wg-e1: ENODEV/],
  ['configuring WireGuard device wg0', 12, /configuring WireGuard device wg0: ENOMEM/],
] as const) {
  test(`a join that fails at "${what}" leaves nothing, and the next one works`, async () => {
    const world = new World();
    await world.driver.createNetwork(networkRequest(), 0);
    await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
    world.kernel.refuse = asked => (asked === what ? errno : undefined);
    await assert.rejects(world.driver.join(JOIN, 0), message);
    assertUndone(world);
    world.kernel.refuse = () => undefined;
    await world.driver.join(JOIN, 0);
    assert.equal(shown(world).length, 1);
  });
}

test('what cannot be undone is reported, and the rest is undone all the same', async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  world.kernel.refuse = what =>
    what.startsWith('configuring') ? 5 : what.startsWith('deleting') ? 1 : undefined;
  await assert.rejects(world.driver.join(JOIN, 0), /EIO/);
  assert.equal(
    world.lines.filter(line => /cannot undo link wg-e1: deleting link wg-e1: EPERM/.test(line)).length,
    1,
  );
  assert.equal(state(world), 'created');
});

test('a left-over link of ours is made anew', async () => {
  const world = await joined();
  await world.driver.leave(E1, 0);
  await world.driver.join(JOIN, 0);
  assert.equal(world.lines.filter(line => line.includes('leftover')).length, 1);
});

for (const [name, kind, group] of [
  ['of another kind', 'dummy', 0x64776764],
  ['of another group', 'wireguard', 0],
] as const) {
  test(`a link ${name} that has the name is left alone`, async () => {
    const world = new World();
    world.kernel.addLink({ name: LINK, kind, mtu: 1500, group, up: false });
    await world.driver.createNetwork(networkRequest(), 0);
    await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
    await assert.rejects(
      world.driver.join(JOIN, 0),
      new UserError(
        'the name wg-e1 is taken by an interface that dwgd did not create: rename or delete it (ip link del wg-e1)',
      ),
    );
    assert.ok(world.kernel.links.has(LINK));
    assert.equal(state(world), 'created');
  });
}

test('a pubkey network needs no interface of the host', async () => {
  const world = new World();
  world.kernel.removeLink('wg0');
  const Options = new Map([
    ['dwgd.pubkey', PUBKEY],
    ['dwgd.endpoint', '[2001:db8::1]:51820'],
    ['dwgd.seed', SEED],
  ]);
  await world.driver.createNetwork({ ...networkRequest(), Options }, 0);
  await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
  await world.driver.join(JOIN, 0);
  const [peer] = world.kernel.devices.get(LINK)!.peers;
  assert.deepEqual(peer!.endpoint, { address: parseAddress('2001:db8::1'), port: 51820 });
  await world.driver.leave(E1, 0);
  assert.equal(state(world), 'left');
});

for (const [name, options, pathMtu, hostMtu, expected] of [
  ['as the option says', { 'dwgd.mtu': '1300' }, 1500, 1420, 1300],
  ["the host interface's", {}, 1500, 1350, 1350],
  ["the path's, less 80 bytes", { 'dwgd.endpoint': '192.0.2.1:1' }, 1400, 1420, 1320],
  ["the host interface's, on loopback", { 'dwgd.endpoint': '127.0.0.1:1' }, 1400, 1420, 1420],
] as const) {
  test(`the link's MTU is ${name}`, async () => {
    const world = new World();
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 }, hostMtu);
    world.kernel.pathMtu = pathMtu;
    await world.driver.createNetwork(networkRequest(options), 0);
    await world.driver.createEndpoint(endpointRequest('e1', '10.0.0.2/24'), 0);
    await world.driver.join(JOIN, 0);
    assert.equal(world.kernel.links.get(LINK)?.mtu, expected);
  });
}

test('published ports are warned of', async () => {
  const world = await joined();
  await world.driver.createEndpoint({ ...endpointRequest('e2', '10.0.0.3/24'), publishesPorts: true }, 0);
  assert.match(
    world.lines.join(''),
    /warning published ports are not reachable by way of a WireGuard network: connect to 10\.0\.0\.3 through the tunnel, or add a bridge network endpoint=e2/,
  );
});

test("one user's Docker neither sees nor touches another's networks", async () => {
  const world = await joined();
  await world.driver.deleteNetwork('n1', 1000);
  await world.driver.leave(E1, 1000);
  await world.driver.deleteEndpoint(E1, 1000);
  assert.equal(state(world), 'joined');
  await assert.rejects(world.driver.join(JOIN, 1000), /^UserError: network n1 is not known to dwgd/);
  await assert.rejects(
    world.driver.createNetwork(networkRequest(), 1000),
    new UserError('network n1 belongs to another Docker'),
  );
});

test('a hundred joins and leaves at once leave nothing, neither a socket', async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(), 0);
  const open = world.kernel.open;
  await Promise.all(
    Array.from({ length: 100 }, async (_, n) => {
      const ids = { NetworkID: 'n1', EndpointID: `endpoint${n}x` };
      await world.driver.createEndpoint(endpointRequest(ids.EndpointID, `10.0.0.${n + 2}/24`), 0);
      await world.driver.join({ ...ids, SandboxKey: `/run/docker/netns/${n}` }, 0);
      await world.driver.leave(ids, 0);
      await world.driver.deleteEndpoint(ids, 0);
    }),
  );
  await world.reaper.idle();
  assert.deepEqual(
    [shown(world), [...world.kernel.links.keys()], world.store.endpoints()],
    [[], ['wg0'], []],
  );
  assert.equal(world.kernel.open, open);
});

for (const [seed, isWeak] of [
  ['x', true],
  ['supersecretseed', true],
  ['sixteen_bytes_ok', false],
  ['ééééééé', true],
  ['éééééééé', false],
] as const) {
  test(`the seed ${seed} is taken, ${isWeak ? 'with a warning' : 'and nothing is logged'}, and is not quoted`, async () => {
    const world = new World();
    await world.driver.createNetwork(networkRequest({ 'dwgd.seed': seed }), 0);
    assert.equal(world.store.networks().length, 1);
    const warnings = world.lines.filter(line => line.includes('warning'));
    assert.equal(warnings.length, isWeak ? 1 : 0);
    for (const line of warnings) assert.match(line, /fewer than 16 bytes.*"dwgd seed" prints network=n1\n$/);
    if (seed.length > 1) assert.ok(!world.lines.join('').includes(seed));
  });
}

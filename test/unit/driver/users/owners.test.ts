// A user other than root who chooses ids, names, seeds and moments: what is another owner's stays as it is.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { LINK_GROUP } from '../../../../src/base/ownership.js';
import { TunnelMonitor } from '../../../../src/driver/lifecycle/tunnel-monitor.js';
import { isLinkOf, linkGroup, linkName } from '../../../../src/driver/tunnel/join-plan.js';
import type { LinkConfig } from '../../../../src/netlink/route/link.js';
import { derivePrivateKey, type Key, publicKey } from '../../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, SEED, World } from '../../../support/driver-world.js';
import { FakeKernel } from '../../../support/fake-kernel.js';

const USER = 1000;
const ROOTS_ID = '3f0c1d2e4b5a00112233445566778899';
const ROOTS_LINK = 'wg-3f0c1d2e4b5a';
const OWN_LINK = linkName('u1', USER);

const keyOf = (seed: string, address: string): Key =>
  publicKey(derivePrivateKey(Buffer.from(seed), parseAddress(address)!));
const peers = (world: World): string[] =>
  world.hostPeers.map(peer => `${peer.publicKey} ${peer.allowedIPs.map(formatPrefix)}`);
const links = (kernel: FakeKernel): string[] => [...kernel.links.keys()];

/** A world with root's network n1, and a user whose Docker runs in a namespace of its own; wg0 is open to it. */
async function shared(): Promise<{ world: World; theirs: FakeKernel }> {
  const world = new World();
  const theirs = new FakeKernel();
  world.namespaces.users.set(USER, theirs);
  world.rootlessIfnames.add('wg0');
  await world.driver.createNetwork(networkRequest(), 0);
  return { world, theirs };
}

/** Creates and joins an endpoint of root's network. */
async function rootJoins(world: World, EndpointID: string, address: string): Promise<void> {
  await world.driver.createEndpoint(endpointRequest(EndpointID, `${address}/24`), 0);
  await world.driver.join({ NetworkID: 'n1', EndpointID, SandboxKey: `/netns/${EndpointID}` }, 0);
}

/** The same for a user's network of its own, `u`. */
async function userJoins(
  world: World,
  EndpointID: string,
  address: string,
  options: Record<string, string> = {},
): Promise<void> {
  const network = networkRequest({ 'dwgd.seed': 'of the user', ...options }, { NetworkID: 'u' });
  await world.driver.createNetwork(network, USER);
  await world.driver.createEndpoint(endpointRequest(EndpointID, `${address}/24`, 'u'), USER);
  await world.driver.join({ NetworkID: 'u', EndpointID, SandboxKey: '/netns/u' }, USER);
}

/** A promise and what fulfils it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>(resolve => {
    open = resolve;
  });
  return { opened, open };
}

/** A name server that answers when it is told to. */
function slowName(world: World): { asked: Promise<void>; answer: () => void } {
  const [asked, answered] = [gate(), gate()];
  world.lookUp = async () => {
    asked.open();
    await answered.opened;
    return [parseAddress('192.0.2.1')!];
  };
  return { asked: asked.opened, answer: answered.open };
}

describe('links', () => {
  test("an endpoint id that begins as one of root's leaves root's link as it was", async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    const before = world.kernel.devices.get(ROOTS_LINK);
    await userJoins(world, `${ROOTS_ID.slice(0, 12)}X`, '10.0.0.3');
    assert.equal(world.kernel.devices.get(ROOTS_LINK), before);
  });

  test("a user's link is never in the host's namespace, neither for a moment", async () => {
    const { world, theirs } = await shared();
    const seen = new Set<string>();
    world.kernel.refuse = theirs.refuse = () => {
      for (const name of links(world.kernel)) seen.add(name);
      return undefined;
    };
    await userJoins(world, 'u1', '10.0.0.3');
    assert.deepEqual([[...seen], links(world.kernel), links(theirs)], [['wg0'], ['wg0'], [OWN_LINK]]);
    assert.equal(theirs.devices.get(OWN_LINK)!.publicKey?.equals(keyOf('of the user', '10.0.0.3')), true);
    assert.equal(theirs.open + world.kernel.open, 2);
  });

  test("a name in the host's namespace that an administrator uses is not to be had by an id", async () => {
    const { world, theirs } = await shared();
    await userJoins(world, 'home', '10.0.0.3');
    assert.deepEqual([links(world.kernel), theirs.links.has('wg-home')], [['wg0'], false]);
  });

  test("deleting a user's endpoint takes no link of root's, whatever its id and its namespace", async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    const EndpointID = `${ROOTS_ID.slice(0, 12)}X`;
    await userJoins(world, EndpointID, '10.0.0.3');
    world.namespaces.users.set(USER, world.kernel);
    await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID }, USER);
    await world.reaper.idle();
    assert.deepEqual(links(world.kernel), ['wg0', ROOTS_LINK]);
  });

  for (const [what, kind, group] of [
    ['kind', 'dummy', linkGroup(USER)],
    ['owner', 'wireguard', linkGroup(USER + 1)],
    ['group', 'wireguard', 0],
  ] as const) {
    test(`a link of another ${what} that has the name is neither replaced nor deleted`, async () => {
      const { world, theirs } = await shared();
      theirs.addLink({ name: OWN_LINK, kind, mtu: 1500, group, up: false });
      await assert.rejects(
        userJoins(world, 'u1', '10.0.0.3'),
        /is taken by an interface that dwgd did not create/,
      );
      const endpoint = world.store.endpoint('u1')!;
      world.store.putEndpoint({ ...endpoint, state: 'left' });
      await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID: 'u1' }, USER);
      await world.reaper.idle();
      assert.deepEqual([links(theirs), world.store.endpoint('u1')], [[OWN_LINK], undefined]);
    });
  }

  test("a user's own left-over is made anew, and goes with its endpoint", async () => {
    const { world, theirs } = await shared();
    await userJoins(world, 'u1', '10.0.0.3');
    await world.driver.leave({ NetworkID: 'u', EndpointID: 'u1' }, USER);
    await world.driver.join({ NetworkID: 'u', EndpointID: 'u1', SandboxKey: '/netns/u' }, USER);
    assert.equal(world.lines.filter(line => line.includes('leftover')).length, 1);
    await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID: 'u1' }, USER);
    await world.reaper.idle();
    assert.deepEqual(links(theirs), []);
  });

  test("the link that an earlier release made for a user's endpoint goes with it", async () => {
    const { world, theirs } = await shared();
    await userJoins(world, 'u1', '10.0.0.3');
    world.store.putEndpoint({ ...world.store.endpoint('u1')!, ifname: 'wg-u1', state: 'left' });
    theirs.addLink({ name: 'wg-u1', kind: 'wireguard', mtu: 1420, group: LINK_GROUP, up: false });
    await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID: 'u1' }, USER);
    await world.reaper.idle();
    assert.equal(theirs.links.has('wg-u1'), false);
  });

  test('a name that another endpoint has on record is refused, at its creation and at a join', async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    const other = `${ROOTS_ID.slice(0, 12)}X`;
    const refused = new UserError(
      `the link ${ROOTS_LINK} belongs to the endpoint 3f0c1d2e4b5a: remove that container, or recreate this one to get a new id`,
    );
    await assert.rejects(world.driver.createEndpoint(endpointRequest(other, '10.0.0.3/24'), 0), refused);
    const { ipv4: _, ...record } = world.store.endpoint(ROOTS_ID)!;
    world.store.putEndpoint({ ...record, id: other, ipv4: parseAddress('10.0.0.3')!, state: 'created' });
    const join = { NetworkID: 'n1', EndpointID: other, SandboxKey: '/netns/x' };
    await assert.rejects(world.driver.join(join, 0), refused);
    assert.equal(world.kernel.devices.get(ROOTS_LINK)!.publicKey?.equals(keyOf(SEED, '10.0.0.2')), true);
  });

  test("a join that fails takes a user's link back out of the user's namespace", async () => {
    const { world, theirs } = await shared();
    world.kernel.refuse = what => (what === 'configuring WireGuard device wg0' ? 12 : undefined);
    await assert.rejects(userJoins(world, 'u1', '10.0.0.3'), /ENOMEM/);
    assert.deepEqual([links(theirs), world.store.endpoint('u1')!.state], [[], 'created']);
  });

  test("what a user's namespace says of the key is not believed", async () => {
    const { world, theirs } = await shared();
    theirs.before = what => {
      if (!what.startsWith('reading WireGuard device')) return;
      theirs.removeLink(OWN_LINK);
      theirs.addDevice(OWN_LINK, { privateKey: HOST_KEY });
    };
    await userJoins(world, 'u1', '10.0.0.3');
    assert.deepEqual(peers(world), [`${keyOf('of the user', '10.0.0.3')} 10.0.0.3/32`]);
  });

  test('owners share no link name and no group', () => {
    const owners = [0, 1, 1000, 1001, 0xffff_fffe];
    assert.equal(new Set(owners.map(owner => linkName('0123456789abcdef', owner))).size, owners.length);
    assert.equal(new Set(owners.map(linkGroup)).size, owners.length);
    const link: LinkConfig = { name: 'x', kind: 'wireguard' };
    const owned = { ...link, index: 2, up: false, mtu: 1420 };
    for (const [n, owner] of owners.entries()) {
      assert.equal(isLinkOf(owner, { ...owned, group: linkGroup(owner) }), true);
      assert.equal(isLinkOf(owner, { ...owned, group: linkGroup(owners[n + 1] ?? 7) }), false);
    }
  });
});

describe('peers', () => {
  test("an address of root's container cannot be taken while a user's name is being resolved", async () => {
    const { world } = await shared();
    const { asked, answer } = slowName(world);
    const taking = userJoins(world, 'u1', '10.0.0.2', { 'dwgd.endpoint': 'vpn.example:51820' });
    await asked;
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    answer();
    await assert.rejects(taking, new UserError('10.0.0.2/32 is taken on wg0 already: give another --ip'));
    assert.deepEqual(peers(world), [`${keyOf(SEED, '10.0.0.2')} 10.0.0.2/32`]);
  });

  test("neither between two of root's own networks", async () => {
    const { world } = await shared();
    await world.driver.createNetwork(
      networkRequest({ 'dwgd.seed': 'other', 'dwgd.endpoint': 'vpn.example:51820' }, { NetworkID: 'n2' }),
      0,
    );
    await world.driver.createEndpoint(endpointRequest('second', '10.0.0.2/24', 'n2'), 0);
    const { asked, answer } = slowName(world);
    const taking = world.driver.join({ NetworkID: 'n2', EndpointID: 'second', SandboxKey: '/x' }, 0);
    await asked;
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    answer();
    await assert.rejects(taking, /^UserError: 10\.0\.0\.2\/32 belongs to the peer \S{44} of wg0 already/);
    assert.deepEqual(peers(world), [`${keyOf(SEED, '10.0.0.2')} 10.0.0.2/32`]);
  });

  test('two joins at once of the same address: one has it, the other is refused', async () => {
    const { world } = await shared();
    await world.driver.createNetwork(networkRequest({ 'dwgd.seed': 'other' }, { NetworkID: 'n2' }), 0);
    await world.driver.createEndpoint(endpointRequest('second', '10.0.0.2/24', 'n2'), 0);
    await world.driver.createEndpoint(endpointRequest('first', '10.0.0.2/24'), 0);
    const joins = await Promise.allSettled([
      world.driver.join({ NetworkID: 'n1', EndpointID: 'first', SandboxKey: '/x' }, 0),
      world.driver.join({ NetworkID: 'n2', EndpointID: 'second', SandboxKey: '/y' }, 0),
    ]);
    assert.deepEqual(joins.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.deepEqual(
      world.hostPeers.map(({ allowedIPs }) => allowedIPs.map(formatPrefix)),
      [['10.0.0.2/32']],
    );
  });

  test('monitor gives no address back that another endpoint got while it waited', async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    await world.driver.createNetwork(networkRequest({ 'dwgd.seed': 'other' }, { NetworkID: 'n2' }), 0);
    await world.driver.createEndpoint(endpointRequest('second', '10.0.0.2/24', 'n2'), 0);
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    const { opened, open } = gate();
    const waiting = world.queue.run(ROOTS_ID, () => opened);
    const monitor = new TunnelMonitor(world);
    const reached = gate();
    world.kernel.before = what => {
      if (what === 'reading WireGuard device wg0') setImmediate(reached.open);
    };
    monitor.trigger();
    await reached.opened;
    await world.driver.join({ NetworkID: 'n2', EndpointID: 'second', SandboxKey: '/y' }, 0);
    open();
    await waiting;
    await monitor.idle();
    assert.deepEqual(peers(world), [`${keyOf('other', '10.0.0.2')} 10.0.0.2/32`]);
    assert.match(world.lines.join(''), /warning 10\.0\.0\.2\/32 belongs to the peer/);
  });

  test("an address of root's container is not free while its interface is being made anew", async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    await assert.rejects(
      userJoins(world, 'u1', '10.0.0.2'),
      new UserError('10.0.0.2/32 is taken on wg0 already: give another --ip'),
    );
    const monitor = new TunnelMonitor(world);
    monitor.trigger();
    await monitor.idle();
    assert.deepEqual(peers(world), [`${keyOf(SEED, '10.0.0.2')} 10.0.0.2/32`]);
  });

  test("a user's container gets its peer back when its interface was made anew, or lost an address", async () => {
    const { world } = await shared();
    await userJoins(world, 'u1', '10.0.0.3');
    const before = peers(world);
    const monitor = new TunnelMonitor(world);
    const look = async (): Promise<void> => {
      monitor.trigger();
      await monitor.idle();
    };
    world.kernel.removeLink('wg0');
    world.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    await look();
    assert.deepEqual(peers(world), before);
    const emptied = { publicKey: keyOf('of the user', '10.0.0.3'), replaceAllowedIPs: true, allowedIPs: [] };
    await world.wg.configure('wg0', { peers: [emptied] });
    await look();
    assert.deepEqual(peers(world), before);
  });

  test("a user who knows root's seed gets no peer of root's, and takes none away", async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    const before = peers(world);
    await assert.rejects(userJoins(world, 'u1', '10.0.0.2', { 'dwgd.seed': SEED }), UserError);
    await world.driver.leave({ NetworkID: 'u', EndpointID: 'u1' }, USER);
    await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID: 'u1' }, USER);
    assert.deepEqual(peers(world), before);
  });

  for (const [what, keepalive] of [
    ['as dwgd would make it', 25],
    ['otherwise', 9],
  ] as const) {
    test(`a peer of a user's key that an administrator configured ${what} is not that user's`, async () => {
      const { world } = await shared();
      const theirs = { publicKey: keyOf('of the user', '10.0.0.3'), keepalive };
      await world.wg.configure('wg0', { peers: [theirs] });
      await assert.rejects(
        userJoins(world, 'u1', '10.0.0.3'),
        new UserError(
          'wg0 has a peer with the key of this seed and address already: give the network a dwgd.seed of its own',
        ),
      );
      await world.driver.deleteEndpoint({ NetworkID: 'u', EndpointID: 'u1' }, USER);
      assert.deepEqual(peers(world), [`${theirs.publicKey} `]);
    });
  }

  test('a peer that two containers of one owner are stays until the last has left', async () => {
    const { world } = await shared();
    await rootJoins(world, ROOTS_ID, '10.0.0.2');
    await world.driver.createNetwork(networkRequest({}, { NetworkID: 'n2' }), 0);
    await world.driver.createEndpoint(endpointRequest('second', '10.0.0.2/24', 'n2'), 0);
    await world.driver.join({ NetworkID: 'n2', EndpointID: 'second', SandboxKey: '/y' }, 0);
    await world.driver.leave({ NetworkID: 'n2', EndpointID: 'second' }, 0);
    assert.deepEqual(peers(world), [`${keyOf(SEED, '10.0.0.2')} 10.0.0.2/32`]);
    await world.driver.leave({ NetworkID: 'n1', EndpointID: ROOTS_ID }, 0);
    assert.deepEqual(peers(world), []);
  });

  test("root is told whose an address and a key are, a user gets no peer's key to see", async () => {
    const { world } = await shared();
    await userJoins(world, 'u1', '10.0.0.3');
    await assert.rejects(
      rootJoins(world, ROOTS_ID, '10.0.0.3'),
      new UserError('10.0.0.3/32 belongs to a container of user 1000 on wg0 already: give another --ip'),
    );
    const configured = { publicKey: keyOf('x', '10.0.0.9'), allowedIPs: [parsePrefix('10.0.0.8/29')!] };
    await world.wg.configure('wg0', { peers: [configured] });
    await world.driver.createEndpoint(endpointRequest('u2', '10.0.0.9/24', 'u'), USER);
    await assert.rejects(
      world.driver.join({ NetworkID: 'u', EndpointID: 'u2', SandboxKey: '/netns/u2' }, USER),
      new UserError('10.0.0.9/32 is taken on wg0 already: give another --ip'),
    );
  });
});

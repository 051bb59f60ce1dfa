// A tunnel that one container has itself: what it is given, who else is refused, and what is left after a crash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix } from '../../../../src/base/ip.js';
import { readDockerNetwork } from '../../../../src/driver/lifecycle/docker-networks.js';
import { Recovery } from '../../../../src/driver/lifecycle/recovery.js';
import { formatSocketAddress } from '../../../../src/netlink/wireguard/device.js';
import { publicKey } from '../../../../src/netlink/wireguard/key.js';
import { DIRECT, DirectWorld, directRequest } from '../../../support/direct-world.js';
import { providerText, tunnelFile } from '../../../support/exit-world.js';
import { FakeDocker } from '../../../support/fake-docker.js';

async function made(): Promise<DirectWorld> {
  const made = new DirectWorld();
  await made.all.createNetwork(directRequest(), 0);
  return made;
}

const saying = (of: DirectWorld, text: RegExp): number =>
  of.world.lines.filter(line => text.test(line)).length;

const ofOne = (name: string): RegExp =>
  new RegExp(
    `^the tunnel of dwgd\\.conf=/etc/dwgd/own\\.conf is that of ${name}, and a network without a subnet \\(--ipam-driver=null\\) is for one: stop .* first, or make a network of another file$`,
  );

test('the container gets key, peer, MTU and addresses of the file, by a link that is made on the host', async () => {
  const it = await made();
  it.file = tunnelFile('far', { more: 'ListenPort = 5555\nFwMark = 7' });
  assert.deepEqual(await it.create('e1'), { Address: '10.64.0.2/32', AddressIPv6: 'fd64::2/128' });
  const { InterfaceName } = await it.join('e1');
  assert.deepEqual(InterfaceName, { SrcName: 'wg-e1', DstPrefix: 'wg' });
  const { privateKey, listenPort, fwmark, peers } = it.world.kernel.devices.get('wg-e1')!;
  assert.ok(privateKey && publicKey(privateKey).equals(publicKey(it.file.privateKey)));
  assert.deepEqual([listenPort, fwmark], [5555, 7]);
  assert.deepEqual(
    peers.map(({ endpoint, allowedIPs }) => [formatSocketAddress(endpoint!), allowedIPs.map(formatPrefix)]),
    [['192.0.2.2:51820', ['0.0.0.0/0', '::/0']]],
  );
  assert.equal(it.world.kernel.links.get('wg-e1')!.mtu, 1420);
});

test('a second network of the same file is refused, whichever of the two has no router, and one of another file is not', async () => {
  const it = await made();
  const again = { ...directRequest(), NetworkID: 'another' };
  await assert.rejects(it.all.createNetwork(again, 0), {
    message:
      /^network \S+ has the tunnel of \/etc\/dwgd\/own\.conf, and one of the two gives it to a container itself \(--ipam-driver=null\): use a file with another key$/,
  });
  const request = directRequest({ 'dwgd.conf': '/etc/dwgd/other.conf' });
  await it.all.createNetwork({ ...request, NetworkID: 'another' }, 0);
});

for (const [what, options, sentence] of [
  [
    'several files',
    { 'dwgd.conf': '/a,/b' },
    'dwgd.conf has 2 files, and a network without a subnet (--ipam-driver=null) takes one, since its container has the address of that: give one file, or leave out --ipam-driver',
  ],
  [
    'a server of the DNS',
    { 'dwgd.dns': '10.64.0.1' },
    'dwgd.dns is for networks with a router, and one without a subnet (--ipam-driver=null) has none: give the container --dns=<address> (dns: in Compose), or leave out --ipam-driver',
  ],
  [
    'a port that the provider assigns',
    { 'dwgd.natpmp': 'on' },
    'dwgd.natpmp is for networks with a router, and one without a subnet (--ipam-driver=null) has none: have the container ask for the port itself, since all its ports are open at the address of the tunnel, or leave out --ipam-driver',
  ],
  [
    'an MTU too small for IPv6',
    { 'dwgd.mtu': '1000' },
    'the MTU 1000 is too small for IPv6: give at least 1280 (dwgd.mtu)',
  ],
] as const)
  test(`network create refuses ${what}, and records nothing`, async () => {
    const it = new DirectWorld();
    await assert.rejects(it.all.createNetwork(directRequest(options), 0), { message: sentence });
    assert.deepEqual(it.world.store.exits(), []);
  });

test('a file without a way out is refused, and so is one that cannot be read, and a rootless Docker', async () => {
  const it = new DirectWorld();
  const create = (owner = 0) => it.all.createNetwork(directRequest(), owner);
  it.file = tunnelFile('far', { addresses: '10.64.0.2/32', allowedIPs: '::/0' });
  await assert.rejects(create(), /has no way out: give a file with an Address and AllowedIPs of one family$/);
  it.file = undefined;
  await assert.rejects(create(), /is not there/);
  await assert.rejects(create(1000), /dwgd\.conf is for root's Docker alone/);
  assert.deepEqual(it.world.store.owners(), []);
});

test('without a file a network needs a subnet as ever', async () => {
  const it = new DirectWorld();
  const Options = new Map([
    ['dwgd.ifname', 'wg0'],
    ['dwgd.seed', 'supersecretseed'],
  ]);
  await assert.rejects(it.all.createNetwork(directRequest({}, { Options }), 0), /keys derive from addresses/);
});

test("addresses of one's own and a MAC address are refused", async () => {
  const it = await made();
  const request = { NetworkID: DIRECT.id, EndpointID: 'e1', publishesPorts: false };
  await assert.rejects(it.all.createEndpoint({ ...request, Address: '10.0.0.2/32' }, 0), /leave out --ip/);
  await assert.rejects(
    it.all.createEndpoint({ ...request, MacAddress: '02:00:00:00:00:01' }, 0),
    /no MAC address/,
  );
  assert.deepEqual(it.world.store.endpoints('all'), []);
});

test('another container is refused with the name of the first, as long as that has the tunnel', async () => {
  const it = await made();
  await it.start('e1');
  it.names.set('e1', 'web');
  await assert.rejects(it.create('e2'), { message: ofOne('the container web') });
  it.names.clear();
  it.attached = new Map([['e1', { id: 'c1', name: 'web' }]]);
  await assert.rejects(it.create('e2'), { message: ofOne('the container web') });
  it.attached = undefined;
  await assert.rejects(it.create('e2'), { message: ofOne('another container \\(endpoint e1\\)') });
  await it.stop('e1');
  await it.start('e2');
  assert.deepEqual(
    it.world.store.endpoints('all').map(({ id }) => id),
    ['e2'],
  );
});

test('the next container waits for a link of before that is to go: two of one key would disturb each other', async () => {
  const it = await made();
  await it.create('e1');
  await it.join('e1');
  assert.equal(it.waits, 0);
  it.world.store.putEndpoint({ ...it.world.store.endpoint('e1')!, state: 'deleting' });
  await it.create('e2');
  assert.equal(it.waits, 1);
});

test('of two that begin at once the first gets it', async () => {
  const it = await made();
  const [first, second] = await Promise.allSettled(['e1', 'e2'].map(id => it.create(id)));
  assert.equal(first!.status, 'fulfilled');
  assert.match(second!.status === 'rejected' ? String(second!.reason) : '', /endpoint e1/);
});

test('a repeated CreateEndpoint or Join gets the same answer', async () => {
  const it = await made();
  assert.deepEqual(await it.create('e1'), await it.create('e1'));
  assert.deepEqual(await it.join('e1'), await it.join('e1'));
});

test('after a start of the daemon it is known whose the tunnel is', async () => {
  const it = await made();
  await it.start('e1');
  await assert.rejects(it.again().create('e2'), /endpoint e1/);
});

for (const [what, leave] of [
  ['the host was started anew', (it: DirectWorld) => it.world.namespaces.containers.clear()],
  [
    'it was created and never joined',
    (it: DirectWorld) => it.world.store.putEndpoint({ ...it.world.store.endpoint('e1')!, state: 'created' }),
  ],
  [
    'it has left',
    (it: DirectWorld) => it.world.store.putEndpoint({ ...it.world.store.endpoint('e1')!, state: 'left' }),
  ],
] as const)
  test(`what is left of a container gives way where ${what}`, async () => {
    const it = await made();
    await it.start('e1');
    leave(it);
    const next = it.again();
    await next.start('e2');
    await next.world.reaper.idle();
    assert.deepEqual(
      next.world.store.endpoints('all').map(({ id }) => id),
      ['e2'],
    );
  });

test('one that has joined and whose link Docker has not moved keeps the tunnel for a while, and a link that stays is made way for', async () => {
  const it = await made();
  await it.create('e1');
  await it.join('e1');
  await assert.rejects(it.create('e2'), /endpoint e1/);
  it.now += 31_000;
  await it.create('e2');
  assert.equal(it.world.kernel.links.has('wg-e1'), false);
  await assert.rejects(it.join('e1'), /is not known: start the container again/);
});

test('a Join that the kernel refuses leaves neither link nor tunnel, and the same container may try again', async () => {
  const it = await made();
  await it.create('e1');
  it.world.kernel.refuse = what => (what.startsWith('configuring') ? 22 : undefined);
  await assert.rejects(it.join('e1'));
  it.world.kernel.refuse = () => undefined;
  assert.equal(it.world.kernel.links.has('wg-e1'), false);
  assert.equal(it.world.store.endpoint('e1')!.state, 'created');
  await it.join('e1');
});

test('of a database that was lost, the container that Docker has on the network has the tunnel', async () => {
  const it = await made();
  await it.start('e1');
  it.world.store.deleteEndpoint('e1');
  const next = it.again();
  const [network] = [{ id: DIRECT.id, options: new Map(), ipv4: [], ipv6: [] }];
  const endpoints = new Map([['e1', { id: 'c1', name: 'web' }]]);
  await next.lost.learn({ sandboxKey: async () => '/netns/e1' }, [{ ...network!, endpoints }]);
  const { state, publicKey: key, sandboxKey } = next.world.store.endpoint('e1')!;
  assert.deepEqual([state, sandboxKey], ['joined', '/netns/e1']);
  assert.ok(key?.equals(publicKey(next.file!.privateKey)));
  await assert.rejects(next.create('e2'), /endpoint e1/);
});

test('a network that the database lost is learnt from Docker, which may tell of no subnet or of that of the null driver', async () => {
  for (const Config of [[], [{ Subnet: '0.0.0.0/0' }]]) {
    const it = new DirectWorld();
    const Options = { 'dwgd.conf': DIRECT.files[0]! };
    const found = readDockerNetwork(DIRECT.id, { IPAM: { Driver: 'null', Config }, Options, Containers: {} });
    const exits = {
      adopt: it.exits.adopt.bind(it.exits),
      learn: it.exits.learn.bind(it.exits),
      compared: () => undefined,
    };
    const recovery = new Recovery({ ...it.world, driver: it.all, exits }, async () => undefined);
    await recovery.compare(new FakeDocker(() => [found]), 0);
    assert.deepEqual(it.world.store.exits(), [DIRECT]);
  }
});

test('a container whose link has another key is not taken over', async () => {
  const it = await made();
  const inside = await it.start('e1');
  it.world.store.deleteEndpoint('e1');
  inside.removeLink('wg0');
  const network = { id: DIRECT.id, options: new Map(), ipv4: [], ipv6: [] };
  const endpoints = new Map([['e1', { id: 'c1' }]]);
  await it.lost.learn({ sandboxKey: async () => '/netns/e1' }, [{ ...network, endpoints }]);
  assert.equal(it.world.store.endpoint('e1'), undefined);
  assert.equal(saying(it, /cannot be taken over: its link is not in it/), 1);
});

test('before Docker was compared with, one that it has on the network and nobody has on record keeps others out', async () => {
  const it = new DirectWorld(undefined, { isCompared: false });
  it.world.store.putExit(DIRECT);
  it.attached = new Map([['e9', { id: 'c9', name: 'web' }]]);
  await assert.rejects(it.create('e1'), { message: ofOne('the container web') });
  it.sole.compared();
  await it.create('e1');
});

test('while Docker does not answer, which it does not as it starts, the container gets the tunnel', async () => {
  const it = new DirectWorld(undefined, { isCompared: false });
  it.world.store.putExit(DIRECT);
  it.attached = undefined;
  await it.start('e1');
});

test('the network goes with what its container left', async () => {
  const it = await made();
  await it.start('e1');
  await it.all.deleteNetwork(DIRECT.id, 0);
  await it.world.reaper.idle();
  assert.deepEqual([it.world.store.exits(), it.world.store.endpoints('all')], [[], []]);
});

test('ports and dwgd.forward: a sentence says what holds', async () => {
  const it = await made();
  const driverOptions = new Map([['dwgd.forward', '51413']]);
  await it.all.createEndpoint(
    { NetworkID: DIRECT.id, EndpointID: 'e1', publishesPorts: true, driverOptions },
    0,
  );
  assert.equal(saying(it, /dwgd\.forward changes nothing: .* all its ports are open by themselves/), 1);
  assert.equal(saying(it, /published ports are not reachable on the host: .* add a bridge network/), 1);
});

test('no key is in a line of the log or in the database', async () => {
  const it = await made();
  await it.start('e1');
  const [, key] = /PrivateKey = (\S+)/.exec(providerText())!;
  const all = [...it.world.lines, JSON.stringify(it.world.store.endpoints('all'))].join('\n');
  for (const text of [key!, Buffer.from(key!, 'base64').toString('hex')])
    assert.equal(all.includes(text), false);
});

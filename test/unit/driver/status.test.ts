// What the driver's half tells of itself: the kernel's peers under Docker's names, what differs, and no secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../../src/base/ip.js';
import { DockerNames, readNames } from '../../../src/driver/lifecycle/docker-names.js';
import { derivePrivateKey } from '../../../src/netlink/wireguard/key.js';
import { AskedDriver, PSK, REMOTE } from '../../support/control-world.js';
import { HOST_KEY, SEED } from '../../support/driver-world.js';

test('a peer of the host is under the host interface, one elsewhere under the link in the container', async () => {
  const { status } = await AskedDriver.make();
  const networks = await status.networks();
  assert.deepEqual(
    networks.map(({ name, mode, via, endpoint, subnets }) => [name, mode, via, endpoint, subnets]),
    [
      ['lan', 'ifname', 'wg0', undefined, ['10.0.0.0/24']],
      ['vpn', 'pubkey', REMOTE, '192.0.2.1:51820', ['10.1.0.0/24']],
    ],
  );
  const [web, app] = networks.flatMap(({ endpoints }) => endpoints);
  assert.deepEqual(
    [web!.container, web!.peer?.interface, web!.peer?.publicKey],
    ['web', 'wg0', web!.publicKey],
  );
  assert.deepEqual([app!.container, app!.peer?.publicKey, app!.problem], ['app', REMOTE, undefined]);
});

test('what the kernel counts is told: bytes, and the time of the last handshake where there was one', async () => {
  const asked = await AskedDriver.make();
  asked.counted = { lastHandshake: Date.UTC(2026, 0, 31), rxBytes: 2n ** 40n, txBytes: 7n };
  const [, vpn] = await asked.status.networks();
  const { lastHandshake, receivedBytes, sentBytes } = vpn!.endpoints[0]!.peer!;
  assert.deepEqual([lastHandshake, receivedBytes, sentBytes], ['2026-01-31T00:00:00.000Z', 2 ** 40, 7]);
  const samples = await asked.status.metrics();
  const handshakes = samples.filter(({ name }) => name === 'wireguard_peer_last_handshake_seconds');
  assert.deepEqual(new Set(handshakes.map(({ value }) => value)), new Set([Date.UTC(2026, 0, 31) / 1000]));
});

for (const [what, damage, problem] of [
  [
    'a link that is gone',
    ({ inside }: AskedDriver) => inside.removeLink('wg0'),
    'its link is not in its container',
  ],
  [
    'a namespace that is gone',
    ({ world }: AskedDriver) => world.namespaces.containers.delete('/sandbox/e2'),
    'the network namespace of its container is gone',
  ],
] as const) {
  test(`${what} is told in place of the peer`, async () => {
    const asked = await AskedDriver.make();
    damage(asked);
    const [, vpn] = await asked.status.networks();
    assert.deepEqual([vpn!.endpoints[0]!.peer, vpn!.endpoints[0]!.problem], [undefined, problem]);
  });
}

test('an interface of the host that is gone is told of each container that is a peer of it', async () => {
  const asked = await AskedDriver.make();
  asked.world.kernel.removeLink('wg0');
  const [lan] = await asked.status.networks();
  assert.equal(lan!.endpoints[0]!.problem, 'there is no interface wg0 on this host');
});

test('of a container that waits for the interface that is said, and no peer of its key is told as its own', async () => {
  const asked = await AskedDriver.make();
  const { store } = asked.world;
  const web = store.endpoints().find(({ networkId }) => store.network(networkId)!.mode.kind === 'ifname')!;
  store.putEndpoint({ ...web, pending: true });
  const [lan] = await asked.status.networks();
  const { peer, problem } = lan!.endpoints[0]!;
  assert.deepEqual(
    [peer, problem],
    [undefined, 'it waits to be a peer of wg0, and its tunnel is closed until then'],
  );
});

for (const [name, kind, titles] of [
  ['app', 'container', ['tunnel of app on vpn']],
  ['web', 'container', ['tunnel of web on lan']],
  ['2222', 'container', ['tunnel of app on vpn']],
  ['lan', 'network', ['tunnel of web on lan']],
  ['n2', 'network', ['tunnel of app on vpn']],
  ['222', undefined, []],
  ['nobody', undefined, []],
] as const) {
  test(`${name} is ${kind ?? 'nothing'} to inspect`, async () => {
    const found = await (await AskedDriver.make()).status.inspect(name);
    assert.equal(found?.kind, kind);
    assert.deepEqual(found?.parts.map(({ title }) => title) ?? [], titles);
    assert.ok(found?.parts.every(({ comparisons }) => comparisons.every(({ isSame }) => isSame)) ?? true);
  });
}

test('what differs in a container is shown beside what is to be there', async () => {
  const asked = await AskedDriver.make();
  const device = asked.inside.devices.get('wg0')!;
  const [peer] = device.peers;
  const { presharedKey: _, ...open } = peer!;
  asked.inside.devices.set('wg0', { ...device, peers: [{ ...open, keepalive: 7, allowedIPs: [] }] });
  const found = await asked.status.inspect('app');
  const differing = found!.parts[0]!.comparisons.filter(({ isSame }) => !isSame);
  assert.deepEqual(
    differing.map(({ what, observed }) => [what, observed]),
    [
      ['allowed IPs', 'none'],
      ['keepalive', '7 s'],
      ['preshared key', 'none'],
    ],
  );
});

test('no seed, private key or preshared key is in any answer or metric', async () => {
  const { status } = await AskedDriver.make();
  const answers = [
    await status.networks(),
    await status.inspect('app'),
    await status.inspect('lan'),
    await status.metrics(),
    status.health(),
  ];
  const text = JSON.stringify(answers);
  assert.ok(text.length > 1000);
  const secrets = [Buffer.from(SEED), PSK, HOST_KEY.reveal()];
  for (const address of ['10.0.0.2', '10.1.0.2'])
    secrets.push(derivePrivateKey(Buffer.from(SEED), parseAddress(address)!).reveal());
  for (const secret of secrets)
    for (const form of ['latin1', 'base64', 'base64url', 'hex'] as const)
      assert.ok(!text.includes(secret.toString(form)), form);
});

test('what Docker lists is read field by field, and what cannot be read has no name', () => {
  const wrong = [null, 7, {}, { Id: 1, Names: [], NetworkSettings: null }, { Id: 'c', Names: [{}] }];
  const names = readNames(
    [...wrong, { Id: 'n1', Name: 'a\u001b[2Jb' }],
    [
      ...wrong,
      { Id: 'c1', Names: ['/web'], NetworkSettings: { Networks: { x: { EndpointID: 'e1' }, y: null } } },
    ],
  );
  assert.deepEqual([...names.networks], [['n1', 'a\\u{1b}[2Jb']]);
  assert.deepEqual([...names.containers], [['e1', { id: 'c1', name: 'web' }]]);
  assert.deepEqual(readNames('x', undefined).networks.size, 0);
});

test('Docker is asked once for names that are known, again for one that is not, and not in a loop', async () => {
  let asked = 0;
  const names = new DockerNames(async () => {
    asked++;
    return { networks: new Map([['n1', 'lan']]), containers: new Map() };
  });
  assert.equal((await names.find(['n1'], [])).networks.get('n1'), 'lan');
  await names.find(['n1'], []);
  assert.equal(asked, 1);
  await names.find(['n1'], ['e1']);
  assert.equal(asked, 1);
});

test('a Docker that fails leaves the names that were known', async () => {
  const names = new DockerNames(async () => {
    throw new Error('down');
  });
  assert.equal((await names.find(['n1'], ['e1'])).networks.size, 0);
});

// Seeds, preshared keys and private keys are in no log line at any level and in no error, whatever happens.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { parseAddress } from '../../../src/base/ip.js';
import { TunnelMonitor } from '../../../src/driver/lifecycle/tunnel-monitor.js';
import { derivePrivateKey, SecretKey } from '../../../src/netlink/wireguard/key.js';
import { endpointRequest, HOST_KEY, networkRequest, World } from '../../support/driver-world.js';

const SEED = 'distinctive-seed-of-this-test';
const PSK = Buffer.from('distinctive preshared key 32 byt');
const secrets: Buffer[] = [
  Buffer.from(SEED),
  PSK,
  HOST_KEY.reveal(),
  derivePrivateKey(Buffer.from(SEED), parseAddress('10.0.0.2')!).reveal(),
];

/** A secret as text, and as whoever prints bytes would print it. */
const forms = secrets.flatMap(secret => [
  secret.toString('latin1'),
  secret.toString('base64').replace(/=+$/, ''),
  secret.toString('base64url').replace(/=+$/, ''),
  secret.toString('hex'),
  [...secret.subarray(0, 8)].join(','),
  [...secret.subarray(0, 8)].map(byte => byte.toString(16).padStart(2, '0')).join(' '),
]);

function assertNoSecret(text: string): void {
  for (const form of forms) assert.ok(!text.toLowerCase().includes(form.toLowerCase()), text);
}

const options = { 'dwgd.seed': SEED, 'dwgd.psk': PSK.toString('base64') };
const JOIN = { NetworkID: 'n1', EndpointID: 'e1', SandboxKey: '/x' };

/** Everything that can be asked of the driver, each failure kept. */
async function live(world: World, more: Record<string, string>, errors: unknown[]): Promise<void> {
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    await work().catch(err => errors.push(err));
  };
  const { driver } = world;
  await attempt(() => driver.createNetwork(networkRequest({ ...options, ...more }), 0));
  await attempt(() =>
    driver.createEndpoint({ ...endpointRequest('e1', '10.0.0.2/24'), publishesPorts: true }, 0),
  );
  await attempt(() => driver.join(JOIN, 0));
  await attempt(() => driver.join(JOIN, 0));
  const monitor = new TunnelMonitor(world);
  monitor.trigger();
  await attempt(() => monitor.idle());
  await attempt(() => driver.leave(JOIN, 0));
  await attempt(() => driver.deleteEndpoint(JOIN, 0));
  await attempt(() => driver.deleteNetwork('n1', 0));
  await world.reaper.idle();
}

test('the forms looked for are found where they are', () => {
  for (const text of [SEED, PSK.toString('base64'), PSK.toString('hex'), inspect([...PSK])]) {
    assert.throws(() => assertNoSecret(`${text.replace(/\s+/g, text.includes('[') ? '' : ' ')}`));
  }
});

test('a life of a container, undisturbed, says no secret', async () => {
  const world = new World();
  const errors: unknown[] = [];
  await live(world, {}, errors);
  assert.deepEqual(errors, []);
  assert.ok(world.lines.length >= 5);
  for (const line of world.lines) assertNoSecret(line);
});

test('a life of a container in which every request to the kernel fails once says no secret', async () => {
  const quiet = new World();
  await live(quiet, {}, []);
  const { length } = quiet.kernel.requests;
  const errors: unknown[] = [];
  for (let n = 0; n < length; n++) {
    const world = new World();
    world.kernel.requests.length = 0;
    world.kernel.refuse = () => (world.kernel.requests.length === n + 1 ? 22 : undefined);
    await live(world, {}, errors);
    for (const line of world.lines) assertNoSecret(line);
  }
  assert.ok(errors.length > length / 2);
  for (const err of errors) assertNoSecret(inspect(err, { depth: 10, showHidden: true }));
});

test("the link of a container holds its own key and the network's preshared key, and nothing of others", async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(options), 0);
  for (const [EndpointID, address] of [
    ['e1', '10.0.0.2'],
    ['e2', '10.0.0.3'],
  ] as const) {
    await world.driver.createEndpoint(endpointRequest(EndpointID, `${address}/24`), 0);
    await world.driver.join({ ...JOIN, EndpointID }, 0);
    const { privateKey, peers } = world.kernel.devices.get(`wg-${EndpointID}`)!;
    const held = [privateKey, ...peers.map(({ presharedKey }) => presharedKey)].map(key => key?.reveal());
    assert.deepEqual(held, [derivePrivateKey(Buffer.from(SEED), parseAddress(address)!).reveal(), PSK]);
  }
});

for (const more of [
  { 'dwgd.seed': '' },
  { 'dwgd.seedfile': '/etc/seed' },
  { 'dwgd.psk': `${PSK.toString('base64')}x` },
  { 'dwgd.psk': PSK.toString('hex') },
  { 'dwgd.pskfile': '/etc/psk' },
  { 'dwgd.ifname': 'nosuch' },
  { 'dwgd.mtu': 'x' },
  { 'dwgd.sedd': SEED },
]) {
  test(`a network refused for ${Object.keys(more)[0]} says no secret`, async () => {
    const world = new World();
    const errors: unknown[] = [];
    await live(world, more, errors);
    assert.ok(errors.length > 0);
    for (const err of errors) assertNoSecret(inspect(err, { depth: 10 }));
    for (const line of world.lines) assertNoSecret(line);
  });
}

test('a network and its plan may be printed by mistake, and say no preshared or private key', async () => {
  const world = new World();
  await world.driver.createNetwork(networkRequest(options), 0);
  const { seed: _, ...network } = world.store.network('n1')!;
  for (const text of [inspect(network, { depth: 10, showHidden: true }), JSON.stringify(network)])
    assertNoSecret(text);
  const device = await world.wg.device('wg0');
  const text = JSON.stringify({ ...device, key: new SecretKey(PSK) }, (_, v) =>
    typeof v === 'bigint' ? `${v}` : v,
  );
  assertNoSecret(text);
  assertNoSecret(inspect(device, { depth: 10, showHidden: true }));
});

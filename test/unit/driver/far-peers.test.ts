// What the far end of a network has to know: keys and addresses of containers that are there or may come, and no secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../src/base/errors.js';
import { parseAddress } from '../../../src/base/ip.js';
import { derivePrivateKey, publicKey } from '../../../src/netlink/wireguard/key.js';
import { AskedDriver, PSK } from '../../support/control-world.js';
import { SEED } from '../../support/driver-world.js';

const keyOf = (address: string): string =>
  `${publicKey(derivePrivateKey(Buffer.from(SEED), parseAddress(address)!))}`;

test('the addresses in use, by the names of their containers', async () => {
  const { status } = await AskedDriver.make();
  assert.deepEqual(await status.farPeers('vpn', undefined), {
    id: 'n2',
    name: 'vpn',
    hasPresharedKey: true,
    peers: [{ publicKey: keyOf('10.1.0.2'), allowedIPs: ['10.1.0.2/32'], container: 'app' }],
  });
});

test('a range: the addresses that containers may have, and both of one that has two', async () => {
  const { status, world } = await AskedDriver.make();
  const app = world.store.networkEndpoints('n2')[0]!;
  world.store.putEndpoint({ ...app, ipv6: parseAddress('fd01::2')! });
  const { peers } = await status.farPeers('vpn', '10.1.0.0/30');
  assert.deepEqual(peers, [
    { publicKey: keyOf('10.1.0.2'), allowedIPs: ['10.1.0.2/32', 'fd01::2/128'], container: 'app' },
    { publicKey: keyOf('10.1.0.3'), allowedIPs: ['10.1.0.3/32'] },
  ]);
});

test('an endpoint that is to go is none, and one that has not joined has the key that it will have', async () => {
  const { status, world } = await AskedDriver.make();
  const app = world.store.networkEndpoints('n2')[0]!;
  world.store.putEndpoint({ ...app, state: 'deleting' });
  world.store.putEndpoint({
    ...{ id: 'e9', networkId: 'n2', ifname: 'wg-e9', state: 'created', ipv4: parseAddress('10.1.0.9')! },
  });
  const { peers } = await status.farPeers('vpn', undefined);
  assert.deepEqual(peers, [{ publicKey: keyOf('10.1.0.9'), allowedIPs: ['10.1.0.9/32'] }]);
});

test('others are answered while a thousand keys are derived', async () => {
  const { status, world } = await AskedDriver.make();
  world.store.putNetwork({
    ...world.store.network('n2')!,
    ipv4: { subnet: { address: parseAddress('10.1.0.0')!, length: 16 } },
  });
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  const { peers } = await status.farPeers('vpn', '10.1.4.0/22');
  isDone = true;
  assert.equal(peers.length, 1024);
  assert.equal(new Set(peers.map(one => one.publicKey)).size, 1024);
  assert.ok(turns > 5, `${turns}`);
});

for (const [name, range, code, message] of [
  [
    'lan',
    undefined,
    undefined,
    'dwgd itself makes the containers of lan peers of wg0, as they come: there is no other end that has to know them',
  ],
  [
    'mullvad',
    undefined,
    undefined,
    'the containers of mullvad share the tunnel of its file, whose key the other end knows already: there is no peer to add',
  ],
  ['vpm', undefined, 'ENOENT', 'there is no network vpm of this driver: did you mean vpn?'],
  ['nobody', undefined, 'ENOENT', 'there is no network nobody of this driver: dwgd status lists them'],
  ['vpn', 'fd00::1', 'EINVAL', 'keys of vpn derive from IPv4 addresses: give a range of those'],
  [
    'vpn',
    '10.2.0.0/28',
    'EINVAL',
    'no container of vpn can have an address of 10.2.0.0/28: its subnet is 10.1.0.0/24',
  ],
] as const) {
  test(`no peers of ${name} ${range ?? ''}`, async () => {
    const asked = await AskedDriver.make();
    asked.addExit();
    await assert.rejects(
      asked.status.farPeers(name, range),
      new UserError(message, code === undefined ? {} : { code }),
    );
  });
}

test('no seed, private or preshared key is in the answer', async () => {
  const { status } = await AskedDriver.make();
  const text = JSON.stringify(await status.farPeers('vpn', '10.1.0.0/28'));
  const secrets: Buffer[] = [Buffer.from(SEED), PSK];
  for (let n = 0; n < 16; n++)
    secrets.push(derivePrivateKey(Buffer.from(SEED), parseAddress(`10.1.0.${n}`)!).reveal());
  for (const secret of secrets)
    for (const form of ['latin1', 'base64', 'base64url', 'hex'] as const)
      assert.ok(!text.includes(secret.toString(form)), form);
});

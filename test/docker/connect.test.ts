// Docker's hands stay free: a running container whose labels lead everything elsewhere is connected to networks and
// disconnected, also from the one that its gateway is on, and none of its packets goes by Docker's default route.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, connect, createNetwork, disconnect, remove, run } from '../support/containers.js';
import { ask, inside, Probe } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { connectVpn, FAR, FAR_PORT, leaks, makeVpn, makeWorld } from './world.js';

/** Packets to the world by way of the host, from everybody but the gateway. */
async function leakedByOthers(): Promise<number> {
  const [link] = JSON.parse(await inside('gateway', 'ip -j link show eth0')) as { address: string }[];
  const others = [...(await leaks())].filter(([way]) => !way.startsWith(link!.address));
  return others.reduce((sum, [, packets]) => sum + packets, 0);
}

const way = () => inside('user', `ip route get ${FAR} 2>&1 || true`);
const tunnelled = () =>
  follows(async () => assert.match(await ask('user', 'udp', FAR, FAR_PORT, { within: 0.3 }), /^vpn /));
const dockersDefault = () => inside('user', 'ip route show default');

keeping('connect', () => {
  test('a gateway, and networks that come before and after its own in the alphabet', async () => {
    await keeper.start();
    await makeWorld();
    await makeVpn();
    for (const name of ['aaa', 'main', 'zzz']) await createNetwork(name, { driver: 'bridge' });
    await run('gateway', { networks: { main: {} }, labels: { 'twine.nat.interfaces': 'wg+' } });
    await connectVpn('gateway');
  });

  for (const [what, labels] of [
    ['the default route', { 'twine.route.0.0.0.0/0': 'gateway' }],
    ['both halves', { 'twine.route.0.0.0.0/1': 'gateway', 'twine.route.128.0.0.0/1': 'gateway' }],
  ] as const) {
    test(`${what}: networks come and go, also the one that Docker's default route leads to`, async () => {
      await run('user', { networks: { main: {} }, labels });
      await tunnelled();
      const before = await leakedByOthers();
      const probe = await Probe.start('user', FAR, FAR_PORT, 5);
      // Of networks of one kind, Docker takes the first in the alphabet for its default route.
      for (const network of ['zzz', 'aaa']) await connect(network, 'user');
      const gateway = (await addressOf('user', 'aaa')).replace(/\d+$/, '1');
      assert.equal((await dockersDefault()).split(' dev')[0], `default via ${gateway}`);
      assert.match(await ask('user', 'udp', FAR, FAR_PORT), /^vpn /);
      assert.doesNotMatch(
        await inside('user', `ip route get ${gateway}`),
        / via /,
        'neighbours are neighbours',
      );
      for (const network of ['zzz', 'aaa']) await disconnect(network, 'user');
      assert.match(await ask('user', 'udp', FAR, FAR_PORT), /^vpn /);
      probe.stop();
      assert.equal(await leakedByOthers(), before);
    });

    test(`${what}: the gateway's own network is taken away, and given back`, async () => {
      const before = await leakedByOthers();
      await connect('aaa', 'user');
      const probe = await Probe.start('user', FAR, FAR_PORT, 5);
      await disconnect('main', 'user');
      await follows(async () => assert.match(await way(), /No route to host/));
      assert.match(await dockersDefault(), /^default via /, 'Docker has one');
      await connect('main', 'user');
      await tunnelled();
      probe.stop();
      assert.equal(await leakedByOthers(), before);
      await remove('user');
    });
  }
});

// A published port of a container whose default route is a label's: clients of the world reach it, and with the gateway
// or without it nothing that the container itself sends leaves by way of the host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, remove, run, start, stop } from '../support/containers.js';
import { sh } from '../support/lab.js';
import { ask, inside, serve } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { connectVpn, FAR, FAR_PORT, leaked, makeVpn, makeWorld } from './world.js';

const HOST = '198.51.100.1';
const WORLD = '198.51.100.2';
const published = (protocol: 'tcp' | 'udp'): Promise<string> => ask('netns:world', protocol, HOST, 9080);
/** The answer from the other end of the world; a busy machine takes its time. */
const far = (protocol: 'tcp' | 'udp'): Promise<string> => ask('user', protocol, FAR, FAR_PORT);
/** Whether there is one soon: where none is to come, or not yet. */
const soonFar = (protocol: 'tcp' | 'udp' = 'udp'): Promise<string> =>
  ask('user', protocol, FAR, FAR_PORT, { within: 0.5 });

keeping('published', () => {
  test('without labels the world reaches the port, and the container the world', async () => {
    await keeper.start();
    await makeWorld();
    await makeVpn();
    await createNetwork('main', { driver: 'bridge' });
    await run('gw', { networks: { main: {} }, labels: { 'twine.nat.interfaces': 'wg+' } });
    await connectVpn('gw');
    await createNetwork('house', { driver: 'bridge' });
    await run('router', { networks: { main: {}, house: {} } });
    await run('house', { networks: { house: {} } });
    await inside('router', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
    await run('user', { networks: { main: {} }, ports: { '9080/tcp': '9080', '9080/udp': '9080' } });
    for (const protocol of ['tcp', 'udp'] as const) {
      await serve('user', 'user', protocol, 9080);
      assert.equal(await published(protocol), `user ${WORLD}`);
      assert.match(await far(protocol), /^world /);
    }
    assert.notEqual(await leaked('user'), 0, 'the counter counts');
    await remove('user');
  });

  for (const [what, networks] of [
    ['a default route', ['0.0.0.0/0']],
    ['the two halves', ['0.0.0.0/1', '128.0.0.0/1']],
  ] as const) {
    test(`with ${what} it still does, and the container goes by the gateway`, async () => {
      await run('user', {
        networks: { main: {} },
        ports: { '9080/tcp': '9080', '9080/udp': '9080' },
        labels: Object.fromEntries(networks.map(network => [`twine.route.${network}`, 'gw'])),
      });
      await follows(async () => assert.match(await soonFar(), /^vpn /));
      const before = await leaked('user');
      for (const protocol of ['tcp', 'udp'] as const) {
        await serve('user', 'user', protocol, 9080);
        assert.equal(await published(protocol), `user ${WORLD}`);
        assert.match(await far(protocol), /^vpn /);
      }
      assert.equal(await leaked('user'), before);
    });

    test(`with ${what}, who comes by the gateway is answered by it`, async () => {
      const address = await addressOf('user', 'main');
      await sh(`ip -n vpn route replace ${address} via 10.250.0.2`);
      const before = await leaked('user');
      for (const protocol of ['tcp', 'udp'] as const) {
        assert.equal(await ask('netns:vpn', protocol, address, 9080), 'user 10.250.0.1');
      }
      assert.equal(await leaked('user'), before);
    });

    test(`with ${what}, who comes by a router that Docker does not know of is answered by it at the second try`, async () => {
      const [address, to] = [await addressOf('user', 'main'), await addressOf('router', 'house')];
      await inside('house', `ip route replace default via ${to}`);
      const house = await addressOf('house', 'house');
      const before = await leaked('user');
      for (const protocol of ['udp', 'tcp'] as const)
        await follows(async () =>
          assert.equal(await ask('house', protocol, address, 9080, { within: 0.5 }), `user ${house}`),
        );
      assert.match(await inside('user', 'ip rule'), /lookup 231 proto 229/);
      assert.equal(await leaked('user'), before);
    });

    test(`with ${what}, and the gateway stopped, who comes by the host is answered still, and nothing else leaves`, async () => {
      const before = await leaked('user');
      await stop('gw');
      await follows(async () =>
        assert.match(await inside('user', `ip route get ${FAR} 2>&1 || true`), /No route to host/),
      );
      assert.equal(await published('tcp'), `user ${WORLD}`);
      assert.match(await published('udp'), /^user (?!198)/, "it sees Docker's gateway");
      await assert.rejects(soonFar('tcp'));
      await assert.rejects(soonFar('udp'));
      assert.equal(await leaked('user'), before);
      await start('gw');
      await connectVpn('gw');
      await follows(async () => assert.match(await soonFar(), /^vpn /));
      assert.equal(await published('udp'), `user ${WORLD}`);
      await remove('user');
    });
  }
});

// What becomes right by itself: the host's interface that comes late or changes, a database that is lost, a call cut short.
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { createNetwork, ping, remove, run } from '../../support/containers.js';
import { daemon, database, docker, eventually, isLong, scenario, sh, wg } from '../../support/lab.js';

const OPTIONS = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'supersecretseed' };
const WG0 = { addresses: ['10.0.0.1/24'], port: 51820 };

/** Waits until it holds, and says how many milliseconds that took. */
async function timed(t: TestContext, what: string, holds: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await eventually(holds, { within: 60 });
  const ms = Math.round(performance.now() - started);
  t.diagnostic(`${what}: ${ms} ms`);
  return ms;
}

const endpointIn = (container: string): Promise<string> =>
  docker.within(container, 'wg show wg0 endpoints').then(text => text.trim().split('\t')[1] ?? '');

scenario('converge', () => {
  before(async () => {
    await wg.add('wg0', WG0);
    await daemon.start();
    await createNetwork('net', { options: OPTIONS, subnets: ['10.0.0.0/24 10.0.0.1'] });
  });

  if (isLong) {
    test('wg set: a port and a key that change without an event are followed within three seconds', async t => {
      await run('one', { networks: { net: { ip: '10.0.0.2' } } });
      await ping('one', '10.0.0.1');
      await sh('sleep 4; wg set wg0 listen-port 51999');
      const port = await timed(t, 'port', async () =>
        assert.equal(await endpointIn('one'), '127.0.0.1:51999'),
      );
      assert.ok(port < 5_000, `${port} ms`);
      await sh('wg genkey >/run/key; wg set wg0 private-key /run/key');
      const key = await sh('wg pubkey </run/key');
      const ms = await timed(t, 'key', async () =>
        assert.equal(await docker.within('one', 'wg show wg0 peers'), key),
      );
      assert.ok(ms < 5_000, `${ms} ms`);
      await ping('one', '10.0.0.1');
    });
  }

  if (isLong) {
    test('wg syncconf with a file that names no container: it is a peer again', async t => {
      await sh(
        `printf '[Interface]\\nPrivateKey = %s\\nListenPort = 51820\\n' "$(cat /run/key)" >/run/wg0.conf`,
      );
      await sh('wg syncconf wg0 /run/wg0.conf');
      const ms = await timed(t, 'peer', async () => assert.equal((await wg.dump('wg0')).peers.length, 1));
      assert.ok(ms < 5_000, `${ms} ms`);
      await ping('one', '10.0.0.1');
      await remove('one');
    });
  }

  test('without the interface a container starts, and nothing of it goes out by another way', async () => {
    await createNetwork('full', {
      options: { ...OPTIONS, 'dwgd.route': '0.0.0.0/0', 'dwgd.seed': 'another secret' },
      subnets: ['10.0.5.0/24 10.0.5.1'],
    });
    await sh('docker network create beside');
    await sh('ip link del wg0');
    await sh('iptables -t raw -A PREROUTING -d 192.0.2.7; iptables -t raw -A OUTPUT -d 192.0.2.7');
    await run('early', { networks: { net: { ip: '10.0.0.3' } } });
    await run('both', { networks: { full: { ip: '10.0.5.3' }, beside: {} } });
    await sh.fails('docker exec early ping -c 2 -W 1 10.0.0.1');
    await sh.fails('docker exec both ping -c 3 -W 1 192.0.2.7');
    const counters = await sh('iptables -t raw -vnxL | grep 192.0.2.7');
    assert.deepEqual(
      counters.split('\n').map(line => line.trim().split(/ +/)[0]),
      ['0', '0'],
    );
    assert.match(await sh('node dist/src/cli/main.js status'), /there is no interface wg0/);
  });

  test('when it comes, both are completed within a second, and one that is stopped before leaves nothing', async t => {
    await run('short', { networks: { net: { ip: '10.0.0.4' } } });
    await remove('short');
    await wg.add('wg0', { addresses: ['10.0.0.1/24', '10.0.5.1/24'], port: 51820 });
    const ms = await timed(t, 'both peers', async () => {
      assert.equal((await wg.dump('wg0')).peers.length, 2);
      assert.notEqual(await docker.within('early', 'wg show wg0 peers'), '');
    });
    assert.ok(ms < 4_000, `${ms} ms`);
    await ping('early', '10.0.0.1');
    await ping('both', '10.0.5.1');
    await remove('both');
    await remove('early');
    assert.deepEqual((await wg.dump('wg0')).peers, []);
  });

  if (isLong) {
    test('an interface that comes without a key: the key completes it', async t => {
      await sh('ip link del wg0');
      await sh('ip link add wg0 type wireguard; ip addr add 10.0.0.1/24 dev wg0; ip link set wg0 up');
      await run('early', { networks: { net: { ip: '10.0.0.3' } } });
      await sh('sleep 3; wg set wg0 private-key /run/key listen-port 51820');
      const ms = await timed(t, 'peer', async () => assert.equal((await wg.dump('wg0')).peers.length, 1));
      assert.ok(ms < 4_000, `${ms} ms`);
      await ping('early', '10.0.0.1');
      await remove('early');
    });

    test('the database lost: a container that runs keeps its tunnel, and leaves nothing when it goes', async t => {
      await run('early', { networks: { net: { ip: '10.0.0.3' } } });
      await daemon.kill9();
      await sh(`rm -f ${database}*`);
      await daemon.start();
      await timed(t, 'learnt', async () => assert.equal(await daemon.rows('client'), 1));
      await ping('early', '10.0.0.1');
      await remove('early');
      assert.deepEqual((await wg.dump('wg0')).peers, []);
      await daemon.settled();
      assert.deepEqual(await wg.names(), ['wg0']);
      assert.equal(await daemon.rows('client'), 0);
    });
  }
});

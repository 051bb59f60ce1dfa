// A container on several networks: dual stack, a bridge beside the tunnel, connect and disconnect, full tunnel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressOf,
  connect,
  createNetwork,
  disconnect,
  ping,
  remove,
  run,
} from '../../support/containers.js';
import { daemon, docker, isLong, scenario, sh, wg } from '../../support/lab.js';

const routes = (container: string) => docker.within(container, 'ip route; ip -6 route');

scenario('networks', () => {
  test('a dual-stack container reaches both gateways, and its peer has a /32 and a /128', async () => {
    await wg.add('wg0', {
      addresses: ['10.0.0.1/24', 'fd00::1/64', '10.9.9.9/32', 'fd99::9/128'],
      port: 51820,
    });
    await daemon.start();
    await createNetwork('dual', {
      options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' },
      subnets: ['10.0.0.0/24 10.0.0.1', 'fd00::/64 fd00::1'],
    });
    await run('dual', { networks: { dual: { ip: '10.0.0.2', ip6: 'fd00::2' } } });
    await ping('dual', '10.0.0.1');
    await ping('dual', 'fd00::1');
    assert.deepEqual((await wg.dump('wg0')).peers[0]?.allowedIps, ['10.0.0.2/32', 'fd00::2/128']);
    await remove('dual');
  });

  if (isLong) {
    test('beside a bridge network, both work and the default route is the bridge', async () => {
      await createNetwork('bridge1', { driver: 'bridge', subnets: ['172.30.0.0/24 172.30.0.1'] });
      await run('both', { networks: { bridge1: {}, dual: { ip: '10.0.0.3' } } });
      await ping('both', '172.30.0.1');
      await ping('both', '10.0.0.1');
      assert.match(await routes('both'), /default via 172\.30\.0\.1 dev eth0/);
      await remove('both');
    });
  }

  if (isLong) {
    test('a running container is connected and disconnected', async () => {
      await run('late', { networks: { bridge1: {} } });
      await connect('dual', 'late', { ip: '10.0.0.4' });
      await ping('late', '10.0.0.1');
      assert.equal((await wg.dump('wg0')).peers.length, 1);
      await disconnect('dual', 'late');
      assert.equal((await wg.dump('wg0')).peers.length, 0);
      assert.equal(await docker.within('late', 'wg show interfaces'), '');
      await connect('dual', 'late');
      await ping('late', '10.0.0.1');
      assert.notEqual(await addressOf('late', 'dual'), '');
      await remove('late');
    });
  }

  if (isLong) {
    test('a full tunnel without a bridge takes everything, IPv4 and IPv6', async () => {
      await sh('ip addr add 10.0.5.1/24 dev wg0; ip addr add fd05::1/64 dev wg0 nodad');
      await createNetwork('full', {
        options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's', 'dwgd.route': '0.0.0.0/0,::/0' },
        subnets: ['10.0.5.0/24 10.0.5.1', 'fd05::/64 fd05::1'],
      });
      await run('alone', { networks: { full: {} } });
      const table = await routes('alone');
      assert.match(table, /default via 10\.0\.5\.1 dev wg0/);
      assert.match(table, /default via fd05::1 dev wg0/);
      await ping('alone', '10.9.9.9');
      await ping('alone', 'fd99::9');
      await remove('alone');
    });
  }

  if (isLong) {
    test('a full tunnel beside a bridge takes the default route, and the bridge its own subnet', async () => {
      // Docker 20.10 gives the gateway to the first network by name.
      await createNetwork('z-bridge', { driver: 'bridge', subnets: ['172.31.0.0/24 172.31.0.1'] });
      await run('beside', { networks: { 'z-bridge': {}, full: {} } });
      const table = await routes('beside');
      assert.match(table, /default via 10\.0\.5\.1 dev wg0/);
      await ping('beside', '10.9.9.9');
      await ping('beside', '172.31.0.1');
      await remove('beside');
    });

    test('a container that is on a full tunnel can be connected to a bridge later', async () => {
      await run('later', { networks: { full: {} } });
      await connect('bridge1', 'later');
      await ping('later', '172.30.0.1');
      await ping('later', '10.9.9.9');
      await remove('later');
    });
  }

  test('a split tunnel reaches the networks of dwgd.route and no others', async () => {
    await sh('ip addr add 10.0.6.1/24 dev wg0');
    await createNetwork('split', {
      options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's', 'dwgd.route': '10.9.9.0/24,10.0.6.0/24' },
      subnets: ['10.0.6.0/24'],
    });
    await run('split', { networks: { split: {} } });
    await ping('split', '10.9.9.9');
    const table = await routes('split');
    assert.match(table, /10\.9\.9\.0\/24 dev wg0/);
    assert.doesNotMatch(table, /default/);
    await remove('split');
  });
});

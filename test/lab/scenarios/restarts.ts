// The daemon stopped and killed, dockerd stopped and killed: tunnels live on, and nothing is left in the end.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { createNetwork, ping, remove, run, stop } from '../../support/containers.js';
import { daemon, docker, dockerd, eventually, isLong, scenario, sh, wg } from '../../support/lab.js';

async function begin(): Promise<void> {
  await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
  await daemon.start();
  await createNetwork('net', {
    options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' },
    subnets: ['10.0.0.0/24 10.0.0.1'],
  });
}

async function nothingLeft(): Promise<void> {
  await eventually(
    async () => {
      assert.deepEqual((await wg.dump('wg0')).peers, []);
      assert.deepEqual(await wg.names(), ['wg0']);
      assert.equal(await daemon.rows('client'), 0);
    },
    { within: 120 },
  );
}

scenario(
  'restarts',
  () => {
    test('the daemon stopped: sockets gone at once, the tunnel works on, the container stops cleanly later', async () => {
      await begin();
      await run('one', { networks: { net: {} } });
      await ping('one', '10.0.0.1');
      assert.equal(await daemon.stop(), 0);
      assert.equal(existsSync('/run/dwgd/dwgd.sock'), false);
      assert.equal(existsSync('/run/docker/plugins/dwgd.sock'), false);
      await ping('one', '10.0.0.1');
      await daemon.restart();
      await ping('one', '10.0.0.1');
      await remove('one');
      await nothingLeft();
    });

    if (isLong) {
      test('the daemon killed with -9: the same', async () => {
        await run('two', { networks: { net: {} } });
        await ping('two', '10.0.0.1');
        await daemon.kill9();
        await ping('two', '10.0.0.1');
        await daemon.start();
        await stop('two');
        await nothingLeft();
        await remove('two');
      });
    }

    if (isLong) {
      test('a container that ended while the daemon was down leaves nothing after its return', async () => {
        await run('three', { networks: { net: {} } });
        await daemon.kill9();
        // Docker waits fifteen seconds for an answer to Leave, and again to DeleteEndpoint, and goes on.
        await remove('three');
        await daemon.start();
        await nothingLeft();
      });

      test('a network removed while the daemon was down is forgotten after its return', async () => {
        await createNetwork('other', {
          options: { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' },
          subnets: ['10.0.7.0/24'],
        });
        assert.equal(await daemon.rows('network'), 2);
        await daemon.kill9();
        await docker.call('DELETE', '/networks/other');
        await daemon.start();
        await eventually(async () => assert.equal(await daemon.rows('network'), 1), { within: 120 });
      });
    }

    if (isLong) {
      test('dockerd killed and started: a container that restarts always comes back by a new endpoint', async () => {
        await run('always', { networks: { net: { ip: '10.0.0.5' } }, restart: 'always' });
        await ping('always', '10.0.0.1');
        await dockerd.kill9();
        await sh('pkill -9 containerd-shim; sleep 1');
        await dockerd.start();
        await eventually(() => ping('always', '10.0.0.1'), { within: 120 });
        await eventually(async () => assert.equal(await daemon.rows('client'), 1), { within: 120 });
        assert.equal((await wg.dump('wg0')).peers.length, 1);
        await remove('always');
        await nothingLeft();
      });
    }

    if (isLong) {
      test('with a database in memory, a network is adopted from Docker again', async () => {
        await daemon.restart({ args: ['-d', '', '-v', '--no-labels'] });
        await eventually(() => assert.match(daemon.logs(), /adopted a network from Docker/), { within: 120 });
        await run('memory', { networks: { net: {} } });
        await ping('memory', '10.0.0.1');
        await remove('memory');
        await daemon.restart({ args: ['-d', '/run/lab-dwgd.db', '-v', '--no-labels'] });
      });

      test('with --live-restore, a container that lives through dockerd keeps its tunnel', async () => {
        await dockerd.restart('--live-restore');
        await run('live', { networks: { net: {} } });
        await dockerd.restart('--live-restore');
        await ping('live', '10.0.0.1');
        // Longer than the two looks that would have it taken for gone.
        await sh('sleep 8');
        await ping('live', '10.0.0.1');
        assert.equal((await wg.dump('wg0')).peers.length, 1);
        await remove('live');
        await nothingLeft();
      });

      test('with --live-restore, a container that died with dockerd leaves nothing', async () => {
        await run('dead', { networks: { net: {} } });
        const { State } = await docker.get<{ State: { Pid: number } }>('/containers/dead/json');
        await dockerd.kill9();
        await sh(`kill -9 ${State.Pid}`);
        await dockerd.start('--live-restore');
        await nothingLeft();
        await remove('dead');
        await dockerd.restart();
      });
    }
  },
  { within: 1500 },
);

// Two exit networks of different files at once, a container on one and a bridge, and networks that come and go while it runs (with --long).
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { connect, createNetwork, disconnect, ping, remove, run } from '../../support/containers.js';
import { daemon, docker, Remote, scenario, sh, wg } from '../../support/lab.js';
import {
  counted,
  FAR_AWAY,
  goesOutBy,
  makeProviders,
  nothingElse,
  OTHER_SUBNETS,
  PINGS,
  PROVIDERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';

const [FAR, FAR6] = FAR_AWAY;
const SENDING = ['sh', '-c', PINGS];

/** The subnet of the router that a container's default route is by. */
const defaultOf = (name: string): Promise<string> => docker.within(name, 'ip route show default');

/** Packets that came out at neither far end within some seconds. */
async function isCutOff(name: string): Promise<void> {
  await assert.rejects(docker.within(name, `ping -c 2 -W 2 ${FAR}`));
}

scenario(
  'exit-pairs',
  () => {
    let remote: Remote;

    test('containers of two networks go out by two providers at the same time', async () => {
      remote = await makeProviders();
      await daemon.start();
      await createNetwork('exit', { options: { 'dwgd.conf': PROVIDERS[0].file }, subnets: SUBNETS });
      await createNetwork('other', { options: { 'dwgd.conf': PROVIDERS[1].file }, subnets: OTHER_SUBNETS });
      await startCounting();
      await run('one', { networks: { exit: {} }, command: SENDING });
      await run('two', { networks: { other: { ip: '10.79.0.22' } }, command: SENDING });
      await Promise.all([goesOutBy('wg0'), goesOutBy('wg1')]);
      await ping('one', FAR6);
      // Neither reaches the other, nor its router.
      for (const address of ['10.79.0.22', '10.79.0.1'])
        await assert.rejects(docker.within('one', `ping -c 2 -W 2 ${address}`));
    });

    test('a container on an exit network and a bridge goes out by the tunnel where its name comes first, and reaches both', async () => {
      await createNetwork('z-front', { driver: 'bridge', subnets: ['10.88.0.0/24'] });
      await run('near', { networks: { 'z-front': { ip: '10.88.0.99' } } });
      await run('both', { networks: { exit: {}, 'z-front': {} }, command: SENDING });
      assert.match(await defaultOf('both'), /via 10\.77\.0\.1 /);
      await ping('both', '10.88.0.99');
      await ping('both', FAR);
      await ping('both', FAR6);
      await goesOutBy('wg0');
    });

    test('the bridge taken away and given back while it runs: it goes on by the tunnel', async () => {
      await disconnect('z-front', 'both');
      await ping('both', FAR);
      await connect('z-front', 'both');
      await ping('both', '10.88.0.99');
      assert.match(await defaultOf('both'), /via 10\.77\.0\.1 /);
      await goesOutBy('wg0');
      await remove('both');
    });

    test('one on an exit network alone is cut off when that is taken away, and goes out when it is given back', async () => {
      await disconnect('exit', 'one');
      await isCutOff('one');
      await nothingElse();
      await connect('exit', 'one');
      await ping('one', FAR);
      await ping('one', FAR6);
      await goesOutBy('wg0');
    });

    test('moved from one to the other while it runs, it goes out by the other provider', async () => {
      await remove('two');
      await disconnect('exit', 'one');
      const before = await counted();
      await connect('other', 'one');
      await goesOutBy('wg1');
      const { wg0_4, wg0_6 } = await counted();
      assert.deepEqual([wg0_4, wg0_6], [before.wg0_4, before.wg0_6]);
      // On both it is by the first name.
      await connect('exit', 'one');
      assert.match(await defaultOf('one'), /via 10\.77\.0\.1 /);
      await goesOutBy('wg0');
      await disconnect('exit', 'one');
      await goesOutBy('wg1');
      await remove('one');
    });

    test('a bridge of IPv4 alone whose name comes first is not the default before an exit network of both families', async () => {
      await createNetwork('a-front', { driver: 'bridge', subnets: ['10.89.0.0/24'] });
      await run('early', { networks: { exit: {}, 'a-front': {} } });
      assert.match(await defaultOf('early'), /via 10\.77\.0\.1 /);
      await remove('early');
    });

    test('two peers, split, without a default route: each gets what is its own, and the rest goes nowhere', async () => {
      const [{ own, ours, file }] = PROVIDERS;
      const SECOND = '203.0.113.9';
      await remote.admit(own.publicKey, `${ours[0]}/32`);
      await wg.setPeer('wg1', { publicKey: own.publicKey, allowedIps: [`${ours[0]}/32`] }, Remote.netns);
      await remote.sh(
        `ip addr add ${SECOND} dev lo; ip rule add from ${SECOND} table 7; ip route add ${ours[0]} dev wg1 table 7`,
      );
      const key = await remote.sh('wg show wg1 public-key');
      const split = (await readFile(file, 'utf8'))
        .replace('AllowedIPs = 0.0.0.0/0, ::/0', `AllowedIPs = ${FAR}/32, ${PROVIDERS[0].theirs[0]}/32`)
        .replace(/, fd.*\n/g, '\n');
      await writeFile(
        '/etc/dwgd/split.conf',
        `${split}\n[Peer]\npublickey = ${key}\nAllowedIPs = 203.0.113.0/24\nEndpoint = 192.0.2.2:51821\n`,
        { mode: 0o600 },
      );
      await createNetwork('split', {
        options: { 'dwgd.conf': '/etc/dwgd/split.conf' },
        subnets: ['10.78.0.0/24'],
      });
      await run('three', { networks: { split: {} } });
      await ping('three', FAR);
      await ping('three', SECOND);
      assert.equal(await defaultOf('three'), '');
      assert.match(
        await sh(`nsenter --net=${await docker.sandbox('three')} ping -c 1 192.0.2.2 2>&1 || true`),
        /unreachable/i,
      );
    });
  },
  { within: 1500 },
);

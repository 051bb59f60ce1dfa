// twine.host.routes: routes of the host by way of a container, which come, follow and go with it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, remove, run, start, stop } from '../support/containers.js';
import { daemon, sh } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';

const ours = () => sh('ip route show proto 229; ip -6 route show proto 229');
const foreign = () => sh('ip route | grep -v "proto 229"; ip -6 route | grep -v "proto 229\\|fe80"');

/** A router with a network behind it. */
async function runRouter(): Promise<string> {
  await run('router', {
    networks: { main: {} },
    labels: { 'twine.host.routes': '10.66.0.1/16,fd66::/64' },
  });
  return addressOf('router', 'main');
}

keeping('host-routes', () => {
  test('the host gets a route to the networks behind a container, IPv4 and IPv6', async () => {
    await createNetwork('main', {
      driver: 'bridge',
      subnets: ['172.30.0.0/24 172.30.0.1', 'fd30::/64 fd30::1'],
    });
    await sh('ip route add 10.99.0.0/16 via 172.30.0.200');
    await keeper.start();
    const address = await runRouter();
    await follows(async () => {
      assert.match(await ours(), new RegExp(`^10\\.66\\.0\\.0/16 via ${address} dev br-`, 'm'));
      assert.match(await ours(), /^fd66::\/64 via fd30::\S+ dev br-/m);
    });
    await inside('router', 'ip addr add 10.66.0.9/32 dev lo');
    await sh('ping -n -c 1 -W 5 10.66.0.9');
  });

  test('it follows the container to another address, and goes with it', async () => {
    const before = await foreign();
    await remove('router');
    await follows(async () => assert.equal(await ours(), ''));
    await run('squatter', { networks: { main: {} } });
    const address = await runRouter();
    await follows(async () => assert.match(await ours(), new RegExp(`via ${address} `)));
    await stop('router');
    await follows(async () => assert.equal(await ours(), ''));
    await start('router');
    await follows(async () => assert.match(await ours(), /10\.66/));
    await remove('router');
    await follows(async () => assert.equal(await ours(), ''));
    assert.equal(await foreign(), before);
  });

  test('a default route and one over an address in use are refused, the others of the label are not', async () => {
    const squatter = await addressOf('squatter', 'main');
    const refused = `0.0.0.0/0,172.30.0.0/16,172.30.0.192/28,${squatter}`;
    await run('greedy', {
      networks: { main: {} },
      labels: { 'twine.host.routes': `${refused},10.67.0.0/16` },
    });
    await follows(async () => assert.match(await ours(), /^10\.67\.0\.0\/16 .*$/));
    assert.match(daemon.logs(), /no route to 0\.0\.0\.0\/0: it would be the host's default route/);
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.0\/16: 172\.30\.0\.1 is an address of the host itself/,
    );
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.192\/28: 172\.30\.0\.200 is a gateway of the host's own routes/,
    );
    assert.match(
      daemon.logs(),
      /no route to 172\.30\.0\.\d+\/32: 172\.30\.0\.\d+ is the address of squatter/,
    );
  });

  test('what was allowed is made; what a dead daemon left and nobody wants is taken away', async () => {
    await daemon.kill9();
    await sh(
      'ip route add 10.68.0.0/16 via 172.30.0.1 proto 229 || ip route add 10.68.0.0/16 via 172.30.0.200 proto 229',
    );
    await keeper.start({
      flags: ['--allow-host-routes', '172.30.0.0/16,10.0.0.0/8', '--look-interval', '3600'],
    });
    await follows(async () => {
      assert.match(await ours(), /^172\.30\.0\.0\/16 via/m);
      assert.doesNotMatch(await ours(), /10\.68/);
    });
    await remove('greedy');
    await follows(async () => assert.equal(await ours(), ''));
    assert.match(await foreign(), /10\.99\.0\.0\/16 via 172\.30\.0\.200/);
  });
});

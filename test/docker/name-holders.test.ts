// Nothing goes to somebody else: not while a gateway is stopped or gone, not to one-off containers, not with the image gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetwork, remove, run, stop } from '../support/containers.js';
import { daemon, docker, eventually } from '../support/lab.js';
import { inside } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';
import { assertSame, snapshot } from './snapshot.js';

const ROUTE = 'twine.route.0.0.0.0/0';
const compose = (project: string, service: string, rest: Record<string, string> = {}) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
  ...rest,
});
const ONE_OFF = { 'com.docker.compose.oneoff': 'True' };

/** Where the container's packets to the world go: an address, or `unreachable`. */
async function way(container: string): Promise<string> {
  const said = await inside(container, 'ip route get 203.0.113.1 2>&1 || true');
  return / via (\S+)/.exec(said)?.[1] ?? (/unreachable|No route to host/.test(said) ? 'unreachable' : said);
}

async function addressOf(container: string): Promise<string> {
  const { NetworkSettings } = await docker.get<{
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }>(`/containers/${container}/json`);
  return NetworkSettings.Networks.shared!.IPAddress;
}

/** Counts what comes to a container for the world. */
const count = (container: string) =>
  inside(
    container,
    'nft "add table inet got; add counter inet got far; add chain inet got c { type filter hook prerouting priority -300 ; }; add rule inet got c ip daddr 203.0.113.1 counter name far"',
  );

/** A container sends a packet to the world: how many have come to another one. */
async function led(user: string, gateway: string): Promise<number> {
  await inside(user, 'ping -n -c 1 -W 1 203.0.113.1 || true');
  return Number(/packets (\d+)/.exec(await inside(gateway, 'nft list counter inet got far'))![1]);
}

const leads = (container: string, expected: string) =>
  follows(async () => assert.equal(await way(container), expected));

keeping('name-holders', () => {
  const vpn = { networks: { shared: { aliases: ['vpn'] } } };

  test('the own service is the gateway, whoever else has its name', async () => {
    await createNetwork('shared', { driver: 'bridge' });
    await keeper.start();
    await run('a-b-vpn-1', { ...vpn, labels: compose('b', 'vpn') });
    await run('a-vpn-run-1', { ...vpn, labels: compose('a', 'vpn', ONE_OFF) });
    await run('plain', vpn);
    await run('a-vpn-1', { ...vpn, labels: compose('a', 'vpn') });
    await run('a-app-1', { networks: { shared: {} }, labels: compose('a', 'app', { [ROUTE]: 'vpn' }) });
    await leads('a-app-1', await addressOf('a-vpn-1'));
  });

  test('a name of links is that container, on a network of its own and on the default bridge, whoever else has the name', async () => {
    for (const name of ['old-vpn', 'theirs']) await run(name, { mode: 'bridge' });
    await run('gw', { networks: { shared: { aliases: ['gate'] } } });
    const label = { [ROUTE]: 'gw' };
    await run('linked', { networks: { shared: { links: ['a-vpn-1:gw'] } }, labels: label });
    await run('gw-of-old', { mode: 'bridge', hostConfig: { Links: ['old-vpn:gw'] }, labels: label });
    for (const [user, gateway, others] of [
      ['linked', 'a-vpn-1', ['gw']],
      ['gw-of-old', 'old-vpn', ['theirs']],
    ] as const) {
      for (const one of [gateway, ...others]) await count(one);
      await follows(async () => assert.notEqual(await led(user, gateway), 0));
      // Stopped, nobody stands in for it; all that was sent before has been seen.
      await stop(gateway);
      await leads(user, 'unreachable');
      for (const one of others) assert.equal(await led(user, one), 0, one);
      await docker.call('POST', `/containers/${gateway}/start`);
      await count(gateway);
      await follows(async () => assert.notEqual(await led(user, gateway), 0));
    }
    for (const name of ['linked', 'gw-of-old', 'gw', 'old-vpn', 'theirs']) await remove(name);
  });

  test("stopped, it is unreachable: neither another project's service, a one-off container nor an alias", async () => {
    await stop('a-vpn-1');
    await leads('a-app-1', 'unreachable');
    await docker.call('POST', '/containers/a-vpn-1/start');
    await leads('a-app-1', await addressOf('a-vpn-1'));
  });

  test('so it is for a daemon that has never seen it running', async () => {
    await stop('a-vpn-1');
    await leads('a-app-1', 'unreachable');
    await daemon.kill9();
    await inside('a-app-1', 'ip route flush table 229');
    await keeper.start();
    await leads('a-app-1', 'unreachable');
  });

  test("removed, it is not another project's service, which is reached by its container's name", async () => {
    await remove('a-vpn-1');
    await remove('plain');
    await leads('a-app-1', 'unreachable');
    await eventually(() =>
      assert.match(
        daemon.logs(),
        /vpn is a service of the Compose project b, to which this container does not belong/,
      ),
    );
    const labels = compose('a', 'other', { [ROUTE]: 'a-b-vpn-1' });
    await run('a-other-1', { networks: { shared: {} }, labels });
    await leads('a-other-1', await addressOf('a-b-vpn-1'));
  });

  test('an alias of one that is stopped is not that of the next', async () => {
    await run('first', { networks: { shared: { aliases: ['gate'] } } });
    await run('second', { networks: { shared: { aliases: ['gate'] } } });
    await run('user', { networks: { shared: {} }, labels: { [ROUTE]: 'gate' } });
    await leads('user', await addressOf('first'));
    await stop('first');
    await leads('user', 'unreachable');
  });

  test("labels that an image may have, as if it were a service of Swarm, draw no other's packets", async () => {
    const claim = { 'com.docker.swarm.service.name': 'gluetun', 'com.docker.swarm.task.name': 'gluetun.1.x' };
    await run('claims', { networks: { shared: {} }, labels: claim });
    await run('gluetun', { networks: { shared: {} } });
    await run('behind', { networks: { shared: {} }, labels: { [ROUTE]: 'gluetun' } });
    await leads('behind', await addressOf('gluetun'));
  });

  test('with the image gone and the daemon started anew, what is in force stays', async () => {
    const { Id } = await docker.call<{ Id: string }>(
      'POST',
      '/commit?container=second&repo=of-its-own&tag=lab',
      { Labels: { its: 'own' } },
    );
    await run('kept', {
      networks: { shared: {} },
      image: 'of-its-own:lab',
      labels: { [ROUTE]: 'second', 'twine.nat.interfaces': 'wg+' },
    });
    await leads('kept', await addressOf('second'));
    // Docker removes no image of a container that runs.
    await stop('kept');
    await docker.call('DELETE', `/images/${Id}?force=true`);
    await docker.call('POST', '/containers/kept/start');
    await leads('kept', await addressOf('second'));
    await follows(() => inside('kept', 'nft list table inet dwgd'));
    const before = await snapshot('kept');
    await daemon.kill9();
    await keeper.start();
    await follows(() => assert.match(daemon.logs(), /the container's image is gone, so it is not known/));
    assertSame(await snapshot('kept'), before);
    await inside('kept', 'ip route flush table 229');
    await daemon.kill9();
    await keeper.start();
    await leads('kept', 'unreachable');
  });
});

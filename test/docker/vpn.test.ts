// The README's gateway for other containers, with a link that stands in for the tunnel: qbittorrent's traffic leaves by
// way of the client, port 9080 of the client reaches qbittorrent, and the routes follow the client wherever it goes. The
// same with a client that has gluetun's firewall and routing, once its log's lines are run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composed } from '../support/compose-containers.js';
import {
  addressOf,
  connect,
  createNetwork,
  disconnect,
  remove,
  run,
  start,
  stop,
} from '../support/containers.js';
import { docker, ask as request } from '../support/lab.js';
import { pageBlock } from '../support/page-blocks.js';
import { ask, inside, Probe, serve } from '../support/talk.js';
import { GATEWAYS, type Gateway } from './gateways.js';
import { follows, keeper, keeping } from './keeper.js';
import { FAR, FAR_PORT, leaked, leaks, makeVpn, makeWorld } from './world.js';

const README = composed('vpn', pageBlock('README.md: A gateway for other containers'));
/** On a host that forwards before Docker does, each namespace begins with that. */
const CLIENT = {
  ...README.containers.get('wireguard-client')!,
  hostConfig: { Sysctls: { 'net.ipv4.ip_forward': '1' } },
};
const QBITTORRENT = README.containers.get('qbittorrent')!;

/** What ip-route(8) says of EHOSTUNREACH. */
const UNREACHABLE = /No route to host/;

const client = 'vpn-wireguard-client-1';
const user = 'vpn-qbittorrent-1';

/** Who answers at the address of the internet. */
const far = () => ask(user, 'udp', FAR, FAR_PORT, { within: 0.3 });

/** Waits until the user's packets go by the tunnel. */
async function tunnelled(): Promise<void> {
  await follows(async () => assert.match(await far(), /^vpn 10\.250\.0\.2$/));
}

/**
 * Does something to the client, during which the user goes on sending, and asserts that no packet went by a default
 * route: neither the user's nor, while the client is without its tunnel, the client's.
 */
async function withoutLeak(work: () => Promise<void>): Promise<void> {
  const before = await leaks();
  const probe = await Probe.start(user, FAR, FAR_PORT, 5);
  await work();
  probe.stop();
  assert.equal(probe.answers[0]!.name, 'vpn');
  assert.deepEqual(await leaks(), before);
}

/** Nothing of the user's leaves at all: neither by the tunnel nor by the default route. */
async function cutOff(): Promise<void> {
  await follows(async () =>
    assert.match(await inside(user, `ip route get ${FAR} 2>&1 || true`), UNREACHABLE),
  );
  await assert.rejects(far());
}

/** The scenario with one kind of gateway as the client; where it is not whole, as much as is about the gateway itself. */
function tests(gateway: Gateway): void {
  const connects = (): Promise<void> => gateway.connect(client);
  const begins = async (): Promise<void> => {
    await gateway.start(client);
    await connects();
  };

  test('traffic leaves by way of the client, and not by the default route', async () => {
    await keeper.start(gateway.flags && { flags: gateway.flags });
    await makeWorld();
    await makeVpn();
    for (const [name, network] of README.networks) await createNetwork(name, network);
    await run('plain', { networks: { vpn_main: {} } });
    assert.match(await ask('plain', 'udp', FAR, FAR_PORT), /^world /);
    assert.notEqual(await leaked('plain'), 0, 'the counter counts');
    await run(client, CLIENT);
    await begins();
    await run(user, QBITTORRENT);
    await gateway.heed(client);
    await tunnelled();
    assert.match(await ask(user, 'tcp', FAR, FAR_PORT), /^vpn 10\.250\.0\.2$/);
    assert.match(
      await ask('plain', 'udp', FAR, FAR_PORT),
      /^world /,
      'a container without labels goes its way',
    );
  });

  test('port 9080 of the client reaches qbittorrent, by an interface that came after the start; it sees who asks', async () => {
    await serve(user, 'qbittorrent', 'tcp', 9080);
    await follows(async () =>
      assert.equal(await ask('netns:vpn', 'tcp', '10.250.0.2', 9080), 'qbittorrent 10.250.0.1'),
    );
  });

  test('the client is restarted: the routes are back', async () => {
    await withoutLeak(async () => {
      await docker.call('POST', `/containers/${client}/restart?t=0`);
      await begins();
      await tunnelled();
    });
  });

  test('a client that has lost its tunnel leads nobody to the default route', async () => {
    await withoutLeak(async () => {
      await docker.call('POST', `/containers/${client}/restart?t=0`);
      await gateway.start(client);
      for (let n = 0; n < 5; n++) await assert.rejects(far());
      await connects();
      await tunnelled();
    });
  });

  test('the tunnel of the client restarts: its users wait for it', async () => {
    await withoutLeak(async () => {
      await gateway.disconnect(client);
      for (let n = 0; n < 2; n++) await assert.rejects(far());
      await connects();
      await tunnelled();
    });
  });

  test('the client is stopped: its users are cut off; started: they are not', async () => {
    await withoutLeak(async () => {
      await stop(client);
      await cutOff();
      await start(client);
      await begins();
      await tunnelled();
    });
  });

  if (!gateway.isWhole) return;

  test('the published port reaches qbittorrent', async () => {
    assert.match(await ask('host', 'tcp', '127.0.0.1', 9080), /^qbittorrent /);
  });

  test('the client is made anew with another address', async () => {
    const before = await addressOf(client, 'vpn_main');
    await withoutLeak(async () => {
      await remove(client);
      await cutOff();
      // Its old address is another's by now.
      await run('squatter', { networks: { vpn_main: { ip: '' } } });
      await run(client, CLIENT);
      await begins();
      await tunnelled();
    });
    assert.notEqual(await addressOf(client, 'vpn_main'), before);
    const routes = await inside(user, 'ip route show table all');
    assert.doesNotMatch(routes, new RegExp(`via ${before.replaceAll('.', '\\.')} `));
  });

  test('the client is disconnected and connected again', async () => {
    await withoutLeak(async () => {
      await disconnect('vpn_main', client);
      await cutOff();
      await connect('vpn_main', client, { aliases: ['wireguard-client'] });
      await tunnelled();
    });
  });

  test('the client is renamed: as a service it is found still', async () => {
    await withoutLeak(async () => {
      await docker.call('POST', `/containers/${client}/rename?name=other`);
      await tunnelled();
      await docker.call('POST', `/containers/other/rename?name=${client}`);
      await tunnelled();
    });
  });

  test("a name that is a container's alone goes and comes with it", async () => {
    await run('by-name', { networks: { vpn_main: {} }, labels: { [`twine.route.${FAR}`]: 'gateway' } });
    await follows(async () =>
      assert.match(await inside('by-name', `ip route get ${FAR} 2>&1 || true`), UNREACHABLE),
    );
    await docker.call('POST', `/containers/${client}/rename?name=gateway`);
    await follows(async () =>
      assert.match(await ask('by-name', 'udp', FAR, FAR_PORT, { within: 0.3 }), /^vpn /),
    );
    await docker.call('POST', `/containers/gateway/rename?name=${client}`);
    await follows(async () =>
      assert.match(await inside('by-name', `ip route get ${FAR} 2>&1 || true`), UNREACHABLE),
    );
  });

  test('a route to the address of the client is closed while that ends and starts, as one to its name', async () => {
    const address = await addressOf(client, 'vpn_main');
    const label = { [`twine.route.${FAR}`]: address };
    await run('by-address', { networks: { vpn_main: {} }, labels: label });
    const sent = () => ask('by-address', 'udp', FAR, FAR_PORT, { within: 0.3 });
    await follows(async () => assert.match(await sent(), /^vpn /));
    const before = await leaks();
    const probe = await Probe.start('by-address', FAR, FAR_PORT, 2);
    for (let n = 0; n < 5; n++) {
      await docker.call('POST', `/containers/${client}/restart?t=0`);
      await begins();
      await follows(async () => assert.match(await sent(), /^vpn /));
    }
    await stop(client);
    await follows(async () =>
      assert.match(await inside('by-address', `ip route get ${FAR} 2>&1 || true`), UNREACHABLE),
    );
    const { text } = await request('/run/dwgd/control.sock', 'GET', '/v1/status');
    assert.ok(text.includes(`${address} is the address of ${client}, which is not running: start it`));
    await start(client);
    await begins();
    assert.equal(await addressOf(client, 'vpn_main'), address);
    await follows(async () => assert.match(await sent(), /^vpn /));
    probe.stop();
    assert.deepEqual(await leaks(), before);
    await remove('by-address');
  });

  test('the user is restarted, and made anew: its packets go by the tunnel again', async () => {
    await docker.call('POST', `/containers/${user}/restart?t=0`);
    await tunnelled();
    await remove(user);
    await run(user, QBITTORRENT);
    await tunnelled();
  });

  test('made anew without labels, it goes by the default route, and nothing of ours is left', async () => {
    const { labels, ...bare } = QBITTORRENT;
    await remove(user);
    await run(user, { ...bare, labels: {} });
    assert.match(await ask(user, 'udp', FAR, FAR_PORT), /^world /);
    assert.equal(await inside(user, 'ip rule | grep -vc "lookup \\(local\\|main\\|default\\)" || true'), '0');
    assert.doesNotMatch(await inside(user, 'nft list ruleset'), /dwgd/);
    assert.ok(labels);
  });
}

for (const gateway of GATEWAYS) keeping(gateway.name, () => tests(gateway));

// The README's localhost of a container, elsewhere: udp 5353 on localhost of dnsmasq reaches traefik. Beside it labels of other
// programs, and ports.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composed } from '../support/compose-containers.js';
import { createNetwork, run } from '../support/containers.js';
import { daemon, docker } from '../support/lab.js';
import { pageBlock } from '../support/page-blocks.js';
import { ask, inside, serve } from '../support/talk.js';
import { follows, keeper, keeping } from './keeper.js';

const README = composed('dns', pageBlock('README.md: Localhost of a container, elsewhere'));
const [dnsmasq, traefik] = ['dnsmasq', 'traefik'].map(name => README.containers.get(name)!);

keeping('dnsmasq', () => {
  test('localhost of one container reaches another', async () => {
    await keeper.start();
    for (const [name, network] of README.networks) await createNetwork(name, network);
    await run('dns-traefik-1', {
      ...traefik!,
      ports: { '80/tcp': '8080', '443/tcp': '8443' },
      labels: { ...traefik!.labels, 'twine.nat.interfaces': 'eth+' },
    });
    await run('dns-helloworld-1', {
      networks: { dns_main: { aliases: ['helloworld'] } },
      labels: {
        'com.docker.compose.project': 'dns',
        'com.docker.compose.service': 'helloworld',
        'traefik.http.services.helloworld.loadbalancer.server.port': '8080',
        'traefik.http.routers.helloworld.tls.domains[0].main': 'example.com',
        'traefik.http.routers.helloworld.tls.domains[0].sans': '*.example.com',
      },
    });
    await run('dns-dnsmasq-1', {
      ...dnsmasq!,
      ports: { '53/tcp': '5300', '53/udp': '5300' },
      labels: { ...dnsmasq!.labels, 'twine.nat.interfaces': 'lo' },
    });
    await serve('dns-traefik-1', 'traefik', 'udp', 5353);
    await follows(async () =>
      assert.match(await ask('dns-dnsmasq-1', 'udp', '127.0.0.1', 5353, { within: 0.5 }), /^traefik /),
    );
  });

  test('127.0.0.0/8 stays out of reach from other containers', async () => {
    await serve('dns-dnsmasq-1', 'local', 'udp', 6000);
    assert.match(await ask('dns-dnsmasq-1', 'udp', '127.0.0.1', 6000), /^local /);
    const { NetworkSettings } = await docker.get<{
      NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
    }>('/containers/dns-dnsmasq-1/json');
    const address = NetworkSettings.Networks.dns_main!.IPAddress;
    await inside(
      'dns-helloworld-1',
      `ip route add 127.0.0.1/32 via ${address} table 100
      ip rule add pref 10 table local
      ip rule add pref 1 to 127.0.0.1 ipproto udp dport 6000 table 100
      ip rule del pref 0`,
    );
    await assert.rejects(ask('dns-helloworld-1', 'udp', '127.0.0.1', 6000, { within: 1 }));
    // Without the rule that drops it, it would be answered. Nobody puts it back.
    await daemon.stop();
    await inside('dns-dnsmasq-1', 'nft flush chain inet dwgd raw');
    assert.match(await ask('dns-helloworld-1', 'udp', '127.0.0.1', 6000), /^local /);
  });

  test('the published port reaches dnsmasq', async () => {
    await serve('dns-dnsmasq-1', 'dnsmasq', 'tcp', 53);
    assert.match(await ask('host', 'tcp', '127.0.0.1', 5300), /^dnsmasq /);
  });

  test('names of Docker resolve in each container', async () => {
    for (const name of ['dns-dnsmasq-1', 'dns-traefik-1']) {
      assert.match(await resolve(name, 'helloworld'), /172\.\d+\.\d+\.\d+/);
    }
  });
});

/** Asks Docker's own DNS from within. */
async function resolve(container: string, name: string): Promise<string> {
  return inside(container, `busybox nslookup -type=a ${name} 127.0.0.11`);
}

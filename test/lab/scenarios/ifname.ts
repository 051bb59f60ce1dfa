// ifname mode: a container becomes a peer of the host's interface and reaches it through the tunnel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addressOf,
  createNetwork,
  ping,
  remove,
  removeNetwork,
  run,
  start,
  stop,
} from '../../support/containers.js';
import { daemon, docker, scenario, sh, wg } from '../../support/lab.js';
import { AS_ROOT, pageBlock, spansOf } from '../../support/page-blocks.js';

const SEED = 'supersecretseed';
/** The vector of wireguard-driver for 10.0.0.2 and that seed. */
const KEY_OF_10_0_0_2 = '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M=';

scenario('ifname', () => {
  test('as the README has it: an interface, a network, a container, a ping to the gateway', async () => {
    await docker.call('POST', '/images/busybox:local/tag?repo=busybox&tag=latest');
    // What it installs is there, and there is no systemd.
    await sh(`${AS_ROOT}
      apt-get() { [[ $* == 'install -y wireguard-tools' ]]; }
      systemctl() { [[ $* == 'enable --now wg-quick@wg0' ]] && wg-quick up wg0; }
      mkdir -p /etc/wireguard
      ${pageBlock('README.md: ifname mode: the WireGuard interface is on this host')}`);
    assert.equal((await wg.dump('wg0')).port, 51820);
    await sh('rm /etc/wireguard/wg0.conf');
    await daemon.start();
    assert.match(await sh(pageBlock('README.md: dwgd')), / 0% packet loss/);
    await removeNetwork('dwgd-net');
    await sh(pageBlock('README.md: ifname mode: the WireGuard interface is on this host (2)'));
    const output = await sh(pageBlock('README.md: ifname mode: the WireGuard interface is on this host (3)'));
    assert.match(output, / 0% packet loss/);
    assert.match(output, /wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420/);
    assert.match(output, /inet 10\.0\.0\.2\/24/);
    assert.deepEqual((await wg.dump('wg0')).peers, []);
    assert.deepEqual(await wg.names(), ['wg0']);
  });

  test('while a container is attached, its derived key is a peer of wg0 with its /32', async () => {
    await run('one', { networks: { 'dwgd-net': { ip: '10.0.0.2' } } });
    await ping('one', '10.0.0.1');
    assert.doesNotMatch(await docker.within('one', 'ip route'), /default/);
    const [peer, ...others] = (await wg.dump('wg0')).peers;
    assert.deepEqual(others, []);
    assert.equal(peer?.publicKey, KEY_OF_10_0_0_2);
    assert.equal(await sh(`node dist/src/cli/main.js pubkey -s ${SEED} -i 10.0.0.2`), peer.publicKey);
    assert.deepEqual(peer.allowedIps, ['10.0.0.2/32']);
    assert.equal(peer.keepalive, 25);
    assert.ok(peer.latestHandshake > 0);
  });

  test('an address that Docker picks works as well, and both containers reach each other by way of wg0', async () => {
    await run('two', { networks: { 'dwgd-net': {} } });
    const address = await addressOf('two', 'dwgd-net');
    await ping('two', '10.0.0.1');
    const remedy = spansOf('docs/troubleshooting.md').filter(span =>
      /^sudo (sysctl -w|iptables -I DOCKER-USER) /.test(span),
    );
    assert.equal(remedy.length, 3);
    await sh(`${AS_ROOT}${remedy.join('\n')}`);
    await ping('one', address);
    const allowed = (await wg.dump('wg0')).peers.flatMap(peer => peer.allowedIps);
    assert.deepEqual(allowed.sort(), ['10.0.0.2/32', `${address}/32`].sort());
  });

  test('a stopped container is no peer any more, and is one again when it is started', async () => {
    await stop('one');
    assert.equal((await wg.dump('wg0')).peers.length, 1);
    await start('one');
    await ping('one', '10.0.0.1');
    assert.equal((await wg.dump('wg0')).peers.length, 2);
  });

  test('removed containers leave no peer, no link and no record', async () => {
    await remove('one');
    await remove('two');
    assert.deepEqual((await wg.dump('wg0')).peers, []);
    await daemon.settled();
    assert.deepEqual(await wg.names(), ['wg0']);
    assert.equal(await daemon.rows('client'), 0);
  });

  test('a second network on the same interface is a tunnel of its own, with a preshared key and an MTU', async () => {
    const psk = await sh('wg genpsk');
    await sh('ip addr add 10.0.9.1/24 dev wg0');
    await createNetwork('psk-net', {
      options: {
        'dwgd.ifname': 'wg0',
        'dwgd.seed': 'other',
        'dwgd.psk': psk,
        'dwgd.mtu': '1300',
        'dwgd.prefix': 'tun',
      },
      subnets: ['10.0.9.0/24 10.0.9.1'],
    });
    await run('three', { networks: { 'psk-net': {} } });
    await ping('three', '10.0.9.1');
    assert.match(await docker.within('three', 'ip link show tun0'), /mtu 1300/);
    assert.equal((await wg.dump('wg0')).peers[0]?.presharedKey, psk);
  });
});

// ifname mode: a container becomes a peer of the host's interface and reaches it through the tunnel.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, createNetwork, ping, remove, run, start, stop } from '../../support/containers.js';
import { assertOnlyDaemonRan, traced } from '../../support/executed.js';
import { daemon, docker, isLong, scenario, sh, wg } from '../../support/lab.js';

const TRACE = '/run/dwgd.trace';
const SEED = 'supersecretseed';
/** The vector of wireguard-driver for 10.0.0.2 and that seed. */
const KEY_OF_10_0_0_2 = '15+OM5qfSI79iNi3JgSGNkYwRNgLDtlpNeqMuly501M=';

scenario('ifname', () => {
  test('as a user types it: a network, a container with --ip, a ping to the gateway', async () => {
    await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
    await daemon.start(traced(TRACE));
    await sh(
      `docker network create --driver=dwgd -o dwgd.ifname=wg0 -o dwgd.seed=${SEED} --subnet=10.0.0.0/24 --gateway=10.0.0.1 dwgd-net`,
    );
    const output = await sh(
      `docker run --rm --network=dwgd-net --ip=10.0.0.2 busybox:local sh -c 'ip a; ip r; ping -c 3 -W 10 10.0.0.1'`,
    );
    assert.match(output, / 0% packet loss/);
    assert.match(output, /wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420/);
    assert.match(output, /inet 10\.0\.0\.2\/24/);
    assert.doesNotMatch(output, /default/);
    assert.deepEqual((await wg.dump('wg0')).peers, []);
    assert.deepEqual(await wg.names(), ['wg0']);
  });

  test('while a container is attached, its derived key is a peer of wg0 with its /32', async () => {
    await run('one', { networks: { 'dwgd-net': { ip: '10.0.0.2' } } });
    await ping('one', '10.0.0.1');
    const [peer, ...others] = (await wg.dump('wg0')).peers;
    assert.deepEqual(others, []);
    assert.equal(peer?.publicKey, KEY_OF_10_0_0_2);
    assert.equal(await sh(`node dist/src/cli/main.js pubkey -s ${SEED} -i 10.0.0.2`), peer.publicKey);
    assert.deepEqual(peer.allowedIps, ['10.0.0.2/32']);
    assert.equal(peer.keepalive, 25);
    assert.ok(peer.latestHandshake > 0);
  });

  if (isLong) {
    test('an address that Docker picks works as well, and both containers reach each other by way of wg0', async () => {
      await run('two', { networks: { 'dwgd-net': {} } });
      const address = await addressOf('two', 'dwgd-net');
      await ping('two', '10.0.0.1');
      await sh('sysctl -qw net.ipv4.ip_forward=1; iptables -I FORWARD -i wg0 -o wg0 -j ACCEPT');
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
  }

  test('removed containers leave no peer, no link and no record', async () => {
    await remove('one');
    if (isLong) await remove('two');
    assert.deepEqual((await wg.dump('wg0')).peers, []);
    await daemon.settled();
    assert.deepEqual(await wg.names(), ['wg0']);
    assert.equal(await daemon.rows('client'), 0);
  });

  if (isLong) {
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
  }

  test('for none of it the daemon has run another program, nor could it have found one', async () => {
    if (isLong) await remove('three');
    await daemon.settled();
    assert.equal(await daemon.stop(), 0);
    assertOnlyDaemonRan(TRACE);
  });
});

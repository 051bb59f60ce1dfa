// pubkey mode: a container connects to a peer elsewhere that knows its derived key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../../src/control/answers.js';
import { addressOf, createNetwork, ping, remove, run } from '../../support/containers.js';
import { daemon, docker, eventually, isLong, Remote, scenario, sh } from '../../support/lab.js';

let remote: Remote;

/** Lets a container in, as the manual says to: with the key that `dwgd pubkey` prints. */
async function admit(seed: string, ip: string, ...allowed: string[]): Promise<void> {
  await remote.admit(await sh(`node dist/src/cli/main.js pubkey -s ${seed} -i ${ip}`), ...allowed);
}

scenario('pubkey', () => {
  test('as a user types it: a container with --ip reaches the gateway through the tunnel', async () => {
    remote = await Remote.create(['10.0.1.1/24', 'fd01::1/64', '10.0.2.1/24', 'fd02::1/64']);
    await daemon.start();
    await admit('supersecretseed', '10.0.1.2', '10.0.1.2/32');
    await sh(
      `docker network create --driver=dwgd -o dwgd.endpoint=${remote.endpoint} -o dwgd.seed=supersecretseed -o dwgd.pubkey="${remote.keys.publicKey}" --subnet=10.0.1.0/24 --gateway=10.0.1.1 dwgd-net`,
    );
    const output = await sh(
      `docker run --rm --network=dwgd-net --ip=10.0.1.2 busybox:local sh -c 'ip a; ping -c 3 -W 10 10.0.1.1'`,
    );
    assert.match(output, / 0% packet loss/);
    assert.match(output, /inet 10\.0\.1\.2\/24/);
    const [peer] = (await remote.dump()).peers;
    assert.ok(peer && peer.latestHandshake > 0);
  });

  if (isLong) {
    test('an address that Docker picks works as well', async () => {
      await admit('supersecretseed', '10.0.1.3', '10.0.1.3/32');
      await run('filler', { networks: { 'dwgd-net': {} } });
      await run('picked', { networks: { 'dwgd-net': {} } });
      assert.equal(await addressOf('picked', 'dwgd-net'), '10.0.1.3');
      await ping('picked', '10.0.1.1');
      await remove('filler');
      await remove('picked');
    });
  }

  if (isLong) {
    test('who answers at the endpoint without the private key of the peer gets no handshake', async () => {
      const received = async (): Promise<number> =>
        Number(await remote.sh('cat /sys/class/net/uplink/statistics/rx_bytes'));
      const handshake = () => docker.within('misled', 'wg show wg0 latest-handshakes');
      await admit('supersecretseed', '10.0.1.4', '10.0.1.4/32');
      // All is as it was, the container's own key and address there too, but for the key that it answers with.
      await remote.sh('wg genkey | wg set wg0 private-key /dev/stdin');
      await run('misled', { networks: { 'dwgd-net': { ip: '10.0.1.4' } } });
      const before = await received();
      assert.match(await docker.within('misled', 'ping -c 3 -W 5 10.0.1.1 || true'), / 100% packet loss/);
      assert.ok((await received()) > before, 'the container asked it');
      assert.match(await handshake(), /\t0$/);
      assert.deepEqual(
        (await remote.dump()).peers.filter(
          peer => peer.allowedIps.includes('10.0.1.4/32') && peer.latestHandshake > 0,
        ),
        [],
      );
      await remote.sh(`wg set wg0 private-key <(echo ${remote.keys.privateKey})`);
      await eventually(() => ping('misled', '10.0.1.1'), { within: 120 });
      assert.doesNotMatch(await handshake(), /\t0$/);
      await remove('misled');
    });
  }

  if (isLong) {
    test('by an IPv6 endpoint, with IPv4 and IPv6 inside', async () => {
      await createNetwork('six-net', {
        options: {
          'dwgd.endpoint': remote.endpoint6,
          'dwgd.pubkey': remote.keys.publicKey,
          'dwgd.seed': 's',
        },
        subnets: ['10.0.2.0/24 10.0.2.1', 'fd02::/64 fd02::1'],
      });
      await admit('s', '10.0.2.9', '10.0.2.9/32', 'fd02::9/128');
      await run('six', { networks: { 'six-net': { ip: '10.0.2.9', ip6: 'fd02::9' } } });
      await ping('six', '10.0.2.1');
      await ping('six', 'fd02::1');
      const dwgd = (words: string) => sh(`node dist/src/cli/main.js ${words}`);
      const { networks } = JSON.parse(await dwgd('status --json')) as Status;
      const { endpoints = [] } = networks.find(({ name }) => name === 'six-net') ?? {};
      assert.deepEqual(
        endpoints.map(({ container, state, peer }) => [container, state, peer?.interface, peer?.publicKey]),
        [['six', 'joined', 'wg0', remote.keys.publicKey]],
      );
      const { lastHandshake = '', receivedBytes, sentBytes } = endpoints[0]!.peer!;
      assert.ok(Date.now() - Date.parse(lastHandshake) < 120_000, lastHandshake);
      assert.ok(receivedBytes > 0 && sentBytes > 0);
      assert.match(await dwgd('inspect six'), /: all is as it is to be$/m);
      await docker.within('six', `wg set wg0 peer ${remote.keys.publicKey} persistent-keepalive 7`);
      assert.match(await dwgd('inspect six'), /^! {2}keepalive +25 s +7 s$/m);
      await remove('six');
    });
  }

  if (isLong) {
    test('a host name that moves is followed while the tunnel lives', async () => {
      await sh('cp /etc/hosts /run/hosts && mount --bind /run/hosts /etc/hosts');
      await sh('echo 198.51.100.9 vpn.example >> /etc/hosts');
      await createNetwork('named-net', {
        options: {
          'dwgd.endpoint': 'vpn.example:51820',
          'dwgd.pubkey': remote.keys.publicKey,
          'dwgd.seed': 'n',
        },
        subnets: ['10.0.3.0/24'],
      });
      await remote.sh('ip addr add 10.0.3.1/24 dev wg0');
      await admit('n', '10.0.3.2', '10.0.3.2/32');
      await run('follower', { networks: { 'named-net': { ip: '10.0.3.2' } } });
      const endpoint = () => docker.within('follower', 'wg show wg0 endpoints');
      assert.match(await endpoint(), /198\.51\.100\.9:51820/);
      await sh(
        `sed 's/198.51.100.9 vpn.example/192.0.2.2 vpn.example/' /etc/hosts > /run/moved; cat /run/moved > /etc/hosts`,
      );
      // It looks every 30 seconds.
      await eventually(async () => assert.match(await endpoint(), /192\.0\.2\.2:51820/), { within: 120 });
      await ping('follower', '10.0.3.1');
      await remove('follower');
      await sh('umount /etc/hosts');
    });
  }
});

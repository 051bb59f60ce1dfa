// The laboratory itself: WireGuard in the kernel, an engine that answers, an image, and helpers that tell the truth.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { docker, isLong, Remote, scenario, sh, wg } from '../../support/lab.js';

scenario('laboratory', () => {
  test('the kernel carries a ping over WireGuard to another namespace, by IPv4 and by IPv6', async () => {
    const remote = await Remote.create(['10.8.0.1/24', 'fd08::1/64']);
    const here = await wg.add('wg0', {
      addresses: ['10.8.0.2/24', 'fd08::2/64'],
      peers: [
        {
          publicKey: remote.keys.publicKey,
          allowedIps: ['10.8.0.0/24', 'fd08::/64'],
          endpoint: remote.endpoint,
        },
      ],
    });
    await remote.admit(here.publicKey, '10.8.0.2/32', 'fd08::2/128');
    assert.match(await sh('ping -c 3 -i 0.2 -W 5 10.8.0.1'), / 0% packet loss/);
    await wg.setPeer('wg0', {
      publicKey: remote.keys.publicKey,
      allowedIps: ['fd08::/64'],
      endpoint: remote.endpoint6,
    });
    assert.match(await sh('ping -c 3 -i 0.2 -W 5 fd08::1'), / 0% packet loss/);
    const [peer] = (await wg.dump('wg0')).peers;
    assert.equal(peer?.publicKey, remote.keys.publicKey);
    assert.equal(peer?.endpoint, remote.endpoint6);
    assert.ok(peer.latestHandshake > 0 && peer.received > 0 && peer.sent > 0);
    assert.deepEqual((await remote.dump()).peers[0]?.allowedIps, ['10.8.0.2/32', 'fd08::2/128']);
  });

  test('dockerd answers, with overlay2 and the image busybox:local', async () => {
    const info = await docker.get<{ Driver: string; Images: number }>('/info');
    assert.equal(info.Driver, 'overlay2');
    await docker.get('/images/busybox:local/json');
  });

  if (isLong) {
    test('a container runs, prints and ends with its own status', async () => {
      assert.equal(await sh('docker run --rm busybox:local echo hello'), 'hello');
      assert.match(await sh.fails('docker run --rm busybox:local nonesuch'), /nonesuch/);
    });
  }

  if (isLong) {
    test('containers on the default bridge reach each other', async () => {
      await sh('docker run -d --name server busybox:local httpd -f -p 80');
      const view = await docker.get<{ NetworkSettings: { IPAddress: string } }>('/containers/server/json');
      const address = view.NetworkSettings.IPAddress;
      assert.match(await sh(`docker run --rm busybox:local ping -c 1 ${address}`), / 0% packet loss/);
      assert.match(await docker.within('server', 'ip -4 addr show eth0'), new RegExp(`inet ${address}/`));
    });
  }
});

// Both halves at once: the gateway of labelled containers is a container on a WireGuard network, as in the first example
// of the original's page. Their traffic leaves by the tunnel, the tunnel's port reaches them, and nothing leaks.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Way } from '../../../src/control/answers.js';
import {
  addressOf,
  connect,
  createNetwork,
  ping,
  remove,
  run,
  start,
  stop,
} from '../../support/containers.js';
import {
  ask as askDaemon,
  bothHalves,
  daemon,
  eventually,
  isLong,
  Remote,
  scenario,
  sh,
} from '../../support/lab.js';
import { ask, hush, inside, serve } from '../../support/talk.js';

/** An address of the internet, behind the remote: by the tunnel, or plainly by the host. */
const FAR = '203.0.113.1';
const PORT = 7000;
const SLOW = { within: 20 };

const askFar = (container: string): Promise<string> => ask(container, 'tcp', FAR, PORT, SLOW);

/** What the daemon says of the way there. What it loads for that takes longer here than it gives one question. */
async function wayOf(container: string): Promise<Way> {
  const path = `/v1/explain/${container}?to=${FAR}:${PORT}`;
  const answer = await eventually(
    async () => {
      const { status, text } = await askDaemon('/run/dwgd/control.sock', 'GET', path);
      assert.equal(status, 200, text);
      return text;
    },
    { within: 60, every: 1 },
  );
  return JSON.parse(answer) as Way;
}

/** Packets for the internet that left the host plainly. (Docker has bridged packets pass by this hook, too.) */
async function leaked(): Promise<number> {
  const { nftables } = JSON.parse(await sh('nft -j list counters table ip lab')) as {
    nftables: { counter?: { packets: number } }[];
  };
  return nftables.find(({ counter }) => counter)!.counter!.packets;
}

scenario('labels', () => {
  let remote: Remote;
  test('without labels a container goes plainly by the host', async () => {
    remote = await Remote.create(['10.250.0.1/24']);
    await remote.sh(`ip addr add ${FAR}/32 dev lo`);
    await serve('netns:remote', 'far', 'tcp', PORT);
    await sh(`ip route add 203.0.113.0/24 via 192.0.2.2
      nft 'table ip lab { counter leaked { }; chain forward { type filter hook forward priority -1; oifname "to-remote" ip daddr ${FAR} counter name leaked; }; }'`);
    await daemon.start({ args: bothHalves });
    await createNetwork('main', { driver: 'bridge', subnets: ['172.30.0.0/16'] });
    await run('plain', { networks: { main: {} } });
    assert.equal(await askFar('plain'), 'far 192.0.2.1');
    assert.ok((await leaked()) > 0);
    await remove('plain');
    await run('wireguard-client', {
      networks: { main: {} },
      labels: { 'twine.nat.interfaces': 'wg+', 'twine.nat.forward.9080': 'qbittorrent:9080' },
    });
    await createNetwork('vpn', {
      options: {
        'dwgd.endpoint': remote.endpoint,
        'dwgd.pubkey': remote.keys.publicKey,
        'dwgd.seed': 's',
        'dwgd.route': '203.0.113.0/24',
      },
      subnets: ['10.250.0.0/24 10.250.0.1'],
    });
    await remote.admit(await sh('node dist/src/cli/main.js pubkey -s s -i 10.250.0.2'), '10.250.0.2/32');
  });

  test('a WireGuard interface that came after the start carries the traffic of its users', async () => {
    await connect('vpn', 'wireguard-client', { ip: '10.250.0.2' });
    await ping('wireguard-client', '10.250.0.1');
    await run('qbittorrent', {
      networks: { main: {} },
      labels: { 'twine.route.0.0.0.0/1': 'wireguard-client', 'twine.route.128.0.0.0/1': 'wireguard-client' },
      ports: { '9080/tcp': '9080' },
    });
    // Until its labels are in force nothing of it is forwarded.
    await eventually(
      async () => assert.match(await inside('qbittorrent', `ip route get ${FAR}`), / via 172\.30\.0\.(?!1 )/),
      { within: 60 },
    );
    const before = await leaked();
    await eventually(async () => assert.equal(await askFar('qbittorrent'), 'far 10.250.0.2'), { within: 60 });
    assert.equal(await leaked(), before);
  });

  test('explain says of both containers that it is the tunnel by which their packets have left', async () => {
    const [far, near] = [await wayOf('qbittorrent'), await wayOf('wireguard-client')];
    assert.match(far.sentence, /^goes by wg\d of wireguard-client$/);
    assert.equal(near.sentence, far.sentence);
    for (const { steps } of [far, near])
      assert.equal(steps.at(-1)!.text, `peer ${remote.keys.publicKey} at ${remote.endpoint}`);
    assert.equal(await askFar('wireguard-client'), 'far 10.250.0.2');
  });

  test('port 9080 of the tunnel reaches the container, and so does its published port', async () => {
    await serve('qbittorrent', 'qbittorrent', 'tcp', 9080);
    // It sees who asks: its own label leads its answers back by the gateway.
    const asked = (): Promise<string> => ask('netns:remote', 'tcp', '10.250.0.2', 9080, SLOW);
    await eventually(async () => assert.equal(await asked(), 'qbittorrent 10.250.0.1'), { within: 60 });
    assert.match(await ask('host', 'tcp', '127.0.0.1', 9080, SLOW), /^qbittorrent 172\.30\./);
  });

  if (isLong) {
    test('who comes by a router that Docker does not know of is answered by it', async () => {
      await createNetwork('house', { driver: 'bridge', subnets: ['172.31.0.0/24'] });
      await run('router', { networks: { main: {}, house: { ip: '172.31.0.4' } } });
      await run('house', { networks: { house: { ip: '172.31.0.9' } } });
      await inside('router', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
      await inside('house', 'ip route replace default via 172.31.0.4');
      const to = await addressOf('qbittorrent', 'main');
      const before = await leaked();
      await serve('qbittorrent', 'qbittorrent', 'udp', 9080);
      for (const protocol of ['udp', 'tcp'] as const)
        await eventually(
          async () =>
            assert.equal(await ask('house', protocol, to, 9080, { within: 3 }), 'qbittorrent 172.31.0.9'),
          { within: 60 },
        );
      assert.equal(await askFar('qbittorrent'), 'far 10.250.0.2');
      assert.equal(await leaked(), before);
      await remove('house');
      await remove('router');
    });
  }

  // Its start and its attempts take the emulated machine two minutes.
  if (isLong) {
    test('of two gateways in a list one whose tunnel is cut off, or loses its link, is left, and taken again', async () => {
      await run('second', { networks: { main: {} } });
      const labels = { 'twine.route.198.18.0.0/16': 'wireguard-client,second' };
      await run('user', { networks: { main: {} }, labels });
      const [first, second] = [
        await addressOf('wireguard-client', 'main'),
        await addressOf('second', 'main'),
      ];
      const leadsBy = (gateway: string, within: number): Promise<unknown> =>
        eventually(
          async () =>
            assert.ok((await inside('user', 'ip route get 198.18.0.1')).includes(` via ${gateway} `)),
          { within },
        );
      await leadsBy(first, 20);
      const key = await sh('node dist/src/cli/main.js pubkey -s s -i 10.250.0.2');
      await remote.sh(`wg set wg0 peer ${key} remove`);
      await stop('wireguard-client');
      await leadsBy(second, 20);
      await start('wireguard-client');
      await eventually(() => assert.match(daemon.logs(), /the tunnel of the gateway .* is down/), {
        within: 40,
      });
      await leadsBy(second, 5);
      await remote.admit(key, '10.250.0.2/32');
      await leadsBy(first, 20);
      await inside('wireguard-client', 'ip link set wg0 down');
      await leadsBy(second, 5);
      await remove('user');
      await remove('second');
    });
  }

  test('the gateway stops: nothing leaves at all; it starts: all of it goes by the tunnel again', async () => {
    const before = await leaked();
    await stop('wireguard-client');
    await eventually(
      async () => assert.match(await inside('qbittorrent', `ip route get ${FAR} 2>&1 || true`), /No route/),
      { within: 60 },
    );
    await assert.rejects(ask('qbittorrent', 'tcp', FAR, PORT));
    const { sentence } = await wayOf('qbittorrent');
    assert.equal(
      sentence,
      'goes nowhere: the label for 128.0.0.0/1 is closed, since its gateway is not there or it has a mistake',
    );
    await start('wireguard-client');
    await eventually(async () => assert.equal(await askFar('qbittorrent'), 'far 10.250.0.2'), { within: 60 });
    assert.equal(await leaked(), before);
    await sh('nft delete table ip lab; ip route del 203.0.113.0/24');
  });

  after(hush);
});

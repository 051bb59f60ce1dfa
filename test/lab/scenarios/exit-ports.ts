// Ports of containers on exit networks, with a real tunnel: published ones from the LAN and the host, forwarded ones from behind the far end.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  connect,
  create,
  createNetwork,
  disconnect,
  remove,
  run,
  start,
  stop,
} from '../../support/containers.js';
import { daemon, eventually, Remote, scenario, sh } from '../../support/lab.js';
import {
  goesOutBy,
  makeProviders,
  nothingElse,
  PINGS,
  PROVIDERS,
  SUBNETS,
  startCounting,
} from '../../support/providers.js';
import { ask, hush, serve } from '../../support/talk.js';

const [LAN, FAR_END] = ['netns:lan', `netns:${Remote.netns}`];
const [
  {
    file,
    ours: [OUR4, OUR6],
    theirs: [THEIR4, THEIR6],
  },
] = PROVIDERS;
const BOTH = ['tcp', 'udp'] as const;
const PORTS = { '80/tcp': '8080', '80/udp': '8080' };
/** Of the host in the LAN. */
const [HOST4, HOST6] = ['192.168.50.1', 'fd50::1'];
/** As the container sees who comes by a published port. */
const [GATEWAY4, GATEWAY6] = ['10.77.0.1', 'fd77::1'];

/** Serves in a container on the port that is published and on the one that is forwarded. */
async function serveIn(name: string): Promise<void> {
  for (const protocol of BOTH) for (const port of [80, 51413]) await serve(name, name, protocol, port);
}

/** As long as the daemon learns labels. */
const soon = (from: string, protocol: 'tcp' | 'udp', to: string, port: number): Promise<string> =>
  eventually(() => ask(from, protocol, to, port, { within: 5 }), { within: 60 });

const isSilent = (from: string, protocol: 'tcp' | 'udp', to: string, port: number): Promise<void> =>
  assert.rejects(ask(from, protocol, to, port, { within: 3 }));

scenario(
  'exit-ports',
  () => {
    after(hush);

    test('a client in the LAN reaches a published port by TCP and UDP, IPv4 and IPv6', async () => {
      await makeProviders();
      await sh(`
        ip netns add lan
        ip link add to-lan type veth peer name eth0 netns lan
        ip addr add ${HOST4}/24 dev to-lan
        ip addr add ${HOST6}/64 dev to-lan nodad
        ip link set to-lan up
        ip -n lan addr add 192.168.50.9/24 dev eth0
        ip -n lan addr add fd50::9/64 dev eth0 nodad
        ip -n lan link set eth0 up`);
      await daemon.start();
      await createNetwork('exit', { options: { 'dwgd.conf': file }, subnets: SUBNETS });
      await createNetwork('front', { driver: 'bridge', subnets: ['10.88.0.0/24'] });
      await startCounting();
      await run('one', { networks: { exit: {} }, command: ['sh', '-c', PINGS] });
      await run('seed', { networks: { exit: {} }, labels: { 'dwgd.forward': '51413' }, ports: PORTS });
      await serveIn('seed');
      for (const protocol of BOTH) {
        assert.equal(await ask(LAN, protocol, HOST4, 8080), `seed ${GATEWAY4}`);
        assert.equal(await ask(LAN, protocol, HOST6, 8080), `seed ${GATEWAY6}`);
      }
    });

    test('so do the host itself, by any of its addresses, and a container on a bridge', async () => {
      await run('near', { networks: { front: {} } });
      for (const protocol of BOTH) {
        for (const address of ['127.0.0.1', HOST4])
          assert.equal(await ask('host', protocol, address, 8080), `seed ${GATEWAY4}`);
        for (const address of ['::1', HOST6])
          assert.equal(await ask('host', protocol, address, 8080), `seed ${GATEWAY6}`);
        assert.equal(await ask('near', protocol, HOST4, 8080), `seed ${GATEWAY4}`);
      }
    });

    test("a client behind the far end reaches a forwarded port, and the container sees the client's address", async () => {
      for (const protocol of BOTH) {
        assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `seed ${THEIR4}`);
        assert.equal(await soon(FAR_END, protocol, OUR6, 51413), `seed ${THEIR6}`);
      }
    });

    test('another container of the network reaches it at the same address, and is seen as the gateway', async () => {
      for (const protocol of BOTH) {
        assert.equal(await soon('one', protocol, OUR4, 51413), `seed ${GATEWAY4}`);
        assert.equal(await soon('one', protocol, OUR6, 51413), `seed ${GATEWAY6}`);
      }
    });

    test('nothing else is open: not what is published to the far end, nor what is forwarded to the LAN, nor the container itself', async () => {
      for (const protocol of BOTH) {
        await isSilent(FAR_END, protocol, OUR4, 8080);
        await isSilent(FAR_END, protocol, OUR4, 80);
        await isSilent(LAN, protocol, HOST4, 51413);
      }
      await sh('ip -n lan route add 10.77.0.0/24 via 192.168.50.1');
      for (const protocol of BOTH) await isSilent(LAN, protocol, '10.77.0.3', 80);
      await sh('ip -n lan route del 10.77.0.0/24');
      // What the LAN sent was for an address of the network, by the host: that is what was counted.
      await startCounting();
      await goesOutBy('wg0');
    });

    test('both follow the container: closed when it stops, open when it starts, and with another that takes its place', async () => {
      await stop('seed');
      await isSilent(LAN, 'tcp', HOST4, 8080);
      await isSilent(FAR_END, 'tcp', OUR4, 51413);
      await start('seed');
      await serveIn('seed');
      for (const protocol of BOTH) {
        assert.equal(await ask(LAN, protocol, HOST4, 8080), `seed ${GATEWAY4}`);
        assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `seed ${THEIR4}`);
      }
      await create('heir', { networks: { exit: {} }, labels: { 'dwgd.forward': '51413' }, ports: PORTS });
      await assert.rejects(start('heir'), /port is already allocated/);
      await remove('seed');
      await start('heir');
      await serveIn('heir');
      for (const protocol of BOTH) {
        assert.equal(await ask(LAN, protocol, HOST4, 8080), `heir ${GATEWAY4}`);
        assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `heir ${THEIR4}`);
      }
    });

    test('the daemon killed: a forwarded port stays open, and a published one is open again with the next daemon', async () => {
      await daemon.kill9();
      for (const protocol of BOTH) assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `heir ${THEIR4}`);
      await daemon.start();
      for (const protocol of BOTH) {
        assert.equal(await soon(LAN, protocol, HOST4, 8080), `heir ${GATEWAY4}`);
        assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `heir ${THEIR4}`);
      }
    });

    test('disconnected from the network while it runs, and connected again', async () => {
      await disconnect('exit', 'heir');
      await isSilent(LAN, 'tcp', HOST4, 8080);
      await isSilent(FAR_END, 'tcp', OUR4, 51413);
      await connect('exit', 'heir');
      for (const protocol of BOTH) {
        assert.equal(await soon(LAN, protocol, HOST4, 8080), `heir ${GATEWAY4}`);
        assert.equal(await soon(FAR_END, protocol, OUR4, 51413), `heir ${THEIR4}`);
      }
    });

    test('nothing has left by any other way', async () => {
      await goesOutBy('wg0');
      hush();
      for (const name of ['heir', 'near', 'one']) await remove(name);
      await nothingElse();
      await sh('ip link del to-lan');
    });
  },
  { within: 1500 },
);

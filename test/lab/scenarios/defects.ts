// Every defect of the original, by its number in the specification, each tried here: none has come back.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import {
  daemon,
  database,
  eventually,
  isLong,
  keyPair,
  scenario,
  sh,
  wg,
  withoutEngine,
} from '../../support/lab.js';
import { Container, call, createNetwork, demand, networkBody, newId } from '../../support/libnetwork.js';

const ifname = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 'supersecretseed' };
const pools = { ipv4: ['10.0.0.0/24', '10.0.0.1/24'] } as const;
const peers = async () => (await wg.dump('wg0')).peers;
const host = { addresses: ['10.0.0.1/24', 'fd00::1/64'], port: 51820 };

async function nothingLeft(): Promise<void> {
  await daemon.settled();
  assert.deepEqual(await peers(), []);
  assert.deepEqual(await wg.names(), ['wg0']);
  assert.equal(await daemon.rows('client'), 0);
}

scenario(
  'defects',
  () => {
    test('1a: after kill -9 it starts again', async () => {
      await wg.add('wg0', host);
      await daemon.start({ env: withoutEngine });
      await daemon.kill9();
      assert.ok(existsSync('/run/dwgd/dwgd.sock'), 'the stale socket is there');
      await daemon.start({ env: withoutEngine });
      await demand('Plugin.Activate');
    });

    if (isLong) {
      test('1b: a second instance says who holds the socket, and the first goes on', async () => {
        const said = await sh.fails(`node dist/src/cli/main.js -d ''`);
        assert.match(
          said,
          new RegExp(`dwgd runs already: process ${daemon.pid()} holds /run/dwgd/dwgd\\.sock`),
        );
        await demand('Plugin.Activate');
      });
    }

    if (isLong) {
      test('1c: without /run/user it stops on SIGTERM', async () => {
        await sh('rm -rf /run/user');
        await daemon.restart();
        assert.equal(await daemon.stop(), 0);
        await daemon.start({ env: withoutEngine });
      });
    }

    if (isLong) {
      test('2: a container stopped while the daemon is down leaves neither link nor peer nor row', async () => {
        const network = await createNetwork(ifname, pools);
        const container = new Container(network, { ip: '10.0.0.2/24' });
        await container.start();
        await demand('NetworkDriver.Leave', container.ids);
        await container.returnLink();
        await demand('NetworkDriver.DeleteEndpoint', container.ids);
        await daemon.kill9();
        await daemon.start({ env: withoutEngine });
        await nothingLeft();
        await container.vanish();
      });
    }

    test('3a: a host interface deleted and made again has its peers back at once', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.3/24' });
      await container.start();
      const { privateKey } = await wg.dump('wg0');
      await sh('ip link del wg0');
      await wg.add('wg0', { ...host, privateKey });
      // Emulation takes its tenfold of the second; the look that needs no event comes only every thirty.
      await eventually(async () => assert.equal((await peers()).length, 1), { within: 10, every: 0.05 });
      // A first message that was lost to a busy guest is sent again by WireGuard after 15 seconds.
      await eventually(() => container.ping('10.0.0.1'), { within: 60 });
      await container.stop();
    });

    test('3b: a host interface made again with another key and port is found by its containers', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.3/24' });
      await container.start();
      await container.ping('10.0.0.1');
      await sh('ip link del wg0');
      await wg.add('wg0', { ...host, port: 51999 });
      await eventually(() => container.ping('10.0.0.1'), { within: 120 });
      assert.match(await container.exec('wg show wg0 endpoints'), /127\.0\.0\.1:51999/);
      await container.stop();
      await sh('ip link del wg0');
      await wg.add('wg0', host);
      await nothingLeft();
    });

    test('4: a host-name endpoint is resolved at Join, not at network create', async () => {
      const key = keyPair().publicKey;
      const network = await createNetwork(
        { 'dwgd.pubkey': key, 'dwgd.endpoint': 'later.example:51820', 'dwgd.seed': 's' },
        { ipv4: ['10.0.4.0/24'] },
      );
      await sh(
        'cp /etc/hosts /run/hosts; echo 192.0.2.44 later.example >> /run/hosts; mount --bind /run/hosts /etc/hosts',
      );
      const container = new Container(network, { ip: '10.0.4.2/24' });
      await container.start();
      assert.match(await container.exec('wg show wg0 endpoints'), /192\.0\.2\.44:51820/);
      await container.stop();
      await sh('umount /etc/hosts');
    });

    test('5: IPv6 is in the allowed IPs of both ends, and an IPv6-only client is a /128', async () => {
      const network = await createNetwork(ifname, { ipv6: ['fd00::/64', 'fd00::1/64'] });
      const container = new Container(network, { ip6: 'fd00::2/64' });
      await container.start();
      await container.ping('fd00::1');
      assert.deepEqual((await peers())[0]?.allowedIps, ['fd00::2/128']);
      assert.equal((await peers())[0]?.publicKey, '7N1276RQTK9gYVtbUQvF5u06TZg6TTKHgexJcW89xAE=');
      assert.match(await container.exec('wg show wg0 allowed-ips'), /0\.0\.0\.0\/0 ::\/0/);
      await container.stop();
      await nothingLeft();
    });

    test('6a: DeleteEndpoint works when the link is gone already', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.6/24' });
      await container.start();
      await container.vanish();
      await demand('NetworkDriver.Leave', container.ids);
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
      await nothingLeft();
      assert.equal((await container.create()).Err, undefined);
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
    });

    test('6b: a Join that fails half way leaves neither link nor peer', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.6/24' });
      await container.create();
      await wg.setPeer('wg0', { publicKey: keyPair().publicKey, allowedIps: ['10.0.0.6/32'] });
      const foreign = await peers();
      assert.match((await container.join()).Err ?? '', /10\.0\.0\.6\/32 belongs to the peer/);
      assert.deepEqual(await peers(), foreign);
      assert.deepEqual(await wg.names(), ['wg0']);
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
      await sh(`wg set wg0 peer ${foreign[0]!.publicKey} remove`);
      await nothingLeft();
    });

    test('6c: Join twice answers the same twice', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.6/24' });
      await container.create();
      const first = await container.join();
      assert.equal(first.status, 200);
      assert.deepEqual(await container.join(), first);
      assert.equal((await peers()).length, 1);
      await demand('NetworkDriver.Leave', container.ids);
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
      await nothingLeft();
    });

    test('7: secrets: no key in the log at -v, database and socket for root alone, the seed in a file', async () => {
      mkdirSync('/run/secrets', { recursive: true });
      writeFileSync('/run/secrets/seed', 'seed-in-a-file\n', { mode: 0o600 });
      const network = await createNetwork(
        { 'dwgd.ifname': 'wg0', 'dwgd.seedfile': '/run/secrets/seed' },
        pools,
      );
      const container = new Container(network, { ip: '10.0.0.7/24' });
      await container.start();
      const key = await sh(`node dist/src/cli/main.js pubkey -s seed-in-a-file -i 10.0.0.7`);
      assert.equal((await peers())[0]?.publicKey, key);
      const secrets = [
        (await wg.dump('wg0')).privateKey,
        await container.exec('wg show wg0 private-key'),
        'supersecretseed',
        'seed-in-a-file',
      ];
      await container.stop();
      for (const secret of secrets) assert.ok(!daemon.logs().includes(secret));
      for (const path of [database, `${database}-wal`, `${database}-shm`]) {
        assert.equal(statSync(path).mode & 0o777, 0o600, path);
      }
      assert.equal(statSync('/run/dwgd/dwgd.sock').mode & 0o777, 0o600);
      assert.match(
        await sh.fails(
          'setpriv --reuid=65534 --clear-groups curl -sS --unix-socket /run/dwgd/dwgd.sock http://x/',
        ),
        /[Pp]ermission|connect/,
      );
    });

    test('8a: networks that go take all their endpoints along, forty at a time', async () => {
      const ids = await Promise.all(
        Array.from({ length: 8 }, (_, n) => createNetwork(ifname, { ipv4: [`10.20.${n}.0/24`] })),
      );
      await Promise.all(
        ids.flatMap((id, n) =>
          Array.from({ length: 5 }, (_, c) => new Container(id, { ip: `10.20.${n}.${c + 2}/24` }).create()),
        ),
      );
      assert.equal(await daemon.rows('client'), 40);
      await Promise.all(ids.map(id => demand('NetworkDriver.DeleteNetwork', { NetworkID: id })));
      assert.equal(await daemon.rows('client'), 0);
    });

    if (isLong) {
      test('8b: -d with nothing is a database in memory', async () => {
        await daemon.restart({ args: ['-d', ''], env: withoutEngine });
        const network = await createNetwork(ifname, pools);
        const container = new Container(network, { ip: '10.0.0.8/24' });
        await container.start();
        await container.ping('10.0.0.1');
        await container.stop();
        await daemon.restart({ args: ['-d', database, '-v'], env: withoutEngine });
      });
    }

    test('9a: an address that another peer holds is not taken over', async () => {
      const network = await createNetwork(ifname, pools);
      const { publicKey } = keyPair();
      await wg.setPeer('wg0', { publicKey, allowedIps: ['10.0.0.9/32', '10.99.0.0/16'] });
      const container = new Container(network, { ip: '10.0.0.9/24' });
      await container.create();
      assert.equal(
        (await container.join()).Err,
        `10.0.0.9/32 belongs to the peer ${publicKey} of wg0 already: give another --ip, or take that peer away (wg set wg0 peer ${publicKey} remove)`,
      );
      assert.deepEqual(
        (await peers()).map(peer => peer.allowedIps),
        [['10.0.0.9/32', '10.99.0.0/16']],
      );
      await sh(`wg set wg0 peer ${publicKey} remove`);
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
    });

    test('9b: a peer of the same key that somebody configured is given back on Leave', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.9/24' });
      const publicKey = await sh('node dist/src/cli/main.js pubkey -s supersecretseed -i 10.0.0.9');
      await wg.setPeer('wg0', { publicKey, allowedIps: ['10.98.0.0/16'], keepalive: 7 });
      await container.start();
      await container.ping('10.0.0.1');
      assert.deepEqual((await peers())[0]?.allowedIps.sort(), ['10.0.0.9/32', '10.98.0.0/16']);
      await container.stop();
      const [peer] = await peers();
      assert.deepEqual([peer?.allowedIps, peer?.keepalive], [['10.98.0.0/16'], 7]);
      await sh(`wg set wg0 peer ${publicKey} remove`);
      await nothingLeft();
    });

    for (const [name, method, body] of [
      [
        'an interface name over 15 characters',
        'CreateNetwork',
        networkBody(newId(), { ...ifname, 'dwgd.ifname': 'averylongwgname0' }, pools),
      ],
      ['CreateNetwork without options', 'CreateNetwork', { NetworkID: newId() }],
      ['CreateEndpoint without Interface', 'CreateEndpoint', { NetworkID: newId(), EndpointID: newId() }],
    ] as const) {
      test(`10: ${name} is an answer with a sentence, not a broken connection`, async () => {
        const answer = await call(`NetworkDriver.${method}`, body);
        assert.equal(answer.status, 400);
        assert.ok((answer.Err ?? '').length > 10);
      });
    }

    for (const method of [
      'AllocateNetwork',
      'FreeNetwork',
      'ProgramExternalConnectivity',
      'RevokeExternalConnectivity',
      'DiscoverNew',
      'DiscoverDelete',
      'EndpointOperInfo',
    ]) {
      test(`10: the optional call ${method} is answered`, async () => {
        const answer = await call(`NetworkDriver.${method}`, { NetworkID: newId(), EndpointID: newId() });
        assert.deepEqual([answer.status, answer.Err], [200, undefined]);
      });
    }

    for (const [name, options, pattern] of [
      ['an empty seed', { ...ifname, 'dwgd.seed': '' }, /^dwgd\.seed is empty/],
      [
        'the all-zero key',
        { 'dwgd.pubkey': `${'A'.repeat(43)}=`, 'dwgd.endpoint': 'h:1', 'dwgd.seed': 's' },
        /^dwgd\.pubkey=A+= is not valid/,
      ],
      [
        'port 0',
        { 'dwgd.pubkey': keyPair().publicKey, 'dwgd.endpoint': '192.0.2.1:0', 'dwgd.seed': 's' },
        /^dwgd\.endpoint=192\.0\.2\.1:0 is not valid/,
      ],
      [
        'an unknown option',
        { ...ifname, 'dwgd.ruote': '10.0.0.0/8' },
        /^unknown option dwgd\.ruote: did you mean dwgd\.route\?$/,
      ],
      [
        'both modes',
        { ...ifname, 'dwgd.pubkey': keyPair().publicKey },
        /^dwgd\.ifname and dwgd\.pubkey are both given/,
      ],
      [
        'a route of any text',
        { ...ifname, 'dwgd.route': 'all of it' },
        /^dwgd\.route=all of it is not valid/,
      ],
    ] as const) {
      test(`11: ${name} is refused at network create`, async () => {
        const answer = await call('NetworkDriver.CreateNetwork', networkBody(newId(), options, pools));
        assert.equal(answer.status, 400);
        assert.match(answer.Err ?? '', pattern);
      });
    }

    test('11: a published port, which can never work, is not accepted without a word', async () => {
      const network = await createNetwork(ifname, pools);
      const container = new Container(network, { ip: '10.0.0.11/24' });
      const ports = [{ Proto: 6, Port: 80, HostPort: 8080 }];
      await container.create({ 'com.docker.network.portmap': ports });
      assert.match(
        daemon.logs(),
        /published ports are not reachable by way of a WireGuard network: connect to 10\.0\.0\.11/,
      );
      await demand('NetworkDriver.DeleteEndpoint', container.ids);
    });

    after(() => sh('mkdir -p /run/user'));
  },
  { docker: false },
);

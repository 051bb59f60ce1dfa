// What cannot work fails with one clear sentence that the user sees, and leaves nothing behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetwork, remove, run } from '../../support/containers.js';
import { daemon, eventually, keyPair, scenario, sh, wg } from '../../support/lab.js';
import * as libnetwork from '../../support/libnetwork.js';

const ifname = { 'dwgd.ifname': 'wg0', 'dwgd.seed': 's' };

/** What the user of `docker run` sees. */
async function refused(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (err) {
    return (err as Error).message;
  }
  throw new Error('it was not refused');
}

async function nothingLeft(links: string[]): Promise<void> {
  await daemon.settled();
  assert.deepEqual(await wg.names(), links);
  assert.equal(await daemon.rows('client'), 0);
}

scenario('failures', () => {
  test('docker network create without options says what is needed', async () => {
    await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
    await daemon.start();
    const said = await sh.fails('docker network create --driver=dwgd --subnet=10.0.0.0/24 net');
    assert.match(
      said,
      /NetworkDriver\.CreateNetwork: none of dwgd\.conf, dwgd\.ifname and dwgd\.pubkey is given: give -o dwgd\.conf=/,
    );
    assert.equal(await daemon.rows('network'), 0);
  });

  test('an interface that does not exist is named at network create', async () => {
    assert.match(
      await refused(
        createNetwork('net', { options: { ...ifname, 'dwgd.ifname': 'wg9' }, subnets: ['10.0.0.0/24'] }),
      ),
      /there is no interface wg9 on this host \(dwgd\.ifname\): bring it up first, such as by "wg-quick up wg9"$/,
    );
  });

  test('an interface of another kind is named at network create', async () => {
    assert.match(
      await refused(
        createNetwork('net', { options: { ...ifname, 'dwgd.ifname': 'docker0' }, subnets: ['10.0.0.0/24'] }),
      ),
      /docker0 is not a WireGuard interface \(dwgd\.ifname\): give the name of one$/,
    );
  });

  test('a requested MAC address is refused', async () => {
    await createNetwork('net', { options: ifname, subnets: ['10.0.0.0/24 10.0.0.1'] });
    const mac = '02:42:0a:00:00:05';
    assert.match(
      await refused(run('mac', { networks: { net: {} }, mac })),
      new RegExp(`a WireGuard interface has no MAC address: leave out --mac-address \\(${mac}\\)`),
    );
    await remove('mac');
    await nothingLeft(['wg0']);
  });

  test('an interface that is gone at Join is in the log, and nothing is left', async () => {
    await sh('ip link del wg0');
    await run('gone', { networks: { net: {} } });
    assert.match(
      daemon.logs(),
      /is closed: there is no interface wg0 on this host \(dwgd\.ifname\): bring it up first/,
    );
    await remove('gone');
    await nothingLeft([]);
    await wg.add('wg0', { addresses: ['10.0.0.1/24'], port: 51820 });
  });

  test('an endpoint name that does not resolve is named, and nothing is left', async () => {
    await createNetwork('nowhere', {
      options: {
        'dwgd.pubkey': keyPair().publicKey,
        'dwgd.endpoint': 'nowhere.invalid:51820',
        'dwgd.seed': 's',
      },
      subnets: ['10.0.8.0/24'],
    });
    assert.match(
      await refused(run('lost', { networks: { nowhere: {} } })),
      /NetworkDriver\.Join: the name nowhere\.invalid of dwgd\.endpoint does not resolve \((ENOTFOUND|EAI_AGAIN|ETIMEOUT)\): check the name, and this host's DNS/,
    );
    await remove('lost');
    await nothingLeft(['wg0']);
  });

  test('a link name that somebody else has is left to him, and nothing else is left', async () => {
    const network = await libnetwork.createNetwork(ifname, { ipv4: ['10.0.40.0/24'] });
    const container = new libnetwork.Container(network, { ip: '10.0.40.2/24' });
    const name = `wg-${container.endpointId.slice(0, 12)}`;
    await sh(`ip link add ${name} type dummy`);
    await container.create();
    assert.equal(
      (await container.join()).Err,
      `the name ${name} is taken by an interface that dwgd did not create: rename or delete it (ip link del ${name})`,
    );
    await libnetwork.demand('NetworkDriver.DeleteEndpoint', container.ids);
    assert.match(await sh(`ip -d link show ${name}`), /dummy/);
    await sh(`ip link del ${name}`);
    assert.deepEqual((await wg.dump('wg0')).peers, []);
    await nothingLeft(['wg0']);
  });

  test('an interface without a private key, or without a port: its containers wait, and the log says for what', async () => {
    await sh('ip link add bare type wireguard');
    const network = await libnetwork.createNetwork(
      { ...ifname, 'dwgd.ifname': 'bare' },
      { ipv4: ['10.0.41.0/24'] },
    );
    const container = new libnetwork.Container(network, { ip: '10.0.41.2/24' });
    await container.create();
    assert.equal((await container.join()).Err, undefined);
    assert.match(daemon.logs(), /is closed: the WireGuard interface bare has no private key: set one/);
    await sh('wg set bare private-key <(wg genkey)');
    await eventually(() => assert.match(daemon.logs(), /bare listens on no port: bring it up/));
    assert.deepEqual((await wg.dump('bare')).peers, []);
    await sh('ip link set bare up');
    await eventually(async () => assert.equal((await wg.dump('bare')).peers.length, 1));
    await libnetwork.demand('NetworkDriver.DeleteEndpoint', container.ids);
    await nothingLeft(['bare', 'wg0']);
  });
});

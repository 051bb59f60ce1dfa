// Ports that a container on an exit network publishes, beside a real Docker. This kernel has no WireGuard: the network is one whose
// file is not there yet, so that nothing goes out, and what comes in comes in.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, test } from 'node:test';
import { connect, createNetwork, remove, removeNetwork, run, start, stop } from '../support/containers.js';
import { daemon, database, docker, eventually, scenario, sh } from '../support/lab.js';
import { ask, hush, inside, serve } from '../support/talk.js';

const ports = { '80/tcp': '8080', '80/udp': '8080' };
const BOTH = ['tcp', 'udp'] as const;

/** The server's answer by the host's port. */
const published = (protocol: 'tcp' | 'udp', host = '127.0.0.1', port = 8080): Promise<string> =>
  ask('host', protocol, host, port);

async function isClosed(port: number): Promise<void> {
  await sh.fails(`timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}'`);
}

/** A network that Docker has and the daemon's database does not, as after the loss of that: it is taken over from Docker. */
async function createUnmade(): Promise<void> {
  const path = '/run/docker/plugins/dwgd.sock';
  const standIn = createServer((request, response) => {
    const answers: Record<string, object> = {
      '/Plugin.Activate': { Implements: ['NetworkDriver'] },
      '/NetworkDriver.GetCapabilities': { Scope: 'local', ConnectivityScope: 'local' },
    };
    response.end(JSON.stringify(answers[request.url ?? ''] ?? {}));
  });
  await mkdir('/run/docker/plugins', { recursive: true });
  await new Promise<void>(resolve => standIn.listen(path, resolve));
  await createNetwork('exit', {
    options: { 'dwgd.conf': '/etc/dwgd/not-yet.conf' },
    subnets: ['10.77.0.0/24 10.77.0.1'],
  });
  standIn.closeAllConnections();
  await new Promise(resolve => standIn.close(resolve));
}

/** Serves in a container on port 80. */
async function serveIn(name: string): Promise<void> {
  for (const protocol of BOTH) await serve(name, name, protocol, 80);
}

scenario('exit-ports', () => {
  after(hush);

  test('a published port is reached on the host over TCP and UDP, and none of its addresses is missing', async () => {
    await createUnmade();
    await daemon.start();
    await eventually(async () => assert.equal(await daemon.rows('network'), 1));
    await run('web', { networks: { exit: {} }, ports });
    await serveIn('web');
    for (const protocol of BOTH) {
      assert.equal(await published(protocol), 'web 10.77.0.1');
      assert.equal(await published(protocol, '::1'), 'web 10.77.0.1');
    }
  });

  test('what Docker shows of it is what was asked for', async () => {
    const { HostConfig } = await docker.get<{ HostConfig: { PortBindings: object } }>('/containers/web/json');
    assert.deepEqual(Object.keys(HostConfig.PortBindings).sort(), ['80/tcp', '80/udp']);
  });

  test("a second container with the port does not start, in Docker's words, and one with another does", async () => {
    await assert.rejects(
      run('rival', { networks: { exit: {} }, ports: { '80/tcp': '8080' } }),
      /Bind for 0\.0\.0\.0:8080 failed: port is already allocated/,
    );
    await remove('rival');
    await run('other', { networks: { exit: {} }, ports: { '80/tcp': '', '80/udp': '8053' } });
    await serveIn('other');
    assert.equal(await published('udp', '127.0.0.1', 8053), 'other 10.77.0.1');
    const [, port] = /published a port .*port=(\d+) protocol=tcp/.exec(
      daemon
        .logs()
        .split('\n')
        .findLast(line => line.includes('published a port') && line.includes('tcp'))!,
    )!;
    assert.equal(await published('tcp', '127.0.0.1', Number(port)), 'other 10.77.0.1');
    await remove('other');
    await eventually(() => isClosed(Number(port)));
  });

  test('the daemon killed: the port is open again with the next one', async () => {
    await daemon.kill9();
    await daemon.start();
    for (const protocol of BOTH)
      await eventually(async () => assert.equal(await published(protocol), 'web 10.77.0.1'));
  });

  test('the port goes with the container, and comes back with it', async () => {
    await stop('web');
    await isClosed(8080);
    await start('web');
    await serveIn('web');
    assert.equal(await published('tcp'), 'web 10.77.0.1');
  });

  test('one whose link is gone is told of, and has it again when it is restarted', async () => {
    await inside('web', 'ip link del wg0');
    await eventually(() => assert.match(daemon.logs(), /its link to the router of the exit network is gone/));
    await docker.call('POST', '/containers/web/restart?t=0');
    await serveIn('web');
    assert.equal(await published('tcp'), 'web 10.77.0.1');
  });

  test('a container that is on a bridge, too, publishes by one of them, and starts', async () => {
    await createNetwork('aaa-bridge', { driver: 'bridge' });
    await connect('aaa-bridge', 'web');
    await serveIn('web').catch(() => undefined);
    await eventually(async () => assert.match(await published('tcp'), /^web /));
    await remove('web');
    await isClosed(8080);
    await removeNetwork('aaa-bridge');
  });

  test('a label that asks for a port is learnt from Docker; one with a mistake is told', async () => {
    await run('seed', { networks: { exit: {} }, labels: { 'dwgd.forward': '51413' } });
    await run('wrong', { networks: { exit: {} }, labels: { 'dwgd.forward': 'http' } });
    await eventually(() =>
      assert.match(daemon.logs(), /no port is forwarded: dwgd\.forward=http is not valid/),
    );
    const recorded = await sh(`sqlite3 ${database} 'SELECT forward FROM client ORDER BY forward'`);
    assert.deepEqual(recorded.split('\n'), ['51413', 'http']);
    await remove('seed');
    await remove('wrong');
  });

  test('an option of the place on the network counts, and a wrong one fails the start', async () => {
    const create = (name: string, forward: string): Promise<unknown> =>
      docker.call('POST', `/containers/create?name=${name}`, {
        Image: 'busybox:local',
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'exit' },
        NetworkingConfig: { EndpointsConfig: { exit: { DriverOpts: { 'dwgd.forward': forward } } } },
      });
    await create('right', '5000/udp');
    await start('right');
    assert.equal(await sh(`sqlite3 ${database} 'SELECT forward FROM client'`), '5000/udp');
    await create('wrong', '5000/sctp');
    await assert.rejects(start('wrong'), /dwgd\.forward=5000\/sctp is not valid/);
    await remove('right');
    await remove('wrong');
    await removeNetwork('exit');
  });
});

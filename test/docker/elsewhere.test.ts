// Docker's API by TCP: of dockerd itself, and of a socket proxy that lets through what the reference lists and no more. Labels are
// kept as by the socket, with packets. Not here: what is said of each path that is refused (unit/docker/socket-proxy.test.ts).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import { after, before, test } from 'node:test';
import { createNetwork, remove, run } from '../support/containers.js';
import { daemon, dockerd } from '../support/lab.js';
import { readPage } from '../support/page-blocks.js';
import { ask } from '../support/talk.js';
import { follows, type KeeperOptions, keeper, keeping } from './keeper.js';
import { connectVpn, FAR, FAR_PORT, leaked, makeVpn, makeWorld } from './world.js';

const PROXY_PORT = 2475;
const DOCKERD_PORT = 2375;
/** As tests of events have it: the clock does not look. */
const FLAGS = ['--look-interval', '80000'];

/** Those of the reference's table that the daemon asks for. */
const LISTED = [...readPage('docs/reference.md').matchAll(/^\| `(\/[^`]+)` \| (?:both|labels)\b/gm)].map(
  ([, path]) => new RegExp(`^(/v[\\d.]+)?${path!.replace('ID', '[^/]+')}$`),
);

/** A proxy of the real Docker for GETs of the paths that the page lists: what it has refused is kept. */
async function proxy(refused: string[]): Promise<Server> {
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    if (method !== 'GET' || !LISTED.some(path => path.test(new URL(url!, 'http://proxy').pathname))) {
      refused.push(`${method} ${url}`);
      answer.writeHead(403).end('<html><body><h1>403 Forbidden</h1></body></html>');
      return;
    }
    const onward = request({ socketPath: '/run/docker.sock', method, path: url, headers }, given => {
      answer.writeHead(given.statusCode!, given.headers);
      answer.flushHeaders();
      given.on('error', () => answer.destroy()).pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    onward.end();
  }).listen(PROXY_PORT, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const far = (within = 0.5): Promise<string> => ask('app', 'udp', FAR, FAR_PORT, { within });
const byVpn = () => follows(async () => assert.match(await far(), /^vpn /));

async function makeGateway(): Promise<void> {
  await run('gw', { networks: { main: {} }, labels: { 'twine.nat.interfaces': 'wg0' } });
  await connectVpn('gw');
}

keeping('elsewhere', () => {
  before(async () => {
    const addresses = ['127.0.0.1', '[::1]'].map(host => `tcp://${host}:${DOCKERD_PORT}`);
    await dockerd.restart(...['unix:///run/docker.sock', ...addresses].flatMap(each => ['-H', each]));
    await createNetwork('main', { driver: 'bridge', subnets: ['172.30.0.0/24 172.30.0.1'] });
    await makeWorld();
    await makeVpn();
  });
  after(() => dockerd.restart());

  const refused: string[] = [];
  let server: Server | undefined;
  after(() => server?.close().closeAllConnections());

  const ways: readonly (readonly [string, KeeperOptions])[] = [
    ['DOCKER_HOST', { env: { DOCKER_HOST: `tcp://127.0.0.1:${DOCKERD_PORT}` } }],
    ['DOCKER_HOST without a port', { env: { DOCKER_HOST: 'tcp://127.0.0.1' } }],
    ['--docker-host with a name', { flags: ['--docker-host', `tcp://localhost:${DOCKERD_PORT}`, ...FLAGS] }],
    ['--docker-host with IPv6', { flags: ['--docker-host', `tcp://[::1]:${DOCKERD_PORT}`, ...FLAGS] }],
    ['the settings', { env: { DWGD_DOCKER_HOST: `tcp://127.0.0.1:${DOCKERD_PORT}/` } }],
    ['a proxy', { env: { DOCKER_HOST: `tcp://127.0.0.1:${PROXY_PORT}` } }],
  ];
  for (const [what, options] of ways) {
    test(`by ${what} labels are kept: a container's packets go by the gateway, and by the next one`, async () => {
      if (what === 'a proxy') server = await proxy(refused);
      await keeper.start({ ...options, env: { DOCKER_HOST: undefined, ...options.env } });
      await makeGateway();
      await run('app', { networks: { main: {} }, labels: { 'twine.route.0.0.0.0/0': 'gw' } });
      await byVpn();
      const before = await leaked('app');
      await remove('gw');
      await follows(() => assert.rejects(far()));
      await run('squatter', { networks: { main: {} } });
      await makeGateway();
      await byVpn();
      assert.equal(await leaked('app'), before, 'after its labels came none left by Docker’s route');
      if (what === 'a proxy') return;
      for (const name of ['app', 'gw', 'squatter']) await remove(name);
      await daemon.stop();
    });
  }

  test('nothing is asked of the proxy but what the reference lists', () => {
    assert.equal(LISTED.length, 9);
    assert.deepEqual(refused, []);
  });

  test('while the proxy is gone what is in force stays, and afterwards it follows', async () => {
    const before = await leaked('app');
    server!.close().closeAllConnections();
    await remove('gw');
    await assert.rejects(far());
    server = await proxy(refused);
    await makeGateway();
    await byVpn();
    assert.equal(await leaked('app'), before);
    assert.deepEqual(refused, []);
  });
});

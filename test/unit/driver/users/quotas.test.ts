// What a user other than root may take from the others: networks, endpoints, room in the database, calls, connections.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { UnixServer } from '../../../../src/control/unix-server.js';
import { DockerClient, type DockerNetwork } from '../../../../src/driver/lifecycle/docker-networks.js';
import { Recovery } from '../../../../src/driver/lifecycle/recovery.js';
import { createPlugin } from '../../../../src/driver/plugin/http.js';
import { PLUGIN_LIMITS } from '../../../../src/driver/plugin/socket.js';
import { UserServer } from '../../../../src/driver/plugin/user-server.js';
import { LoopShare, REST_OF_CALLS } from '../../../../src/driver/users/loop-share.js';
import { MAX_ENDPOINTS, MAX_NETWORKS } from '../../../../src/driver/users/quotas.js';
import { endpointRequest, networkRequest, SEED, World } from '../../../support/driver-world.js';

const USER = 1000;
const WIDE = { IPv4Data: [{ Pool: '10.0.0.0/16', Gateway: '10.0.0.1/16' }] };

const networksOf = (world: World, owner: number): number => world.store.networksOf(owner).length;

/** A world whose wg0 users may join. */
function openWorld(): World {
  const world = new World();
  world.rootlessIfnames.add('wg0');
  return world;
}

async function create(world: World, owner: number, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++)
    await world.driver.createNetwork(networkRequest({}, { NetworkID: `n${owner}-${n}` }), owner);
}

test('the 65th network of a user is refused, and the networks of root and of another user are not', async () => {
  const world = openWorld();
  await create(world, USER, 0, MAX_NETWORKS);
  await assert.rejects(
    create(world, USER, MAX_NETWORKS, MAX_NETWORKS + 1),
    /^UserError: user 1000 has 64 networks of dwgd already, .*: remove one first \(docker network rm\)$/,
  );
  await create(world, 0, 0, MAX_NETWORKS + 1);
  await create(world, USER + 1, 0, 1);
  assert.deepEqual(
    [USER, 0, USER + 1].map(owner => networksOf(world, owner)),
    [64, 65, 1],
  );
});

test('a network that is there already may be given again, and one that went leaves room for another', async () => {
  const world = openWorld();
  await create(world, USER, 0, MAX_NETWORKS);
  await create(world, USER, 0, 1);
  await world.driver.deleteNetwork(`n${USER}-0`, USER);
  await create(world, USER, MAX_NETWORKS, MAX_NETWORKS + 1);
  assert.equal(networksOf(world, USER), MAX_NETWORKS);
});

test('the 1025th endpoint of a user is refused, also when all are asked for at once and on several networks', async () => {
  const world = openWorld();
  for (const NetworkID of ['n1', 'n2'])
    await world.driver.createNetwork(networkRequest({}, { ...WIDE, NetworkID }), USER);
  const add = (n: number, owner: number, network: string): Promise<unknown> =>
    world.driver.createEndpoint(
      endpointRequest(`${network}e${n}`, `10.0.${n >> 7}.${(n & 127) + 2}/16`, network),
      owner,
    );
  const all = Array.from({ length: MAX_ENDPOINTS + 50 }, (_, n) => add(n, USER, n % 2 === 0 ? 'n1' : 'n2'));
  const failed = (await Promise.allSettled(all)).filter(result => result.status === 'rejected');
  assert.equal(failed.length, 50);
  for (const { reason } of failed)
    assert.match(String(reason), /user 1000 has 1024 containers .*: stop one first$/);
  assert.equal(world.store.endpoints().length, MAX_ENDPOINTS);
  await world.driver.createNetwork(networkRequest({}, { ...WIDE, NetworkID: 'root' }), 0);
  await add(1, 0, 'root');
});

for (const option of ['dwgd.route', 'dwgd.allowedips']) {
  test(`a network whose ${option} takes more than 64 KiB of the database is refused to a user`, async () => {
    const world = openWorld();
    const list = Array.from({ length: 6000 }, (_, n) => `10.${n >> 8}.${n & 255}.0/24`).join(',');
    const request = networkRequest({ [option]: list });
    await assert.rejects(world.driver.createNetwork(request, USER), /may have 65536: give fewer routes/);
    assert.equal(networksOf(world, USER), 0);
    await world.driver.createNetwork(request, 0);
  });
}

test('a list of a million networks in the answer of a Docker is adopted as far as the quota, and one line is logged', async () => {
  const world = openWorld();
  const docker = new (class extends DockerClient {
    override async networks(): Promise<DockerNetwork[]> {
      return Array.from({ length: 10_000 }, (_, n) => ({
        id: `n${n}`,
        options: new Map(Object.entries({ 'dwgd.ifname': 'wg0', 'dwgd.seed': SEED })),
        ipv4: [{ Pool: '10.0.0.0/24' }],
        ipv6: [],
        endpoints: new Map(),
      }));
    }
  })({ socketPath: '/nowhere' });
  await new Recovery(world).compare(docker, USER);
  assert.equal(networksOf(world, USER), MAX_NETWORKS);
  assert.equal(world.lines.filter(line => line.includes('cannot take over')).length, 1);
});

const LEAVE_BODY = '{"NetworkID":"n","EndpointID":"e"}';
const LEAVE = `POST /NetworkDriver.Leave HTTP/1.1\r\nHost: x\r\nContent-Length: ${LEAVE_BODY.length}\r\n\r\n${LEAVE_BODY}`;

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await turn();
}

async function connected(t: TestContext, path: string): Promise<Socket> {
  const socket = createConnection(path).on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

const noRest = async (): Promise<void> => undefined;

/**
 * A server for each, both of one process.
 * @param share of the user's calls
 */
async function servers(
  t: TestContext,
  world = new World(),
  share = new LoopShare(REST_OF_CALLS, noRest),
): Promise<{ root: string; user: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-quotas-'));
  const paths = { root: join(folder, 'root.sock'), user: join(folder, 'user.sock') };
  const ofUser = createPlugin(world.driver, USER, world.log, { share });
  const both = [
    { path: paths.root, server: new UnixServer(createPlugin(world.driver, 0, world.log), 0, PLUGIN_LIMITS) },
    { path: paths.user, server: new UserServer(ofUser, USER, { share, log: world.log }) },
  ];
  for (const { path, server } of both) await server.listen(path);
  t.after(async () => {
    await Promise.all(both.map(({ server }) => server.close()));
    rmSync(folder, { recursive: true });
  });
  return paths;
}

function call(socketPath: string, name: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, method: 'POST', path: `/NetworkDriver.${name}`, agent: false };
    const request = httpRequest(options, response => {
      let text = '';
      response.on('data', chunk => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode!, text }));
    });
    request.on('error', reject).end(body);
  });
}

test('of 100 connections of a user 64 are taken, and the others wait until one of these ends', async t => {
  const { root, user } = await servers(t);
  const isSilent = (socket: Socket): Promise<boolean> =>
    Promise.race([once(socket, 'data').then(() => false), turns(20).then(() => true)]);
  const first = await Promise.all(Array.from({ length: 64 }, () => connected(t, user)));
  const later = await Promise.all(Array.from({ length: 36 }, () => connected(t, user)));
  for (const socket of later) socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.deepEqual(await call(root, 'DeleteNetwork', '{"NetworkID":"nobody"}'), { status: 200, text: '{}' });
  assert.deepEqual(await Promise.all(later.map(isSilent)), Array<boolean>(36).fill(true));
  first[0]!.destroy();
  // Each ends with its answer, which lets the next one in.
  await Promise.all(later.map(socket => once(socket.resume(), 'close')));
});

test('a call of a user with 1 MB is refused, and not kept', async t => {
  const { user } = await servers(t);
  const { status, text } = await call(user, 'Join', ' '.repeat(1024 * 1024 - 1));
  assert.deepEqual([status, text], [413, '{"Err":"the request is larger than 128 KiB"}']);
});

test('of 100 calls of a user 64 are begun, though nobody waits for the answers', async t => {
  const world = openWorld();
  let begun = 0;
  const waiting: (() => void)[] = [];
  world.driver.leave = () => {
    begun++;
    return new Promise(resolve => waiting.push(resolve));
  };
  t.after(() => {
    for (const resolve of waiting) resolve();
  });
  // None of them ends before its turn does.
  const share = new LoopShare({ ...REST_OF_CALLS, turnMs: 1 }, noRest);
  const { user } = await servers(t, world, share);
  for (let n = 0; n < 64; n++) {
    const socket = await connected(t, user);
    socket.write(LEAVE);
    while (begun <= n) await sleep(1);
    socket.destroy();
  }
  for (let n = 64; n < 100; n++) {
    const { status, text } = await call(user, 'Leave', LEAVE_BODY);
    assert.equal(status, 400);
    assert.match(text, /64 calls of this user are under way, and no more are begun: try again/);
  }
  assert.equal(begun, 64);
});

test('calls of a user that fail are answered one and all, and fill no log', async t => {
  const world = openWorld();
  const { user, root } = await servers(t, world);
  for (let n = 0; n < 200; n++) assert.equal((await call(user, 'Join', '{}')).status, 400);
  await call(root, 'Join', '{}');
  const errors = world.lines.filter(line => line.includes(' error '));
  assert.ok(errors.length < 150, `${errors.length} lines`);
  assert.ok(errors.slice(0, -1).every(line => line.includes(` user=${USER} `)));
  assert.doesNotMatch(errors.at(-1)!, /user=/);
});

test('of 60 calls of a user that come at once one begins in a turn of the event loop, and a call of root goes before the last', {
  timeout: 60_000,
}, async t => {
  const world = openWorld();
  let [inThisTurn, most, done] = [0, 0, 0];
  world.driver.leave = async (_, owner) => {
    if (owner === 0) return;
    most = Math.max(most, ++inThisTurn);
    setImmediate(() => (inThisTurn = 0));
    for (const start = performance.now(); performance.now() - start < 2; );
    done++;
  };
  const { user, root } = await servers(t, world, new LoopShare(REST_OF_CALLS));
  const sockets = await Promise.all(Array.from({ length: 60 }, () => connected(t, user)));
  for (const socket of sockets) socket.write(LEAVE);
  while (done === 0) await turn();
  await call(root, 'Leave', LEAVE_BODY);
  const before = done;
  while (done < 60) await sleep(1);
  assert.equal(most, 1);
  assert.ok(before < 60, `${before} calls of the user came first`);
});

// Looking at containers by a Docker that a test plays: what is asked, what is cached, whose labels count.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { formatAddress } from '../../../../src/base/ip.js';
import { DockerApi } from '../../../../src/docker/api-client.js';
import type { ContainerView } from '../../../../src/labels/discovery/container.js';
import { Containers } from '../../../../src/labels/discovery/containers.js';
import { NETWORKS_REFUSED } from '../../../../src/labels/discovery/docker-view.js';
import { netnsAt } from '../../../../src/labels/discovery/proc-netns.js';

const HOST = netnsAt('/proc/self/ns/net')!;

interface Played {
  name: string;
  running?: boolean;
  pid?: number;
  mode?: string;
  image?: string;
  runtime?: string;
  health?: string;
  labels?: Record<string, string>;
  networks?: Record<string, object>;
}

/** A Docker on a unix socket of its own, with the containers that a test puts there. */
class FakeDocker {
  readonly containers = new Map<string, Played>();
  readonly images = new Map<string, Record<string, string>>();
  readonly networks: { Id: string; Driver: string }[] = [];
  /** Containers of which an inspection tells no more than the id. */
  readonly odd = new Set<string>();
  /** Paths that are not answered, until they are released. */
  readonly stuck = new Set<string>();
  readonly #waiting = new Map<string, ServerResponse[]>();
  /** Paths that were asked for, without the events. */
  readonly asked: string[] = [];
  /** Paths that are answered with a status, or a text in place of JSON, or by other means. */
  readonly answers = new Map<string, number | string | ((response: ServerResponse) => void)>();
  /** What `GET /info` says. */
  info: object | undefined;
  readonly lines: { msg: string; level: number }[] = [];
  /** Containers that cannot be inspected. */
  readonly broken = new Set<string>();
  filters: unknown;
  #events: ServerResponse | undefined;
  readonly #api: DockerApi;
  readonly #stop: () => void;

  private constructor(socket: string, stop: () => void) {
    this.#api = new DockerApi({ socketPath: socket });
    this.#stop = stop;
  }

  static async start(t: TestContext): Promise<FakeDocker> {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-docker-'));
    const server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://docker');
      if (url.pathname === '/events') fake.#listen(url, response);
      else fake.#answer(url.pathname, response);
    });
    const socket = join(folder, 'docker.sock');
    const fake = new FakeDocker(socket, () => server.closeAllConnections());
    await new Promise<void>(resolve => server.listen(socket, resolve));
    t.after(() => {
      fake.#api.close();
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    });
    return fake;
  }

  containersOf({
    trustImageLabels = false,
    patience,
  }: {
    trustImageLabels?: boolean;
    patience?: number;
  } = {}): Containers {
    const log = pino({ level: 'debug', base: null }, { write: line => this.lines.push(JSON.parse(line)) });
    return new Containers({
      api: this.#api,
      log,
      host: HOST,
      findNetns: () => undefined,
      trustImageLabels,
      patience,
    });
  }

  event(event: object): void {
    this.#events!.write(`${JSON.stringify(event)}\n`);
  }

  /** Ends all connections, as a Docker that stops. */
  hangUp(): void {
    this.#stop();
  }

  /** Answers what waits, and whatever is asked from now on. */
  release(path: string): void {
    this.stuck.delete(path);
    for (const response of this.#waiting.get(path) ?? []) this.#answer(path, response);
    this.#waiting.delete(path);
  }

  /** Closes the daemon's side. */
  close(): void {
    this.#api.close();
  }

  get listening(): boolean {
    return this.#events !== undefined && !this.#events.closed;
  }

  #listen(url: URL, response: ServerResponse): void {
    this.filters = JSON.parse(url.searchParams.get('filters')!);
    this.#events = response;
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
  }

  #answer(path: string, response: ServerResponse): void {
    this.asked.push(path);
    if (this.stuck.has(path)) {
      this.#waiting.set(path, [...(this.#waiting.get(path) ?? []), response]);
      return;
    }
    if (this.broken.has(path.split('/')[2]!)) {
      response.writeHead(500).end('{"message":"layer does not exist"}');
      return;
    }
    const answer = this.answers.get(path);
    if (answer !== undefined) {
      if (typeof answer === 'function') answer(response);
      else if (typeof answer === 'number') response.writeHead(answer).end('{"message":"no"}');
      else response.writeHead(200).end(answer);
      return;
    }
    const found = this.#find(path);
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(found ?? { message: 'no such thing' }));
  }

  #find(path: string): unknown {
    if (path === '/info') return this.info;
    if (path === '/networks') return this.networks;
    if (path === '/containers/json') return [...this.containers].map(([id, played]) => listed(id, played));
    const [, kind, id = ''] = path.split('/');
    if (kind === 'images') {
      const labels = this.images.get(decodeURIComponent(id));
      return labels && { Config: { Labels: labels } };
    }
    const played = this.containers.get(id);
    return this.odd.has(id) ? { Id: id } : played && inspected(id, played);
  }
}

function listed(id: string, played: Played): object {
  const { name, running = true, labels = {}, mode, networks = {}, health } = played;
  return {
    Id: id,
    Names: [`/${name}`],
    State: running ? 'running' : 'exited',
    Status: `Up 5 minutes${health ? ` (${health})` : ''}`,
    Labels: labels,
    HostConfig: { NetworkMode: mode ?? 'main' },
    NetworkSettings: {
      // As Docker's: the listing leaves aliases out.
      Networks: Object.fromEntries(
        Object.entries(networks).map(([name, endpoint]) => [name, { ...endpoint, Aliases: null }]),
      ),
    },
  };
}

function inspected(id: string, played: Played): object {
  const {
    name,
    running = true,
    pid = process.pid,
    labels = {},
    mode,
    networks = {},
    image = 'i1',
    runtime,
    health,
  } = played;
  return {
    Id: id,
    Name: `/${name}`,
    Image: image,
    State: { Running: running, Pid: running ? pid : 0, ...(health && { Health: { Status: health } }) },
    Config: { Labels: labels },
    HostConfig: { NetworkMode: mode ?? 'main', Runtime: runtime },
    NetworkSettings: { Networks: networks },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

test('a pass lists once, inspects each container once, and quiet ones never again', async t => {
  const docker = await FakeDocker.start(t);
  for (const name of ['a', 'b', 'c']) docker.containers.set(name, { name });
  docker.containers.set('old', { name: 'old', running: false });
  const containers = docker.containersOf();
  const views = await containers.list(true);
  assert.deepEqual(views.map(({ name }) => name).sort(), ['a', 'b', 'c', 'old']);
  assert.deepEqual(docker.asked.splice(0).sort(), [
    '/containers/a/json',
    '/containers/b/json',
    '/containers/c/json',
    '/containers/json',
    '/containers/old/json',
  ]);
  await containers.list(true);
  assert.deepEqual(docker.asked, ['/containers/json']);
});

for (const isBroken of [false, true]) {
  test(`the aliases of a container that stops ${isBroken ? 'and cannot be inspected any more' : ''} are known`, async t => {
    const docker = await FakeDocker.start(t);
    const networks = { main: { NetworkID: 'n1', EndpointID: 'e', IPAddress: '10.0.0.7', Aliases: ['gate'] } };
    const played: Played = { name: 'a', networks };
    docker.containers.set('a', played);
    const containers = docker.containersOf();
    await containers.list(false);
    played.running = false;
    played.networks = { main: { NetworkID: 'n1', Aliases: ['gate'] } };
    if (isBroken) docker.broken.add('a');
    const [view] = await containers.list(false);
    assert.equal(view!.netns, undefined);
    assert.deepEqual(view!.attachments[0]!.aliases, ['gate']);
  });
}

for (const [Driver, given, expected] of [
  ['bridge', {}, ['10.0.0.7']],
  ['macvlan', {}, undefined],
  ['ipvlan', {}, undefined],
  ['overlay', {}, undefined],
  ['bridge', { IPv4Address: '10.0.0.7' }, ['10.0.0.7']],
  ['macvlan', { IPv4Address: '10.0.0.7' }, ['10.0.0.7']],
] as const) {
  test(`a stopped container on a network of driver ${Driver} may have ${expected ? 'the address again that it had' : 'had an address that is another machine’s now'}, given ${JSON.stringify(given)}`, async t => {
    const docker = await FakeDocker.start(t);
    docker.networks.push({ Id: 'n1', Driver });
    const endpoint = { NetworkID: 'n1', IPAMConfig: given };
    const played: Played = { name: 'a', networks: { main: { ...endpoint, IPAddress: '10.0.0.7' } } };
    docker.containers.set('a', played);
    const containers = docker.containersOf();
    await containers.list(false);
    Object.assign(played, { running: false, networks: { main: endpoint } });
    // However often it is seen stopped.
    for (let n = 0; n < 2; n++) {
      const [view] = await containers.list(n > 0);
      assert.deepEqual(view!.attachments[0]!.formerAddresses?.map(formatAddress), expected);
    }
  });
}

test('the aliases of a container that has never been seen running are known', async t => {
  const docker = await FakeDocker.start(t);
  const networks = { main: { NetworkID: 'n1', Aliases: ['gate'] } };
  docker.containers.set('a', {
    name: 'a',
    running: false,
    networks,
    labels: { 'twine.nat.interfaces': '+' },
  });
  const [view] = await docker.containersOf().list(false);
  assert.deepEqual([view!.attachments[0]!.aliases, view!.labels.size], [['gate'], 0]);
  // Its image is not asked for: labels of one that does not run do not count.
  assert.ok(!docker.asked.some(path => path.startsWith('/images')));
});

test('of containers that nothing is new about the views have the same revision, stopped ones too', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a' });
  docker.containers.set('b', { name: 'b' });
  docker.containers.set('old', { name: 'old', running: false });
  const containers = docker.containersOf();
  const first = await containers.list(true);
  docker.containers.set('b', { name: 'bee' });
  const second = await containers.list(true);
  const isSame = second.map((view, i) => [view.name, view.revision === first[i]!.revision]);
  assert.deepEqual(isSame, [
    ['a', true],
    ['bee', false],
    ['old', true],
  ]);
});

test('a stopped container that is on another network of the same name is seen anew', async t => {
  const docker = await FakeDocker.start(t);
  const played = (NetworkID: string) => ({ name: 'a', running: false, networks: { main: { NetworkID } } });
  docker.containers.set('a', played('n1'));
  const containers = docker.containersOf();
  await containers.list(true);
  docker.containers.set('a', played('n2'));
  const [view] = await containers.list(false);
  assert.equal(view!.attachments[0]!.networkId, 'n2');
});

test('an event about a container has that one inspected', async t => {
  const docker = await FakeDocker.start(t);
  for (const name of ['a', 'b']) docker.containers.set(name, { name });
  const containers = docker.containersOf();
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  await containers.list(false);
  docker.asked.length = 0;
  docker.event({ Type: 'container', Action: 'start', Actor: { ID: 'a' } });
  docker.event({ Type: 'network', Action: 'connect', Actor: { ID: 'n', Attributes: { container: 'b' } } });
  await until(() => changes === 3);
  await containers.list(false);
  assert.deepEqual(docker.asked.sort(), ['/containers/a/json', '/containers/b/json', '/containers/json']);
});

test('a container whose health changes is inspected, by its event or by the listing, and no other', async t => {
  const docker = await FakeDocker.start(t);
  for (const name of ['a', 'b']) docker.containers.set(name, { name, health: 'healthy' });
  const containers = docker.containersOf();
  await containers.list(true);
  docker.asked.length = 0;
  docker.containers.set('a', { name: 'a', health: 'unhealthy' });
  const views = await containers.list(false);
  assert.deepEqual(views.map(({ name, health }) => `${name} ${health}`).sort(), [
    'a unhealthy',
    'b undefined',
  ]);
  assert.deepEqual(docker.asked.splice(0).sort(), ['/containers/a/json', '/containers/json']);
  await containers.list(false);
  assert.deepEqual(docker.asked, ['/containers/json']);
});

test('Docker is asked for events of exact names', async t => {
  const docker = await FakeDocker.start(t);
  let isUp = false;
  void docker.containersOf().listen(() => (isUp = true));
  await until(() => isUp);
  assert.deepEqual(docker.filters, {
    type: ['container', 'network'],
    event: [
      ...['create', 'start', 'die', 'destroy', 'rename', 'update', 'pause', 'unpause', 'health_status'],
      ...['connect', 'disconnect'],
    ],
  });
});

test('networks that come and go are told of, and change nothing yet', async t => {
  const docker = await FakeDocker.start(t);
  let changes = 0;
  const noted: unknown[] = [];
  void docker.containersOf().listen(
    () => changes++,
    event => noted.push(event),
  );
  await until(() => changes === 1);
  const events = ['create', 'destroy'].map(Action => ({ Type: 'network', Action, Actor: { ID: 'n' } }));
  for (const event of events) docker.event(event);
  await until(() => noted.length === 3);
  assert.deepEqual([noted, changes], [[undefined, ...events], 1]);
});

test('after the events ended they are listened to again, and nothing is believed any more', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a' });
  const containers = docker.containersOf();
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  await containers.list(false);
  docker.hangUp();
  await until(() => changes === 2);
  docker.asked.length = 0;
  await containers.list(false);
  assert.ok(docker.asked.includes('/containers/a/json'));
  assert.equal(docker.lines.filter(({ msg }) => msg.includes('cannot reach Docker')).length, 1);
});

for (const [what, change] of [
  ['a new name', (played: Played) => (played.name = 'other')],
  ['a new endpoint', (played: Played) => (played.networks = { main: { EndpointID: 'e2' } })],
  [
    'a new address',
    (played: Played) => (played.networks = { main: { EndpointID: 'e', IPAddress: '10.0.0.9' } }),
  ],
] as const) {
  test(`${what} is seen without an event`, async t => {
    const docker = await FakeDocker.start(t);
    const played: Played = { name: 'a', networks: { main: { EndpointID: 'e', IPAddress: '10.0.0.1' } } };
    docker.containers.set('a', played);
    const containers = docker.containersOf();
    await containers.list(false);
    change(played);
    docker.asked.length = 0;
    await containers.list(false);
    assert.ok(docker.asked.includes('/containers/a/json'));
  });
}

test('a container that goes between the listing and its inspection is left out', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a' }).set('b', { name: 'b' });
  const containers = docker.containersOf();
  const list = docker.containers.get.bind(docker.containers);
  docker.containers.get = id => (id === 'a' ? undefined : list(id));
  assert.deepEqual(
    (await containers.list(false)).map(({ name }) => name),
    ['b'],
  );
});

test('a container that Docker cannot inspect stops no other, and keeps its name and addresses for them', async t => {
  const docker = await FakeDocker.start(t);
  const networks = { main: { NetworkID: 'n1', EndpointID: 'e', IPAddress: '10.0.0.7' } };
  docker.containers.set('bad', { name: 'bad', networks, labels: { 'twine.nat.interfaces': '+' } });
  docker.containers.set('good', { name: 'good' });
  docker.broken.add('bad');
  const containers = docker.containersOf();
  await containers.list(false);
  const views = await containers.list(false);
  assert.deepEqual(views.map(({ name, netns }) => [name, netns !== undefined]).sort(), [
    ['bad', false],
    ['good', true],
  ]);
  const bad = views.find(({ name }) => name === 'bad')!;
  assert.equal(formatAddress(bad.attachments[0]!.addresses[0]!), '10.0.0.7');
  assert.equal(docker.lines.filter(({ msg }) => msg.includes('layer does not exist')).length, 1);
});

test('in whose namespace one may be that Docker cannot inspect is told, and so are its labels', async t => {
  const docker = await FakeDocker.start(t);
  const labels = { 'twine.nat.interfaces': '+', maintainer: 'm' };
  docker.containers.set('bad', { name: 'bad', mode: 'container:owner', labels });
  docker.containers.set('owner', { name: 'owner', pid: process.pid });
  docker.containers.set('old', { name: 'old', running: false, labels });
  docker.broken.add('bad');
  const containers = docker.containersOf();
  const told = async () =>
    (await containers.list(true)).map(({ name, unverifiedLabelKeys, isIndeterminate }) => [
      name,
      unverifiedLabelKeys,
      isIndeterminate,
    ]);
  const first = await told();
  assert.deepEqual(first, [
    ['bad', ['twine.nat.interfaces'], undefined],
    ['owner', undefined, true],
    ['old', undefined, undefined],
  ]);
  assert.deepEqual(await told(), first);
  docker.broken.clear();
  docker.images.set('i1', {});
  assert.deepEqual(await told(), [
    ['bad', undefined, undefined],
    ['owner', undefined, undefined],
    ['old', undefined, undefined],
  ]);
});

test('a container that Docker cannot inspect any more is as it was: what protects it stays', async t => {
  const docker = await FakeDocker.start(t);
  docker.images.set('i1', {});
  docker.containers.set('a', { name: 'a', labels: { 'twine.nat.interfaces': '+' } });
  const containers = docker.containersOf();
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  const [before] = await containers.list(true);
  docker.broken.add('a');
  docker.event({ Type: 'container', Action: 'update', Actor: { ID: 'a' } });
  await until(() => changes === 2);
  for (let i = 0; i < 2; i++) assert.deepEqual(await containers.list(i === 1), [before]);
  assert.equal(before!.labels.size, 1);
});

test('a container whose inspection lacks what is needed stops no other', async t => {
  const docker = await FakeDocker.start(t);
  for (const name of ['a', 'b']) docker.containers.set(name, { name });
  docker.odd.add('a');
  const views = await docker.containersOf().list(false);
  assert.deepEqual(
    views.map(({ name, netns }) => [name, netns !== undefined]),
    [
      ['a', false],
      ['b', true],
    ],
  );
});

test('a container that Docker is stuck with holds up one pass, until an event names it', async t => {
  const docker = await FakeDocker.start(t);
  for (const name of ['a', 'b']) docker.containers.set(name, { name });
  docker.stuck.add('/containers/a/json');
  const containers = docker.containersOf({ patience: 500 });
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  const views = await containers.list(true);
  assert.deepEqual(
    views.map(({ name, netns }) => [name, netns !== undefined]),
    [
      ['a', false],
      ['b', true],
    ],
  );
  docker.asked.length = 0;
  await containers.list(false);
  assert.deepEqual(docker.asked, []);
  docker.stuck.clear();
  docker.event({ Type: 'container', Action: 'update', Actor: { ID: 'a' } });
  await until(() => changes === 2);
  assert.ok((await containers.list(false))[0]!.netns);
  assert.equal(docker.lines.filter(({ msg }) => msg.includes('no answer from Docker')).length, 1);
});

test('one that Docker has connected and not started is not asked about, and is once it has', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a', running: false });
  const containers = docker.containersOf();
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  docker.event({ Type: 'network', Action: 'connect', Actor: { ID: 'n', Attributes: { container: 'a' } } });
  await until(() => changes === 2);
  assert.deepEqual(
    (await containers.list(false)).map(({ name }) => name),
    ['a'],
  );
  assert.deepEqual(docker.asked, ['/containers/json']);
  docker.containers.set('a', { name: 'a' });
  docker.event({ Type: 'container', Action: 'start', Actor: { ID: 'a' } });
  await until(() => changes === 3);
  assert.ok((await containers.list(false))[0]!.netns);
});

test('closing ends a pass that Docker does not answer', async t => {
  const docker = await FakeDocker.start(t);
  docker.stuck.add('/containers/json');
  const look = docker.containersOf().list(true);
  await until(() => docker.asked.length === 1);
  docker.close();
  await assert.rejects(look);
});

test('a container whose process is gone has no namespace', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a', pid: 2 ** 22 + 1 });
  const [view] = await docker.containersOf().list(false);
  assert.equal(view!.netns, undefined);
});

test("labels that came with the image do not count, unless the container's own value differs", async t => {
  const docker = await FakeDocker.start(t);
  docker.images.set('i1', { 'twine.nat.interfaces': '+', 'twine.route.10.0.0.0/8': 'x', maintainer: 'm' });
  const labels = { 'twine.nat.interfaces': '+', 'twine.route.10.0.0.0/8': 'vpn', maintainer: 'm' };
  docker.containers.set('a', { name: 'a', labels });
  const [view] = await docker.containersOf().list(false);
  assert.deepEqual([...view!.labels], [['twine.route.10.0.0.0/8', 'vpn']]);
  assert.deepEqual(view!.imageLabels, ['twine.nat.interfaces']);
  assert.equal(view!.unverified, undefined);
  const [trusted] = await docker.containersOf({ trustImageLabels: true }).list(false);
  assert.equal(trusted!.labels.size, 2);
  assert.deepEqual(trusted!.imageLabels, []);
});

test('an image is asked for once, and not at all for containers without labels', async t => {
  const docker = await FakeDocker.start(t);
  docker.images.set('i1', {});
  for (const name of ['a', 'b']) docker.containers.set(name, { name });
  const containers = docker.containersOf();
  await containers.list(false);
  assert.ok(!docker.asked.some(path => path.startsWith('/images')));
  docker.containers.set('c', { name: 'c', labels: { 'twine.nat.interfaces': '+' } });
  await containers.list(false);
  docker.containers.set('d', { name: 'd', labels: { 'twine.nat.interfaces': '+' } });
  await containers.list(false);
  assert.equal(docker.asked.filter(path => path.startsWith('/images')).length, 1);
});

test('an image that no container has any more is forgotten, and asked for anew', async t => {
  const docker = await FakeDocker.start(t);
  docker.images.set('i1', {});
  const labels = { 'twine.nat.interfaces': '+' };
  const containers = docker.containersOf();
  for (const name of ['a', 'b']) {
    docker.containers.set(name, { name, labels });
    await containers.list(false);
    docker.containers.delete(name);
    await containers.list(false);
  }
  assert.equal(docker.asked.filter(path => path.startsWith('/images')).length, 2);
});

for (const [what, answer, why] of [
  ['is gone', 404, /^the container's image is gone$/],
  ['may not be asked for', 403, /^Docker cannot inspect the container's image \(.*403.*\)$/],
  ['cannot be read by Docker', 500, /^Docker cannot inspect the container's image \(.*500.*\)$/],
  ['is answered by nonsense', 'nonsense', /^Docker cannot inspect the container's image \(.*\)$/],
] as const) {
  test(`where the image ${what} no label counts, each may, and the image is asked for again`, async t => {
    const docker = await FakeDocker.start(t);
    docker.containers.set('a', { name: 'a', labels: { 'twine.nat.interfaces': '+' } });
    docker.answers.set('/images/i1/json', answer);
    const containers = docker.containersOf();
    for (let n = 0; n < 2; n++) {
      const [view] = await containers.list(true);
      assert.deepEqual([view!.labels.size, view!.imageLabels, view!.netns !== undefined], [0, [], true]);
      assert.deepEqual([...view!.unverified!.labels], [['twine.nat.interfaces', '+']]);
      assert.match(view!.unverified!.why, why);
    }
    docker.answers.clear();
    docker.images.set('i1', {});
    const [view] = await containers.list(true);
    assert.deepEqual([view!.labels.size, view!.unverified], [1, undefined]);
  });
}

for (const [runtime, info, isOwn] of [
  ['runc', undefined, false],
  ['', undefined, false],
  ['crun', undefined, false],
  ['nvidia', undefined, false],
  ['sysbox-runc', undefined, false],
  ['runsc', undefined, true],
  ['runsc-kvm', undefined, true],
  ['io.containerd.runsc.v1', undefined, true],
  ['kata', undefined, true],
  ['kata-runtime', undefined, true],
  ['kata-qemu', undefined, true],
  ['io.containerd.kata.v2', undefined, true],
  ['io.containerd.kata-fc.v2', undefined, true],
  ['Kata', undefined, true],
  ['krun', undefined, true],
  ['crun-krun', undefined, true],
  ['/usr/local/bin/containerd-shim-runsc-v1', undefined, true],
  ['katalog', { katalog: { path: '/usr/bin/katalog' } }, false],
  ['safe', { safe: { path: '/usr/local/bin/runsc' } }, true],
  ['safe', { safe: { path: '/opt/kata/bin/runc' } }, false],
  ['safe', { safe: { runtimeType: 'io.containerd.kata.v2' } }, true],
  ['safe', { safe: { path: 'runc' } }, false],
  ['safe', { other: { path: 'runsc' } }, false],
] as const) {
  const shown = info ? `${runtime}, which is ${JSON.stringify(info)},` : `'${runtime}'`;
  test(`a runtime of the name ${shown} has ${isOwn ? 'a' : 'no'} network stack of its own`, async t => {
    const docker = await FakeDocker.start(t);
    docker.images.set('i1', {});
    docker.info = info && { Runtimes: info };
    docker.containers.set('a', { name: 'a', runtime, labels: { 'twine.route.0.0.0.0/0': 'vpn' } });
    const [view] = await docker.containersOf().list(true);
    const expected = isOwn ? { runtime, keys: ['twine.route.0.0.0.0/0'] } : undefined;
    assert.deepEqual([view!.ownStack, view!.labels.size], [expected, isOwn ? 0 : 1]);
  });
}

/** What goes wrong with an answer, at once. */
const ILLS = {
  'is refused': 403,
  'is an error': 500,
  'is no JSON': '<html>',
  'is another thing': '"text"',
  'is reset': response => response.socket!.destroy(),
  'breaks off': response => {
    response.writeHead(200, { 'Content-Length': 1000 }).write('[{"Id"', () => response.socket!.destroy());
  },
} as const satisfies Record<string, number | string | ((response: ServerResponse) => void)>;

/** What is asked for one container, and what is seen of it without an answer. */
const QUESTIONS = {
  '/images/i1/json': 'labels unknown',
  '/info': 'labels unknown',
  '/networks': 'no gateway',
  '/containers/a/json': 'not inspected',
} as const;

function seen({ netns, unverified, attachments, labels }: ContainerView): string {
  if (!netns) return 'not inspected';
  if (unverified?.labels.size === 1 && labels.size === 0) return 'labels unknown';
  if (attachments[0]?.ignoresNextHop) return 'no gateway';
  return labels.size === 1 ? 'held' : 'bare';
}

/** Container `a`, about which all questions are asked, and `b`. */
async function twoContainers(t: TestContext): Promise<FakeDocker> {
  const docker = await FakeDocker.start(t);
  const labels = { 'twine.route.0.0.0.0/0': 'vpn' };
  docker.networks.push({ Id: 'n1', Driver: 'bridge' });
  docker.images.set('i1', {}).set('i2', {});
  docker.info = { Runtimes: { safe: { path: 'runc' } } };
  const networks = { main: { NetworkID: 'n1', EndpointID: 'e' } };
  docker.containers.set('a', { name: 'a', runtime: 'safe', labels, networks });
  docker.containers.set('b', { name: 'b', image: 'i2', labels });
  return docker;
}

for (const [path, expected] of Object.entries(QUESTIONS)) {
  for (const [what, ill] of Object.entries(ILLS)) {
    test(`where the answer to ${path} ${what}, that is logged once, others are held, and it is asked again unasked`, async t => {
      const docker = await twoContainers(t);
      docker.answers.set(path, ill);
      const containers = docker.containersOf();
      let changes = 0;
      void containers.listen(() => changes++);
      await until(() => changes === 1);
      for (let n = 0; n < 2; n++)
        assert.deepEqual((await containers.list(true)).map(seen), [expected, 'held']);
      const isOfLabels = expected === 'labels unknown';
      const warnings = docker.lines.filter(({ level }) => level >= 40);
      assert.equal(warnings.length, isOfLabels ? 0 : 1, JSON.stringify(warnings));
      docker.answers.clear();
      const kinds = async () => (await containers.list(false)).map(seen);
      for (let n = 0; n < 500 && (await kinds())[0] !== 'held'; n++) await sleep(10);
      assert.deepEqual(await kinds(), ['held', 'held']);
      assert.ok(changes > 1);
    });
  }
}

test('answers that are late hold up one pass for seconds, and count when they come', {
  timeout: 60_000,
}, async t => {
  const docker = await twoContainers(t);
  const [a] = [docker.containers.get('a')!];
  docker.containers.set('c', { ...a, name: 'c', runtime: 'runc', image: 'i3' });
  docker.containers.set('d', { ...a, name: 'd', runtime: 'runc' });
  docker.images.set('i3', {});
  for (const path of ['/networks', '/info', '/images/i3/json', '/containers/d/json']) docker.stuck.add(path);
  const containers = docker.containersOf({ patience: 1_500 });
  let changes = 0;
  void containers.listen(() => changes++);
  await until(() => changes === 1);
  const kinds = async () => (await containers.list(true)).map(seen);
  const late = ['labels unknown', 'held', 'labels unknown', 'not inspected'];
  assert.deepEqual(await kinds(), late);
  docker.asked.length = 0;
  assert.deepEqual(await kinds(), late);
  // Nobody asks twice for what is to come.
  assert.ok(!docker.asked.some(path => docker.stuck.has(path)), docker.asked.join());
  const warnings = docker.lines.filter(({ level }) => level === 40).map(({ msg }) => msg);
  assert.equal(warnings.length, 2, warnings.join());
  for (const path of [...docker.stuck]) docker.release(path);
  await until(() => changes > 1);
  for (let n = 0; n < 100 && (await kinds()).some(kind => kind !== 'held'); n++) await sleep(10);
  assert.deepEqual(await kinds(), ['held', 'held', 'held', 'held']);
});

test('networks that are known stay ways to gateways while Docker does not list them', async t => {
  const docker = await twoContainers(t);
  const containers = docker.containersOf();
  assert.deepEqual((await containers.list(true)).map(seen), ['held', 'held']);
  docker.answers.set('/networks', 500);
  docker.containers.set('c', { name: 'c', networks: { other: { NetworkID: 'n2', EndpointID: 'e' } } });
  const views = await containers.list(true);
  assert.deepEqual(
    views.map(({ attachments: [main] }) => main?.ignoresNextHop),
    [undefined, undefined, NETWORKS_REFUSED.ignoresNextHop],
  );
});

test('nothing is logged of answers that break off as the daemon ends', async t => {
  const docker = await twoContainers(t);
  docker.stuck.add('/networks');
  const look = docker.containersOf().list(true);
  await until(() => docker.asked.includes('/networks'));
  docker.close();
  await assert.rejects(look, { name: 'ClosedError' });
  assert.deepEqual(docker.lines, []);
});

test("a container is in the host's namespace by its mode, and by that of whom it joined", async t => {
  const docker = await FakeDocker.start(t);
  docker.containers
    .set('h', { name: 'h', mode: 'host', running: false })
    .set('j', { name: 'j', mode: 'container:h', running: false })
    .set('k', { name: 'k', mode: 'container:j', running: false })
    .set('loop', { name: 'loop', mode: 'container:loop', running: false })
    .set('n', { name: 'n', running: false });
  const views = await docker.containersOf().list(false);
  assert.deepEqual(
    views.filter(({ hostNetwork }) => hostNetwork).map(({ name }) => name),
    ['h', 'j', 'k'],
  );
});

test("a container whose namespace is the host's is in it, whatever its mode says", async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('h', { name: 'h', mode: 'host' }).set('a', { name: 'a' });
  for (const view of await docker.containersOf().list(false)) assert.equal(view.hostNetwork, true, view.name);
});

test("a network's driver is asked for when a container is on a network that is not known", async t => {
  const docker = await FakeDocker.start(t);
  docker.networks.push({ Id: 'n1', Driver: 'bridge' });
  const played: Played = { name: 'a', networks: { main: { NetworkID: 'n1', EndpointID: 'e' } } };
  docker.containers.set('a', played);
  const containers = docker.containersOf();
  const [view] = await containers.list(false);
  assert.equal(view!.attachments[0]!.driver, 'bridge');
  await containers.list(false);
  assert.equal(docker.asked.filter(path => path === '/networks').length, 1);
});

test('while Docker refuses to list its networks no network is a way to a gateway, and then each is again', async t => {
  const docker = await FakeDocker.start(t);
  docker.networks.push({ Id: 'n1', Driver: 'bridge' });
  docker.containers.set('a', { name: 'a', networks: { main: { NetworkID: 'n1', EndpointID: 'e' } } });
  docker.answers.set('/networks', 403);
  const containers = docker.containersOf();
  const kind = async () => {
    const [view] = await containers.list(true);
    const { driver, ignoresNextHop } = view!.attachments[0]!;
    return { driver, ignoresNextHop };
  };
  for (let n = 0; n < 2; n++) assert.deepEqual(await kind(), NETWORKS_REFUSED);
  assert.equal(docker.lines.filter(({ msg }) => msg.includes("cannot list Docker's networks")).length, 1);
  docker.answers.clear();
  assert.deepEqual(await kind(), { driver: 'bridge', ignoresNextHop: undefined });
});

test('it is logged, once, when no process of any container is to be seen', async t => {
  const docker = await FakeDocker.start(t);
  docker.containers.set('a', { name: 'a', pid: 2 ** 22 + 1 });
  const containers = docker.containersOf();
  for (let i = 0; i < 6; i++) await containers.list(false);
  assert.equal(docker.lines.filter(({ msg }) => msg.includes('pid: host')).length, 1);
});

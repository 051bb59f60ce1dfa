// Docker's API behind a proxy that lets through only some of it, by TCP: what is asked, and what is said of what is refused.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { DockerApi, type EventListener } from '../../../src/docker/api-client.js';
import type { DockerHost } from '../../../src/docker/docker-host.js';
import { DockerClient } from '../../../src/driver/lifecycle/docker-networks.js';
import type { ContainerView } from '../../../src/labels/discovery/container.js';
import { Containers } from '../../../src/labels/discovery/containers.js';
import { refused } from '../../../src/labels/spec/refused-labels.js';

const network = { Id: 'n1', Driver: 'bridge', Options: {}, IPAM: {}, Containers: {} };
const shared = {
  Id: 'a',
  HostConfig: { NetworkMode: 'main', Runtime: 'mine' },
  NetworkSettings: { Networks: { main: { NetworkID: 'n1', EndpointID: 'e1', IPAddress: '10.0.0.2' } } },
};
const labels = { 'twine.route.10.1.0.0/16': '10.0.0.3' };
/** What Docker would answer: of one labelled container, with a runtime of an unknown name. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  '/containers/json': [
    { ...shared, Names: ['/web'], State: 'running', Status: 'Up 5 minutes', Labels: labels },
  ],
  '/containers/a/json': {
    ...shared,
    ...{ Name: '/web', Image: 'i1', Config: { Labels: labels } },
    State: { Running: true, Pid: process.pid },
  },
  '/images/i1/json': { Config: { Labels: {} } },
  '/networks': [network],
  '/networks/n1': network,
  '/info': { Runtimes: { mine: { path: '/usr/bin/runc' } } },
};

interface Proxy {
  readonly at: DockerHost;
  /** Each path that was asked for, but for the events. */
  readonly asked: ReadonlySet<string>;
}

/** A proxy as tecnativa/docker-socket-proxy: HAProxy's page for what it forbids. It goes with the test. */
async function proxy(t: TestContext, forbidden?: string): Promise<Proxy> {
  const asked = new Set<string>();
  const server = createServer(({ url, method }, response) => {
    const { pathname } = new URL(url!, 'http://proxy');
    assert.equal(method, 'GET');
    if (pathname !== '/events') asked.add(pathname);
    if (pathname === forbidden)
      response
        .writeHead(403, { 'Content-Type': 'text/html' })
        .end(
          '<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n',
        );
    else if (pathname === '/events') response.writeHead(200).flushHeaders();
    else response.end(JSON.stringify(ANSWERS[pathname]));
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  return { at: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, asked };
}

interface Seen {
  readonly views: readonly ContainerView[];
  readonly error?: string;
  /** What is told of it: lines of the log, and mistakes of labels. */
  readonly told: readonly string[];
  readonly asked: ReadonlySet<string>;
}

/** Looks at the containers once through a proxy. */
async function look(t: TestContext, forbidden?: string): Promise<Seen> {
  const { at, asked } = await proxy(t, forbidden);
  const told: string[] = [];
  const log = pino({ level: 'warn', base: null }, { write: line => told.push(JSON.parse(line).msg) });
  const api = new DockerApi(at);
  t.after(() => api.close());
  const containers = new Containers({
    ...{ api, log, host: { key: '0:0', path: '/nowhere' } },
    ...{ findNetns: () => undefined, trustImageLabels: false },
  });
  await new Promise<void>(changed => void containers.listen(changed));
  try {
    const views = await containers.list(true);
    return { views, told: [...told, ...views.flatMap(refused).map(({ message }) => message)], asked };
  } catch (err) {
    return { views: [], error: (err as Error).message, told, asked };
  }
}

const notLetThrough = (path: string, setting: string): string =>
  `Docker answered 403 to GET ${path}, which has to be let through (docker-socket-proxy: ${setting}=1)`;

test('labels of a container are read through a proxy by TCP, and nothing but what the reference lists is asked for', async t => {
  const { views, told, asked } = await look(t);
  assert.deepEqual([...views[0]!.labels], Object.entries(labels));
  assert.equal(views[0]!.attachments[0]!.driver, 'bridge');
  assert.deepEqual(told, []);
  assert.deepEqual([...asked].sort(), [
    '/containers/a/json',
    '/containers/json',
    '/images/i1/json',
    '/info',
    '/networks',
  ]);
});

const OF_LABELS: readonly [path: string, said: string, holds: string, check: (seen: Seen) => void][] = [
  [
    '/events',
    `${notLetThrough('/events', 'EVENTS')}; until then labels are applied only when --look-interval is over`,
    'labels are read all the same',
    ({ views }) => assert.equal(views[0]!.labels.size, 1),
  ],
  [
    '/containers/json',
    notLetThrough('/containers/json', 'CONTAINERS'),
    'there is no pass, so what is in force stays',
    ({ error }) => assert.match(error!, /^Docker answered 403/),
  ],
  [
    '/containers/a/json',
    `cannot inspect the container; until Docker answers its last applied configuration stays, and where there is none its packets leave by Docker's routes: ${notLetThrough('/containers/*/json', 'CONTAINERS')}`,
    'the container is one of which nothing is known',
    ({ views }) => {
      assert.deepEqual(views[0]!.unverifiedLabelKeys, Object.keys(labels));
      assert.equal(views[0]!.labels.size, 0);
    },
  ],
  [
    '/images/i1/json',
    notLetThrough('/images/*/json', 'IMAGES'),
    "the labels may be the image's, so networks of its routes are unreachable",
    ({ views }) => assert.deepEqual([...views[0]!.unverified!.labels], Object.entries(labels)),
  ],
  [
    '/networks',
    `cannot list Docker's networks, so routes by gateways on new networks are unreachable until Docker answers: ${notLetThrough('/networks', 'NETWORKS')}`,
    'no container is a gateway on its network',
    ({ views }) => assert.match(views[0]!.attachments[0]!.ignoresNextHop!, /./),
  ],
  [
    '/info',
    notLetThrough('/info', 'INFO'),
    'labels may have no effect with the runtime, so networks of its routes are unreachable',
    ({ views }) => assert.deepEqual([...views[0]!.unverified!.labels], Object.entries(labels)),
  ],
];
for (const [path, said, holds, check] of OF_LABELS) {
  test(`where a proxy refuses ${path}, the log says which setting lets it through, and ${holds}`, async t => {
    const seen = await look(t, path);
    check(seen);
    const all = [...seen.told, seen.error ?? ''].join('\n');
    assert.ok(all.includes(said), all);
  });
}

for (const [path, pattern] of [
  ['/networks', '/networks'],
  ['/networks/n1', '/networks/*'],
] as const) {
  test(`where a proxy refuses ${path}, the driver takes nothing over, and says which setting lets it through`, async t => {
    const docker = new DockerClient((await proxy(t, path)).at);
    t.after(() => docker.close());
    await assert.rejects(docker.networks(), { message: notLetThrough(pattern, 'NETWORKS') });
  });
}

test('the driver reads its networks through a proxy by TCP', async t => {
  const { at, asked } = await proxy(t);
  const docker = new DockerClient(at);
  t.after(() => docker.close());
  await new Promise<void>(up => void docker.watch({ up, forbidden: err => assert.fail(String(err)) }));
  assert.deepEqual(
    (await docker.networks()).map(({ id }) => id),
    ['n1'],
  );
  assert.deepEqual([...asked], ['/networks', '/networks/n1']);
});

test('where a proxy refuses the events, the driver is told why', async t => {
  const docker = new DockerClient((await proxy(t, '/events')).at);
  t.after(() => docker.close());
  const why = await new Promise<unknown>(
    forbidden => void docker.watch({ up: () => assert.fail('it is up'), forbidden }),
  );
  assert.equal((why as Error).message, notLetThrough('/events', 'EVENTS'));
});

test('a stream of events that a proxy ends after some minutes is opened again, and nothing is said', async t => {
  let streams = 0;
  const server = createServer((_, response) => {
    response.writeHead(200).flushHeaders();
    if (++streams === 1) setImmediate(() => response.destroy());
  }).listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  // Each reading of the clock is ten minutes after the one before.
  let readings = 0;
  t.mock.method(performance, 'now', () => {
    readings++;
    return readings * 600_000;
  });
  const api = new DockerApi({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  t.after(() => api.close());
  const seen: string[] = [];
  await new Promise<void>(done => {
    const listener: EventListener = {
      up: () => void (seen.push('up') === 2 && done()),
      event: () => undefined,
      down: err => void seen.push(String(err)),
    };
    void api.listen({}, listener);
  });
  assert.deepEqual(seen, ['up', 'up']);
});

test('a host of several addresses that nobody listens at is one that cannot be connected to', async t => {
  const api = new DockerApi({ host: 'localhost', port: 1 });
  t.after(() => api.close());
  await assert.rejects(api.get('/networks', 5_000), { syscall: 'connect', message: /ECONNREFUSED/ });
});

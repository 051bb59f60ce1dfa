// A docker.sock that lies: whoever listens there, the daemon asks nobody else, reads no more than it may, and lives on.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer, type ListenOptions, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DockerApi, type EventListener } from '../../../src/docker/api-client.js';
import type { DockerHost } from '../../../src/docker/docker-host.js';
import { readLines, textOf } from '../../../src/docker/request.js';
import { DockerClient } from '../../../src/driver/lifecycle/docker-networks.js';

/** What a liar does with a connection, once it was asked. */
type Lie = (socket: Socket, asked: string) => void;

/** The path of a socket on which somebody lies; it goes with the test. */
async function liar(t: TestContext, lie: Lie): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-docker-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'docker.sock');
  await lies(t, lie, { path });
  return path;
}

/** A port of this host behind which somebody lies; it goes with the test. */
async function tcpLiar(t: TestContext, lie: Lie): Promise<DockerHost> {
  const { port } = (await lies(t, lie, { port: 0, host: '127.0.0.1' })).address() as AddressInfo;
  return { host: '127.0.0.1', port };
}

async function lies(t: TestContext, lie: Lie, at: ListenOptions): Promise<Server> {
  const open = new Set<Socket>();
  const server = createServer(socket => {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', data => lie(socket, data.toString()));
  }).listen(at);
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  await once(server, 'listening');
  return server;
}

const askUser = (path: string): DockerApi =>
  new DockerApi({ socketPath: path }, { connect: async () => connect(path), read: async parse => parse() });

/** The ways to ask: root's Docker by its socket and by TCP, and a user's. */
const ways: Readonly<Record<string, (t: TestContext, lie: Lie) => Promise<DockerApi>>> = {
  "root's": async (t, lie) => new DockerApi({ socketPath: await liar(t, lie) }),
  "a socket proxy's": async (t, lie) => new DockerApi(await tcpLiar(t, lie)),
  "a user's": async (t, lie) => askUser(await liar(t, lie)),
};

const MIB = 1024 * 1024;
const says =
  (...parts: string[]): Lie =>
  socket =>
    void socket.write(parts.join('\r\n'));

/** Sends a chunk again and again, for as long as the other end takes it. */
function endless(head: string, chunk: string): Lie {
  return socket => {
    socket.write(head);
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  };
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

const LIES: readonly [name: string, lie: Lie, error: object][] = [
  ...['ftp://x/', 'http://127.0.0.1:1/', 'https://x/', '/networks', '::::', 'javascript:x'].map(
    location =>
      [
        `a redirect to ${location}`,
        says('HTTP/1.1 302 Found', `Location: ${location}`, 'Content-Length: 0', '', ''),
        { name: 'RefusalError', statusCode: 302 },
      ] as [string, Lie, object],
  ),
  ['a redirect to nowhere', says('HTTP/1.1 301 Moved', 'Content-Length: 0', '', ''), { statusCode: 301 }],
  [
    'an answer that never ends',
    endless(CHUNKED, chunk(' '.repeat(MIB))),
    { name: 'TooLargeError', message: /^the answer of Docker is larger than \d+ bytes$/ },
  ],
  [
    'an answer of a gigabyte',
    endless(`${OK}Content-Length: ${1024 * MIB}\r\n\r\n`, ' '.repeat(MIB)),
    { name: 'TooLargeError' },
  ],
  [
    'a gigabyte of which nothing comes',
    says(`${OK}Content-Length: ${1024 * MIB}`, '', ''),
    { name: 'TooLargeError' },
  ],
  [
    'a refusal that never ends',
    endless('HTTP/1.1 500 No\r\n\r\n', ' '.repeat(MIB)),
    { name: 'TooLargeError' },
  ],
  ['headers that never end', endless(`${OK}`, `X: ${'x'.repeat(1000)}\r\n`), { code: 'HPE_HEADER_OVERFLOW' }],
  [
    'an answer that breaks off',
    socket => socket.end(`${OK}Content-Length: 9\r\n\r\n{`),
    { message: 'aborted' },
  ],
  ['no answer', socket => socket.destroy(), { message: /socket hang up|ECONNRESET/ }],
  [
    'another protocol',
    says('HTTP/1.1 101 Switching', 'Connection: Upgrade', 'Upgrade: x', '', ''),
    { message: /ended without an answer|hang up/ },
  ],
  ['what is no HTTP', says('\0\0\0\0', '', ''), { code: 'HPE_INVALID_CONSTANT' }],
  ['brackets without end', says(`${OK}Content-Length: 500000`, '', '['.repeat(5e5)), { name: 'DecodeError' }],
];

for (const [whose, ask] of Object.entries(ways)) {
  for (const [name, lie, error] of LIES) {
    test(`${whose} Docker that gives ${name} gets an error for it`, async t => {
      const api = await ask(t, lie);
      t.after(() => api.close());
      await assert.rejects(api.get('/networks', 20_000), error);
    });
  }

  test(`${whose} Docker has nobody asked by a redirect`, async t => {
    const asked: string[] = [];
    const other = createHttpServer(({ url }, response) => {
      asked.push(url!);
      response.end('[]');
    }).listen(0, '127.0.0.1');
    t.after(() => other.close().closeAllConnections());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const location = `Location: http://127.0.0.1:${port}/internal`;
    const api = await ask(t, says('HTTP/1.1 307 Go', location, 'Content-Length: 0', '', ''));
    t.after(() => api.close());
    await assert.rejects(api.get('/networks', 20_000), { statusCode: 307 });
    assert.deepEqual(asked, []);
  });

  const events: readonly [name: string, lie: Lie][] = [
    ['a line that never ends', endless(CHUNKED, chunk('x'.repeat(MIB)))],
    ['a redirect', says('HTTP/1.1 302 Found', 'Location: ftp://x/', 'Content-Length: 0', '', '')],
    ['what is no JSON', says(CHUNKED + chunk('{\n'), '')],
  ];
  for (const [name, lie] of events) {
    test(`${whose} Docker whose events are ${name} is taken for one that is down`, async t => {
      const api = await ask(t, lie);
      const failure = await new Promise<unknown>(down => {
        const listener: EventListener = { up: () => undefined, event: () => undefined, down };
        void api.listen({}, listener);
      });
      api.close();
      assert.match(String(failure), /TooLargeError|RefusalError|DecodeError/);
    });
  }
}

test('a stream of events that nobody takes ends by its size, and none of them is read', async t => {
  const api = askUser(await liar(t, endless(CHUNKED, chunk('no JSON\n'.repeat(1000)))));
  const failure = await new Promise<unknown>(down => void api.listen({}, { up: () => undefined, down }));
  api.close();
  assert.match(String(failure), /TooLargeError/);
});

test("an answer of a user's Docker is parsed when it is his turn, and one of more than 512 KiB never", async t => {
  const answer = (bytes: number): Lie =>
    says(`${OK}Content-Length: ${bytes}`, '', `[${' '.repeat(bytes - 2)}]`);
  let [turns, hasTurn] = [0, false];
  const ask = async (lie: Lie): Promise<unknown> => {
    const path = await liar(t, lie);
    const read = async <T>(parse: () => T): Promise<T> => {
      turns++;
      while (!hasTurn) await turn();
      return parse();
    };
    const api = new DockerApi({ socketPath: path }, { connect: async () => connect(path), read });
    t.after(() => api.close());
    return api.get('/networks', 20_000);
  };
  let isParsed = false;
  const asked = ask(answer(512 * 1024)).then(value => {
    isParsed = true;
    return value;
  });
  while (turns === 0) await turn();
  for (let n = 0; n < 10; n++) await turn();
  assert.equal(isParsed, false);
  hasTurn = true;
  assert.deepEqual(await asked, []);
  await assert.rejects(ask(answer(512 * 1024 + 1)), { name: 'TooLargeError' });
  assert.equal(turns, 1);
});

/** A Docker that lists networks, and answers about each what it likes. */
function lister(list: unknown, describe: (path: string) => unknown): Lie {
  return (socket, asked) => {
    const path = /^GET (\S+)/.exec(asked)![1]!;
    const text = JSON.stringify(path.startsWith('/networks?') ? list : describe(path));
    socket.end(`${OK}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  };
}

/** As many networks as fit into an answer. */
const crowd = Array.from({ length: 10_000 }, (_, n) => ({ Id: `n${n}` }));

test('a list of ten thousand networks has nothing asked', async t => {
  let described = 0;
  const path = await liar(
    t,
    lister(crowd, () => described++),
  );
  const docker = new DockerClient(
    { socketPath: path },
    { connect: async () => connect(path), read: async parse => parse() },
  );
  t.after(() => docker.close());
  await assert.rejects(docker.networks(), { message: 'Docker lists more than 4096 networks' });
  assert.equal(described, 0);
});

test('of many networks four are asked about at a time', async t => {
  const waiting: (() => void)[] = [];
  let most = 0;
  const path = await liar(t, (socket, asked) => {
    const answer = lister(crowd.slice(0, 50), () => ({}));
    if (asked.startsWith('GET /networks?')) return answer(socket, asked);
    waiting.push(() => answer(socket, asked));
    most = Math.max(most, waiting.length);
    if (waiting.length === 1) setTimeout(() => waiting.splice(0).forEach(go => void go()), 20);
  });
  const docker = new DockerClient(
    { socketPath: path },
    { connect: async () => connect(path), read: async parse => parse() },
  );
  t.after(() => docker.close());
  assert.equal((await docker.networks()).length, 50);
  assert.equal(most, 4);
});

for (const id of ['../containers/json', 'a/../../x', 'a?b', 'a b', 'a\r\nX: y', '', 7, null, {}]) {
  test(`a network with the id ${JSON.stringify(id)} has nothing asked`, async t => {
    const asked: string[] = [];
    const path = await liar(
      t,
      lister([{ Id: id }], path => asked.push(path)),
    );
    const docker = new DockerClient(
      { socketPath: path },
      {
        connect: async () => connect(path),
        read: async parse => parse(),
      },
    );
    t.after(() => docker.close());
    await assert.rejects(docker.networks(), { message: 'Docker lists a network without an id' });
    assert.deepEqual(asked, []);
  });
}

for (const odd of [
  null,
  7,
  [],
  { Options: { 'dwgd.seed': {} } },
  { Options: 7 },
  { IPAM: { Config: [null] } },
  { IPAM: 'x' },
  { Containers: { a: null } },
]) {
  test(`a network that is described as ${JSON.stringify(odd)} is an error or nothing, and no bug`, async t => {
    const path = await liar(
      t,
      lister([{ Id: 'n1' }], () => odd),
    );
    const docker = new DockerClient(
      { socketPath: path },
      {
        connect: async () => connect(path),
        read: async parse => parse(),
      },
    );
    t.after(() => docker.close());
    const outcome = await docker.networks().catch((err: Error) => err);
    if (outcome instanceof Error) assert.match(outcome.message, /^Docker describes /);
    else assert.deepEqual([...outcome[0]!.options, ...outcome[0]!.ipv4, ...outcome[0]!.endpoints], []);
  });
}

test('an answer that broke off before anybody reads it ends, too', { timeout: 10_000 }, async () => {
  const broken = (): IncomingMessage => new IncomingMessage(new Socket()).destroy();
  await assert.rejects(textOf(broken(), 10), { message: 'the answer of Docker broke off' });
  await readLines(broken(), { line: 10, all: 10 }, () => assert.fail('there is no line'));
});

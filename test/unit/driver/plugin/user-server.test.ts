// A user's plugin socket: whatever he sends, and however, is read a piece at a time in his turns, and no more of his
// connections are taken than may be.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { createPlugin } from '../../../../src/driver/plugin/http.js';
import { PacedListener } from '../../../../src/driver/plugin/paced-listener.js';
import { UserServer } from '../../../../src/driver/plugin/user-server.js';
import { LoopShare } from '../../../../src/driver/users/loop-share.js';
import { World } from '../../../support/driver-world.js';

const USER = process.getuid!();
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

function pathFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-user-server-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'dwgd.sock');
}

/** A share without rests; it counts the turns, and holds each until it is let go where it is asked to. */
class Turns extends LoopShare {
  count = 0;
  held: (() => void)[] | undefined;

  constructor() {
    super({ times: 0, mostMs: 0, turnMs: 0 }, async () => undefined);
  }

  override run<T>(_user: number, work: () => T | Promise<T>): Promise<T> {
    const begin = async (): Promise<T> => {
      this.count++;
      return work();
    };
    if (!this.held) return begin();
    return new Promise<void>(resolve => this.held!.push(resolve)).then(begin);
  }
}

interface Served {
  readonly path: string;
  readonly turns: Turns;
  readonly server: UserServer;
  /** The requests that began. */
  readonly begun: IncomingMessage[];
  readonly lines: string[];
}

const ok = (_request: IncomingMessage, response: ServerResponse): unknown => response.end('ok');

function serve(t: TestContext, app: RequestListener = ok): Served {
  const [path, turns, begun, world] = [pathFor(t), new Turns(), [] as IncomingMessage[], new World()];
  const counting: RequestListener = (request, response) => {
    begun.push(request);
    app(request, response);
  };
  const server = new UserServer(counting, USER, { share: turns, log: world.log });
  server.listen(path);
  t.after(() => server.close());
  return { path, turns, server, begun, lines: world.lines };
}

async function connect(t: TestContext, path: string): Promise<Socket> {
  const socket = createConnection(path).on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Everything that is answered until the connection is closed. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', chunk => (text += String(chunk)));
  // Not by once(): what the server has not read makes a reset of its end, as the end of some releases of Node.js is told.
  await new Promise(resolve => socket.on('close', resolve));
  return text;
}

for (const [name, text] of [
  ['GET', GET],
  ['HTTP/1.0 that is to be kept', 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
  ['a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody'],
  ['a body of blank lines', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\n\n\n\n'],
] as const) {
  test(`of 2,000 requests on top of each other, each with ${name}, one begins, and the connection is closed`, async t => {
    const { path, begun } = serve(t);
    const socket = await connect(t, path);
    socket.write(text.repeat(2_000));
    const answers = (await readAll(socket)).match(/HTTP\/1\.1 \d+/g) ?? [];
    assert.equal(begun.length, 1);
    assert.ok(answers.length <= 1, `${answers.length} answers`);
  });
}

for (const [name, text, status] of [
  [
    'an unknown method',
    'POST /NetworkDriver.Nonsense HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}',
    404,
  ],
  ['GET', 'GET /Plugin.Activate HTTP/1.1\r\nHost: x\r\n\r\n', 404],
  ['no host', 'POST /Plugin.Activate HTTP/1.1\r\n\r\n', 400],
  ['an expectation', 'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nExpect: much\r\n\r\n', 200],
  ['what is no HTTP', '\0\x01\x02\r\n\r\n', 400],
  ['a head without an end', `GET / HTTP/1.1\r\nHost: ${'x'.repeat(100_000)}`, 431],
  ['a tunnel', 'CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n', undefined],
  [
    'a call without its body',
    'POST /NetworkDriver.Join HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    400,
  ],
  [
    'a compressed body',
    'POST /NetworkDriver.Join HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx',
    415,
  ],
  ['a call', 'POST /Plugin.Activate HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n', 200],
] as const) {
  test(`${name} is answered with ${status ?? 'nothing'}, and the connection is closed`, async t => {
    const world = new World();
    const { path } = serve(t, createPlugin(world.driver, USER, world.log, { share: new Turns() }));
    const socket = await connect(t, path);
    socket.write(text);
    const answer = await readAll(socket);
    assert.equal(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1], status?.toString());
  });
}

test('nothing of what a user sends is parsed before it is his turn', async t => {
  const { path, turns, begun } = serve(t);
  turns.held = [];
  const socket = await connect(t, path);
  socket.write(GET);
  while (turns.held.length === 0) await turn();
  for (let n = 0; n < 20; n++) await turn();
  assert.equal(begun.length, 0);
  turns.held.pop()!();
  while (begun.length === 0) await turn();
});

test('of a connection whose call waits for its turn no more than one chunk is read', async t => {
  const { path, turns } = serve(t);
  turns.held = [];
  const socket = await connect(t, path);
  const flood = Buffer.alloc(1024 * 1024, GET);
  for (let n = 0; n < 8; n++) socket.write(flood);
  while (turns.held.length === 0) await turn();
  for (let n = 0; n < 200; n++) await turn();
  assert.equal(turns.held.length, 1);
  // What the kernel and Node hold is some hundred KiB.
  assert.ok(socket.bytesWritten - socket.writableLength < 1024 * 1024, `${socket.writableLength}`);
});

test('a body that trickles takes a turn for each piece, and is read whole', async t => {
  const bodies: string[] = [];
  const { path, turns } = serve(t, (request, response) => {
    let body = '';
    request.on('data', chunk => (body += String(chunk)));
    request.on('end', () => response.end(String(bodies.push(body))));
  });
  const socket = await connect(t, path);
  socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n');
  for (let n = 0; n < 40; n++) {
    const before = turns.count;
    socket.write('x');
    while (turns.count === before) await turn();
  }
  await readAll(socket);
  assert.deepEqual(bodies, ['x'.repeat(40)]);
});

test('a body of 100 KiB is read in pieces of 8 KiB at most', async t => {
  const pieces: number[] = [];
  const { path } = serve(t, (request, response) => {
    request.on('data', chunk => pieces.push((chunk as Buffer).length)).on('end', () => response.end());
  });
  const socket = await connect(t, path);
  const length = 100 * 1024;
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${'\n x'.repeat(length).slice(0, length)}`,
  );
  await readAll(socket);
  assert.ok(Math.max(...pieces) <= 8 * 1024);
  assert.equal(
    pieces.reduce((sum, piece) => sum + piece),
    length,
  );
});

test('of connections that open and close without end as many are taken as may be within the time, and then the next ones', async t => {
  const path = pathFor(t);
  let [taken, exceeded] = [0, 0];
  const listener = new PacedListener(
    { mostOpen: 4, mostTaken: 8, withinMs: 300 },
    socket => {
      taken++;
      socket.resume().on('end', () => socket.destroy());
    },
    () => exceeded++,
  );
  listener.listen(path);
  t.after(() => listener.close());
  const opened = await Promise.all(Array.from({ length: 20 }, () => connect(t, path)));
  for (const socket of opened) socket.destroy();
  while (exceeded === 0) await turn();
  for (let n = 0; n < 50; n++) await turn();
  assert.equal(taken, 8);
  while (taken < 20) await sleep(10);
  assert.equal(exceeded, 2);
});

test('a user who connects ever again is told of once, and his socket stays where it is and answers', async t => {
  const { path, lines } = serve(t);
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 150; n++) (await connect(t, path)).destroy();
  }
  const socket = await connect(t, path);
  socket.write(GET);
  assert.match(await readAll(socket), /^HTTP\/1\.1 200/);
  const warnings = lines.filter(line => line.includes('128 times within 1 s'));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, new RegExp(`user=${USER}`));
});

test('the socket is its owner only, and gone as soon as it is closed, which waits for calls under way alone', async t => {
  const answers: ServerResponse[] = [];
  const { path, server } = serve(t, (_request, response) => answers.push(response));
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const [calling, silent] = [await connect(t, path), await connect(t, path)];
  calling.write(GET);
  const answered = readAll(calling);
  while (answers.length === 0) await turn();
  const closing = server.close();
  assert.equal(existsSync(path), false);
  await once(silent.resume(), 'close');
  answers[0]!.end('late');
  assert.match(await answered, /late/);
  await closing;
});

// `dwgd status` and `dwgd inspect` as programs: tables, JSON, and one sentence with status 1 for each way to fail.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { askDaemon } from '../../../../src/cli/commands/control-client.js';
import { checkStatus } from '../../../../src/control/answer-shapes.js';
import { LabelsStatus } from '../../../../src/labels/status.js';
import { AskedDriver, answering } from '../../../support/control-world.js';
import { overviewOf } from '../../../support/overview.js';
import { runCommand, runProgram, startProgram } from '../../../support/program.js';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-ask-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function daemon(t: TestContext): Promise<string> {
  const asked = await AskedDriver.make();
  const { parts, close } = await overviewOf();
  t.after(close);
  return answering(t, { driver: asked.status, labels: new LabelsStatus(parts) });
}

test('status is tables for people: no colours into a pipe, and what is not in force with its reason', async t => {
  const { status, out, err } = await runProgram(['status', '--socket', await daemon(t)], {
    env: { ...process.env, FORCE_COLOR: '1' },
  });
  assert.deepEqual([status, err], [0, '']);
  for (const line of [
    /^dwgd 1\.2\.3, up \d+ s: driver working, labels working$/m,
    /^changes by others are heard in 1 namespace$/m,
    /^NETWORK {2}USER {2}MODE .*CONTAINERS$/m,
    /^vpn {6}root {2}pubkey {2}QkJC\S+ {2}192\.0\.2\.1:51820 {2}10\.1\.0\.0\/24 {2}1$/m,
    /^app +vpn +10\.1\.0\.2 +joined {2}wg0 +never +0 B +0 B +-$/m,
    /^router +2 +1 +applied$/m,
    /^stopped +1 +0 +stopped$/m,
    /^NOT IN FORCE {2}LABEL +SINCE +REASON$/m,
    /^router +twine\.route\.garbage +\d+ s ago {2}"garbage" is not/m,
  ])
    assert.match(out, line);
  assert.ok(!out.includes('\x1b'));
});

test('status --json is what the socket answers', async t => {
  const { status, out } = await runCommand(['status', '--json', '--socket', await daemon(t)]);
  assert.equal(status, 0);
  const answer = JSON.parse(out) as { networks: { name: string }[]; containers: { name: string }[] };
  assert.deepEqual(
    [answer.networks.length, answer.containers.map(({ name }) => name)],
    [2, ['router', 'stopped']],
  );
});

test('inspect shows a container as it is to be and as it is, and marks what differs', async t => {
  const socket = await daemon(t);
  const { status, out, err } = await runCommand(['inspect', 'app', '--socket', socket]);
  assert.deepEqual([status, err], [0, '']);
  assert.match(out, /^container app \(222222222222\): all is as it is to be$/m);
  assert.match(out, /^tunnel of app on vpn$/m);
  assert.match(out, /^ {3}allowed IPs +0\.0\.0\.0\/0, ::\/0 +0\.0\.0\.0\/0, ::\/0$/m);
  const router = await runCommand(['inspect', 'router', '--socket', socket]);
  assert.match(router.out, /^labels of router\nchanges by others are heard$/m);
  assert.match(router.out, /: 0 differences, 1 labels not in force$/m);
  assert.match(router.out, /^ {3}route +10\.0\.0\.0\/8 via 10\.9\.0\.3 +10\.0\.0\.0\/8 via 10\.9\.0\.3$/m);
});

test('inspect --json is what the socket answers', async t => {
  const { out } = await runCommand(['inspect', 'lan', '--json', '--socket', await daemon(t)]);
  assert.equal((JSON.parse(out) as { kind: string }).kind, 'network');
});

test('peers: a table, sections of wg(8), JSON, of those in use or of a range', async t => {
  const socket = await daemon(t);
  const peers = (...args: string[]) => runCommand(['peers', ...args, '--socket', socket]);
  assert.match((await peers('vpn')).out, /^10\.1\.0\.2\/32 {2}\S{44} {2}app$/m);
  assert.match(
    (await peers('vpn', '--wg')).out,
    /^\[Peer\]\n# app\nPublicKey = \S{44}\n# Preshared.*\nAllowedIPs = /,
  );
  const { status, out } = await peers('vpn', '10.1.0.0/29', '--json');
  assert.equal(status, 0);
  assert.equal((JSON.parse(out) as { peers: unknown[] }).peers.length, 6);
  assert.deepEqual(await peers('lan'), {
    status: 1,
    out: '',
    err: 'dwgd: dwgd itself makes the containers of lan peers of wg0, as they come: there is no other end that has to know them\n',
  });
  assert.match((await peers('vpm')).err, /: did you mean vpn\?\n$/);
  for (const wrong of [['vpn', '10.1.0'], ['vpn', '--wg', '--json'], []])
    assert.equal((await peers(...wrong)).status, 2);
});

test('a name that the daemon does not know is one sentence, and status 1', async t => {
  const { status, out, err } = await runCommand(['inspect', 'no/body', '--socket', await daemon(t)]);
  assert.deepEqual([status, out], [1, '']);
  assert.equal(
    err,
    'dwgd: there is no network no/body of this driver, and no container of that name that is on one or has labels: dwgd status lists them\n',
  );
});

test('a name with a slip in it is told the nearest one', async t => {
  const { err } = await runCommand(['inspect', 'ruoter', '--socket', await daemon(t)]);
  assert.equal(
    err,
    'dwgd: there is no network ruoter of this driver, and no container of that name that is on one or has labels: did you mean router?\n',
  );
});

test('inspect takes a name as Docker writes it, with a slash before it', async t => {
  const { status, out } = await runCommand(['inspect', '/app', '--socket', await daemon(t)]);
  assert.equal(status, 0);
  assert.match(out, /^container app \(/);
});

for (const command of [
  ['status'],
  ['status', '--json'],
  ['status', '--watch'],
  ['inspect', 'web'],
  ['peers', 'vpn'],
] as const) {
  test(`a daemon that does not run is one sentence, and status 1, for dwgd ${command.join(' ')}`, async t => {
    const socket = join(folderOf(t), 'control.sock');
    assert.deepEqual(await runCommand([...command, '--socket', socket]), {
      status: 1,
      out: '',
      err: `dwgd: the daemon does not run: nothing answers on ${socket}; start it (systemctl start dwgd)\n`,
    });
  });
}

test('one who is not root is told so', { skip: process.getuid!() !== 0 && 'needs root' }, async t => {
  const socket = await daemon(t);
  const folder = join(socket, '..');
  chmodSync(folder, 0o755);
  const expected = { status: 1, out: '', err: `dwgd: only root may ask the daemon (${socket}): use sudo\n` };
  assert.deepEqual(await runProgram(['status', '--socket', socket], { uid: 65_534 }), expected);
  // The mode is not all that keeps others out.
  chmodSync(socket, 0o777);
  assert.deepEqual(await runProgram(['status', '--socket', socket], { uid: 65_534 }), expected);
});

const LABELLED = {
  name: 'a',
  id: 'a',
  state: 'applied',
  labels: 1,
  inForce: 1,
  warnings: [],
  isClosed: false,
};

/** For a status, and for an inspection: right as far as its lists, which have hollow entries. */
const HOLLOW = JSON.stringify({
  ...{ version: '1', started: '', healthy: true, driver: { state: 'off' }, labels: { state: 'off' } },
  ...{ networks: [], containers: [{ ...LABELLED, notInForce: [{ label: 'x' }] }] },
  ...{ kind: 'container', name: 'app', id: 'a', parts: [{}], notInForce: [] },
});

const answer = (status: number, text: string): RequestListener => {
  return (_request, response) => response.writeHead(status).end(text);
};

for (const [what, listener, sentence] of [
  ['a page', answer(200, '<html>'), /^what answers on \S+ is not dwgd: it gives no JSON$/],
  ['nothing', answer(200, ''), /it gives no JSON$/],
  [
    'null',
    answer(200, 'null'),
    /^the answer of the daemon on \S+ cannot be read \(the daemon's answer is not an object\): is it of another version\?$/,
  ],
  ['a list', answer(200, '[]'), /cannot be read \(the daemon's answer is not an object\)/],
  ['other fields', answer(200, '{"a":1}'), /cannot be read \(the daemon's \w+ is /],
  [
    'objects that lack all',
    answer(200, HOLLOW),
    /cannot be read \(the daemon's (reason|title) is not a string\)/,
  ],
  ['an error without a reason', answer(500, '{}'), /^the daemon answered 500 to \/v1\/\S+$/],
  ['what is no reason', answer(503, '{"error":{"a":1}}'), /^the daemon answered 503 to \/v1\/\S+$/],
  ['a reason', answer(500, '{"error":"no memory"}'), /^no memory$/],
  ['what a terminal obeys', answer(500, '{"error":"x\\u001b[2J"}'), /^x\\u\{1b\}\[2J$/],
] as const) {
  test(`a socket that answers ${what} is one sentence, and status 1`, async t => {
    const path = join(folderOf(t), 'x');
    const server = createHttpServer(listener).listen(path);
    t.after(() => server.close());
    await once(server, 'listening');
    for (const command of [['status'], ['status', '--json'], ['inspect', 'app']]) {
      const { status, out, err } = await runCommand([...command, '--socket', path]);
      assert.deepEqual([status, out, err.slice(0, 6), err.slice(-1)], [1, '', 'dwgd: ', '\n']);
      assert.match(err.slice(6, -1), sentence);
    }
  });
}

for (const [what, begin] of [
  ['does not answer', () => undefined],
  ['never comes to an end', (socket: Socket) => socket.write('HTTP/1.1 200 OK\r\n\r\n[')],
] as const) {
  test(`a daemon that ${what} is one sentence`, async t => {
    const path = join(folderOf(t), 'x');
    const sockets: Socket[] = [];
    const server = createServer(socket => {
      sockets.push(socket);
      begin(socket);
    }).listen(path);
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    await once(server, 'listening');
    await assert.rejects(askDaemon(path, 'status', checkStatus, 50), {
      name: 'UserError',
      message: 'the daemon does not answer within 0.05 s: see journalctl -u dwgd',
    });
  });
}

test('an answer that nobody wants any more is not waited for, and its connection goes', async t => {
  const path = join(folderOf(t), 'x');
  const server = createServer().listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  const done = new AbortController();
  const asked = assert.rejects(askDaemon(path, 'survey', checkStatus, 60_000, done.signal));
  const [socket] = (await once(server, 'connection')) as [Socket];
  done.abort();
  await Promise.all([asked, once(socket.resume(), 'close')]);
});

test('an answer that is larger than any of the daemon is one sentence, and not kept', async t => {
  const path = join(folderOf(t), 'x');
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  const server = createHttpServer((_request, response) => {
    const more = (): void => {
      if (!response.destroyed) response.write(chunk, more);
    };
    more();
  }).listen(path);
  t.after(() => server.close());
  await once(server, 'listening');
  const { status, err } = await runCommand(['status', '--socket', path]);
  assert.equal(status, 1);
  assert.match(err, /^dwgd: cannot ask the daemon on \S+: its answer is larger than 67108864 bytes\n$/);
});

test('what is no socket is one sentence, and status 1', async t => {
  const file = join(folderOf(t), 'file');
  writeFileSync(file, '');
  const { status, err } = await runCommand(['status', '--socket', file]);
  assert.equal(status, 1);
  assert.match(err, /^dwgd: [^\n]+\n$/);
});

test('a daemon that ends in mid-answer is one sentence, and status 1', async t => {
  const path = join(folderOf(t), 'x');
  const server = createServer(socket => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n'))).listen(
    path,
  );
  t.after(() => server.close());
  await once(server, 'listening');
  const { status, err } = await runCommand(['status', '--socket', path]);
  assert.equal(status, 1);
  assert.match(err, /^dwgd: [^\n]+\n$/);
});

test('inspect without a name is a mistake of the command line, status 2', async () => {
  assert.equal((await runCommand(['inspect'])).status, 2);
});

test('who reads status --watch no more has it end, without a word', async t => {
  const { child, ending } = startProgram(['status', '--watch', '--json', '--socket', await daemon(t)]);
  child.stdout.once('data', () => child.stdout.destroy());
  const { status, err } = await ending;
  assert.deepEqual([status, err], [1, '']);
});

test('a full disk is one sentence, and status 1', () => {
  const program = fileURLToPath(new URL('../../../../src/cli/main.js', import.meta.url));
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [program, 'seed'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  assert.equal(status, 1);
  assert.match(stderr, /^dwgd: cannot write to standard output: [^\n]*ENOSPC[^\n]*\n$/);
});

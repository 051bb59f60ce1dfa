// The control socket: root's alone, one on each host, of bounded requests, gone on exit.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ControlSocket } from '../../../src/control/control-socket.js';
import { AskedDriver, answering } from '../../support/control-world.js';
import { ask } from '../../support/docker.js';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-control-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const open = (folder: string): Promise<ControlSocket> =>
  ControlSocket.open((_request, response) => response.end('{}'), folder);

/** All that comes back for what is written. */
function send(path: string, text: string): Promise<string> {
  return new Promise(resolve => {
    let answer = '';
    const socket = connect(path, () => socket.write(text));
    socket.on('data', data => (answer += String(data)));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

test('the control socket and its lock are their owner only, whatever the umask, and the socket goes with the daemon', async t => {
  const folder = folderOf(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const socket = await open(folder);
  const path = join(folder, 'control.sock');
  for (const file of [path, join(folder, 'control.lock')]) assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal((await ask(path, 'GET', '/')).text, '{}');
  await socket.close();
  assert.ok(!existsSync(path));
});

for (const [what, leave] of [
  ['a socket of a daemon that was killed', leaveSocket],
  ['a file', (path: string) => writeFileSync(path, 'x')],
  ['a link that leads elsewhere', (path: string) => symlinkSync('/etc/passwd', path)],
] as const) {
  test(`${what} at the path is replaced`, async t => {
    const folder = folderOf(t);
    const path = join(folder, 'control.sock');
    await leave(path);
    const socket = await open(folder);
    assert.ok(statSync(path).isSocket());
    assert.equal((await ask(path, 'GET', '/')).text, '{}');
    await socket.close();
  });
}

/** Node unlinks its sockets: one that stays is that of a process that was killed. */
async function leaveSocket(path: string): Promise<void> {
  const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', code]), 'exit');
  assert.ok(statSync(path).isSocket());
}

test('a second daemon gets no control socket, and is told which process has it', async t => {
  const folder = folderOf(t);
  const socket = await open(folder);
  await assert.rejects(open(folder), {
    message: `process ${process.pid} answers on ${join(folder, 'control.sock')}: status and metrics of this daemon cannot be asked for`,
  });
  assert.equal((await ask(join(folder, 'control.sock'), 'GET', '/')).text, '{}');
  await socket.close();
});

test('another program that answers at the path is left alone', async t => {
  const folder = folderOf(t);
  const path = join(folder, 'control.sock');
  const other = createServer().listen(path);
  await once(other, 'listening');
  await assert.rejects(open(folder), { message: `another program answers on ${path}: stop it first` });
  assert.ok(statSync(path).isSocket());
  other.close();
});

for (const [what, request, status] of [
  ['a POST', 'POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}', 405],
  ['a DELETE of metrics', 'DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ['a header of 20 KiB', `GET /health HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_480)}\r\n\r\n`, 431],
  ['no HTTP', 'hello\r\n\r\n', 400],
  ['a name that cannot be decoded', 'GET /v1/inspect/%ff HTTP/1.1\r\nHost: x\r\n\r\n', 400],
] as const) {
  test(`${what} is answered with ${status}, and the connection is closed`, async t => {
    const path = await answering(t, { driver: (await AskedDriver.make()).status });
    assert.match(await send(path, request), new RegExp(`^HTTP/1.1 ${status} `));
    assert.equal((await ask(path, 'GET', '/health')).status, 200);
  });
}

test('questions that come at once are one reading of the daemon', async t => {
  const { status } = await AskedDriver.make();
  let open = (): void => undefined;
  const gate = new Promise<void>(resolve => {
    open = resolve;
  });
  let read = 0;
  const counted = {
    health: () => status.health(),
    inspect: (name: string) => status.inspect(name),
    metrics: () => status.metrics(),
    farPeers: (name: string, range: string | undefined) => status.farPeers(name, range),
    networks: async () => {
      read++;
      await gate;
      return status.networks();
    },
  };
  const path = await answering(t, { driver: counted });
  const asked = Array.from({ length: 20 }, () => ask(path, 'GET', '/v1/status'));
  // It comes after them, and is answered at once.
  await ask(path, 'GET', '/health');
  open();
  const answers = await Promise.all(asked);
  assert.ok(answers.every(({ text }) => text === answers[0]!.text));
  assert.equal(read, 1);
});

test('the lock says which process has the socket', async t => {
  const folder = folderOf(t);
  const socket = await open(folder);
  assert.equal(readFileSync(join(folder, 'control.lock'), 'utf8'), `${process.pid}\n`);
  await socket.close();
});

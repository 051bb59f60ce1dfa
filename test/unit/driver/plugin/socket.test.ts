// The socket by which Docker finds the driver: one daemon per host, its owner's alone, gone on exit.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { UserError } from '../../../../src/base/errors.js';
import { PluginSocket } from '../../../../src/driver/plugin/socket.js';

interface Place {
  readonly runDir: string;
  readonly pluginDir: string;
  readonly path: string;
  readonly link: string;
}

function place(t: TestContext): Place {
  const root = mkdtempSync(join(tmpdir(), 'dwgd-socket-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [runDir, pluginDir] = [join(root, 'run'), join(root, 'docker/plugins')];
  return { runDir, pluginDir, path: join(runDir, 'dwgd.sock'), link: join(pluginDir, 'dwgd.sock') };
}

const open = ({ runDir, pluginDir }: Place): PluginSocket => new PluginSocket(runDir, pluginDir);

/** Answers every call with its path, after a while. */
function app(ms = 0): express.Express {
  return express().use(async (request, response) => {
    await sleep(ms);
    response.send(request.path);
  });
}

function get(socketPath: string, path: string, agent: Agent | false = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, agent }, response => {
      let text = '';
      response.on('data', chunk => (text += String(chunk)));
      response.on('end', () => resolve(text));
    });
    request.on('error', reject).end();
  });
}

test('where Docker looks in the folder of the socket itself, no link takes its place', async t => {
  const there = place(t);
  mkdirSync(there.runDir);
  mkdirSync(join(there.pluginDir, '..'));
  symlinkSync(there.runDir, there.pluginDir);
  const socket = open(there);
  await socket.listen(app());
  assert.ok(lstatSync(there.link).isSocket());
  assert.equal(await get(there.link, '/x'), '/x');
  await socket.close();
  assert.ok(!existsSync(there.path));
});

test('calls are answered by the socket and by the link where Docker looks', async t => {
  const at = place(t);
  const socket = open(at);
  await socket.listen(app());
  assert.equal(await get(at.path, '/one'), '/one');
  assert.equal(await get(at.link, '/two'), '/two');
  assert.equal(readlinkSync(at.link), at.path);
  await socket.close();
});

test('socket and lock are their owner only, whatever the umask, which stays as it was', async t => {
  const at = place(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const socket = open(at);
  await socket.listen(app());
  const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
  assert.deepEqual(
    [mode(at.path), mode(join(at.runDir, 'dwgd.pid')), mode(at.runDir)],
    ['600', '600', '755'],
  );
  assert.equal(process.umask(), 0);
  await socket.close();
});

test('a folder that the original left open to everybody is closed', async t => {
  const at = place(t);
  mkdirSync(at.runDir);
  chmodSync(at.runDir, 0o777);
  const socket = open(at);
  assert.equal(statSync(at.runDir).mode & 0o777, 0o755);
  await socket.close();
});

test('both are gone after close, which waits for calls under way', async t => {
  const at = place(t);
  const socket = open(at);
  await socket.listen(app(1_000));
  const call = get(at.path, '/slow');
  await sleep(300);
  const closing = socket.close();
  assert.deepEqual([existsSync(at.path), readdirSync(at.pluginDir)], [false, []]);
  assert.equal(await call, '/slow');
  await closing;
});

test("close does not wait for Docker's connections that are kept for later", async t => {
  const at = place(t);
  const socket = open(at);
  await socket.listen(app());
  const agent = new Agent({ keepAlive: true });
  assert.equal(await get(at.path, '/one', agent), '/one');
  const started = performance.now();
  await socket.close();
  assert.ok(performance.now() - started < 1_000);
  agent.destroy();
});

test('a second daemon says who holds the socket, and the first one goes on', async t => {
  const at = place(t);
  const first = open(at);
  await first.listen(app());
  assert.throws(
    () => open(at),
    new UserError(
      `dwgd runs already: process ${process.pid} holds ${at.path}; stop it first (systemctl stop dwgd)`,
    ),
  );
  assert.equal(await get(at.path, '/still'), '/still');
  await first.close();
  const next = open(at);
  await next.close();
});

test('what a daemon killed by -9 left is replaced', async t => {
  const at = place(t);
  mkdirSync(at.runDir);
  mkdirSync(at.pluginDir, { recursive: true });
  const script = `require('net').createServer().listen(${JSON.stringify(at.path)}, () => console.log('up'))`;
  const dead = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(dead.stdout, 'data');
  dead.kill('SIGKILL');
  await once(dead, 'close');
  assert.ok(lstatSync(at.path).isSocket());
  symlinkSync(at.path, at.link);
  writeFileSync(join(at.runDir, 'dwgd.pid'), `${dead.pid}\n`);
  const socket = open(at);
  await socket.listen(app());
  assert.equal(await get(at.link, '/again'), '/again');
  assert.equal(readFileSync(join(at.runDir, 'dwgd.pid'), 'utf8'), `${process.pid}\n`);
  await socket.close();
});

test('a program that answers there is not disturbed', async t => {
  const at = place(t);
  mkdirSync(at.runDir);
  const other = createServer(connection => connection.end());
  other.listen(at.path);
  await once(other, 'listening');
  const socket = open(at);
  await assert.rejects(
    socket.listen(app()),
    new UserError(`another program answers on ${at.path}: stop it first (the original dwgd, perhaps)`),
  );
  await socket.close();
  assert.ok(existsSync(at.path), 'it is still there');
  other.close();
});

test('a program that listens there but lets nobody connect is not disturbed, nor waited for', async t => {
  const at = place(t);
  mkdirSync(at.runDir);
  const script = `import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0)
c = socket.socket(socket.AF_UNIX); c.connect(sys.argv[1])
print("full", flush=True); time.sleep(60)`;
  const busy = spawn('python3', ['-c', script, at.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => busy.kill());
  await once(busy.stdout, 'data');
  const socket = open(at);
  await assert.rejects(socket.listen(app()), /another program answers/);
  await socket.close();
  assert.ok(existsSync(at.path), 'it is still there');
});

test('a folder that cannot be made is reported', t => {
  const { runDir, pluginDir } = place(t);
  writeFileSync(runDir, 'a file');
  assert.throws(
    () => new PluginSocket(runDir, pluginDir),
    (err: unknown) =>
      err instanceof UserError && /^cannot use .*\/run: E[A-Z]+: .*: start dwgd as root$/.test(err.message),
  );
});

// `dwgd explain` as a command: its exit status, and one sentence for each way to fail. No Docker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand, runProgram } from '../../support/program.js';

const env = { PATH: process.env.PATH };

for (const [what, args, status, said] of [
  ['no destination', ['app'], 2, /missing required argument 'destination'/],
  ['a port that is none', ['app', '10.0.0.1:99999'], 2, /"10\.0\.0\.1:99999" is no destination: give/],
  ['another protocol', ['app', '10.0.0.1/sctp'], 2, /such as 10\.1\.2\.3/],
  ['what a terminal obeys', ['app', 'x\u001b[2J y'], 2, /"x\\u\{1b\}\[2J y" is no destination/],
  [
    'no Docker',
    ['app', '10.0.0.1', '--docker-host', 'unix:///nonexistent/docker.sock'],
    1,
    /^dwgd: (?:cannot ask Docker for its containers: start it|dwgd explain looks into the network)[^\n]+\n$/,
  ],
] as const)
  test(`${what}: status ${status}, and one sentence`, async () => {
    const ended = await runCommand(['explain', ...args], { env });
    assert.deepEqual([ended.status, ended.out], [status, '']);
    assert.match(ended.err, said);
  });

test('who is not root is told so', { skip: process.getuid!() !== 0 && 'needs root' }, async () => {
  const { status, err } = await runProgram(['explain', 'app', '10.0.0.1'], { env, uid: 65_534 });
  assert.equal(status, 1);
  assert.match(
    err,
    /^dwgd: dwgd explain looks into the network of containers, which only root may: [^\n]+\n$/,
  );
});

const WAY = {
  ...{ container: 'app', destination: '10.0.0.1', isSure: true, sentence: 'goes by wg0 of vpn' },
  steps: [{ container: 'app', kind: 'route', text: '10.0.0.0/8 by 10.9.0.2' }],
  outcome: { kind: 'tunnel', container: 'vpn', link: 'wg0' },
};
const TOLD = 'app to 10.0.0.1\n  app: 10.0.0.0/8 by 10.9.0.2\ngoes by wg0 of vpn\n';

for (const [what, status, body, isTold] of [
  ['tells a way', 200, WAY, true],
  ['has a doubt, and Docker does not answer', 200, { ...WAY, isSure: false }, true],
  ['answers otherwise', 200, { ...WAY, steps: 'none' }, false],
  ['does not know the container', 404, { error: 'there is no container app' }, false],
  ['has too many questions', 503, { error: 'ask again' }, false],
] as const)
  test(`where a daemon ${what}, ${isTold ? 'that is printed' : 'the command goes the way itself'}`, async t => {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-way-'));
    const socket = join(folder, 'control.sock');
    const asked: (string | undefined)[] = [];
    const server = createServer(({ url }, response) => {
      asked.push(url);
      response.writeHead(status).end(JSON.stringify(body));
    }).listen(socket);
    t.after(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    await once(server, 'listening');
    const { out, err } = await runCommand(['explain', 'app', '10.0.0.1', '--socket', socket], { env });
    assert.deepEqual(asked, ['/v1/explain/app?to=10.0.0.1']);
    assert.equal(out, isTold ? TOLD : '');
    if (!isTold) assert.match(err, /^dwgd: (?:cannot ask Docker|dwgd explain looks into)[^\n]+\n$/);
    const elsewhere = ['--docker-host', 'unix:///nonexistent/docker.sock'];
    await runCommand(['explain', 'app', '10.0.0.1', '--socket', socket, ...elsewhere], { env });
    assert.equal(asked.length, 1, 'another Docker is meant');
  });

// `dwgd explain` as a command: its exit status, and one sentence for each way to fail. No Docker.
import assert from 'node:assert/strict';
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

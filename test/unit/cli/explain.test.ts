// `dwgd explain` as a program: its exit status, and one sentence for each way to fail. No Docker.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

function explain(args: readonly string[], uid?: number) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'explain', ...args], {
    ...{ encoding: 'utf8', timeout: 20_000 },
    env: { PATH: process.env.PATH },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  return { status, stdout, stderr };
}

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
  test(`${what}: status ${status}, and one sentence`, () => {
    const ended = explain(args);
    assert.deepEqual([ended.status, ended.stdout], [status, '']);
    assert.match(ended.stderr, said);
  });

test('who is not root is told so', { skip: process.getuid!() !== 0 && 'needs root' }, () => {
  const { status, stderr } = explain(['app', '10.0.0.1'], 65_534);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^dwgd: dwgd explain looks into the network of containers, which only root may: [^\n]+\n$/,
  );
});

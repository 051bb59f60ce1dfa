import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, describe, test } from 'node:test';

/** In a process of its own: here other tests may have loaded anything. */
const PROGRAM = `
  const { loadDockerode } = await import('${new URL('../../../src/docker/dockerode.js', import.meta.url)}');
  const client = new (loadDockerode())({ socketPath: '/run/no-engine.sock' });
  const loaded = Object.entries((await import('node:module')).default._cache)
    .filter(([, { exports }]) => exports.name !== 'unused')
    .flatMap(([path]) => /node_modules\\/((@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/.exec(path)?.[1] ?? []);
  const refused = await client.ping().catch(err => err.code);
  console.log(JSON.stringify({ loaded: [...new Set(loaded)], refused }));
`;

describe('dockerode', () => {
  let found: { loaded: string[]; refused: string };
  before(() => {
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM]);
    found = JSON.parse(output.toString()) as typeof found;
  });

  test('asks Docker', () => assert.equal(found.refused, 'ENOENT'));

  for (const name of ['@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs', 'ssh2', 'tar-fs', 'tar-stream'])
    test(`is loaded without ${name}`, () => assert.ok(!found.loaded.includes(name)));

  test('is loaded with what it asks by', () => assert.ok(found.loaded.includes('docker-modem')));
});

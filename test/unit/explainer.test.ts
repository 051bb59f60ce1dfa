// What a running daemon does when it is asked for ways of packets. No kernel and no Docker: the containers do not run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errorCode, messageOf } from '../../src/base/errors.js';
import { Explainer } from '../../src/explainer.js';
import { container } from '../support/label-world.js';

const DOCKER = { socketPath: '/nonexistent/docker.sock' };
const CONTAINERS = [
  container('app', { netns: null, networks: { lan: '10.0.0.2' } }),
  container('proxy', { hostNetwork: true }),
];

const explainer = (known: () => typeof CONTAINERS | undefined = () => CONTAINERS): Explainer =>
  new Explainer({ dockerHost: DOCKER, known, exits: async () => [] });
const refusal = (asked: Promise<unknown>): Promise<unknown[]> =>
  asked.then(
    () => [],
    err => [errorCode(err), messageOf(err)],
  );

for (const [what, name, to, code, said] of [
  [
    'an address that is none',
    'app',
    '10.0.0.1/sctp',
    'EINVAL',
    /^"10\.0\.0\.1\/sctp" is no destination: give/,
  ],
  ['no address', 'app', '', 'EINVAL', /^"" is no destination: give/],
  ['what a terminal obeys', 'app', 'x\u001b[2J', 'EINVAL', /^"x\\u\{1b\}\[2J" is no destination: give/],
  ['a very long address', 'app', '1'.repeat(100_000), 'EINVAL', /^"1{80}…" is no destination: give/],
  [
    'a name that no container has',
    'apq',
    '10.0.0.1',
    'ENOENT',
    /^there is no container "apq" \(there is app\)$/,
  ],
  [
    'a container that does not run',
    'app',
    '10.0.0.1',
    undefined,
    /^"app" is not running, so that .*: start it$/,
  ],
  ['a container of the host', 'proxy', '10.0.0.1', undefined, /^"proxy" is in the network of the host/],
] as const)
  test(`${what} is refused in one sentence`, async () => {
    const [found, sentence] = await refusal(explainer().explain(name, to));
    assert.equal(found, code);
    assert.match(String(sentence), said);
    assert.doesNotMatch(String(sentence), /\n/);
  });

test('where labels are not kept Docker is asked, and said not to answer where it does not', {
  skip: process.getuid!() !== 0 && 'needs root',
}, async () => {
  const [, sentence] = await refusal(explainer(() => undefined).explain('app', '10.0.0.1'));
  assert.equal(sentence, 'cannot ask Docker for its containers: it does not answer');
});

test('of many who ask at once two have their answers, in turn, and the others are to ask again', async () => {
  let running = 0;
  const atOnce: number[] = [];
  const asked = explainer(() => {
    atOnce.push(++running);
    setImmediate(() => running--);
    return CONTAINERS;
  });
  const codes = await Promise.all(
    Array.from({ length: 7 }, async () => (await refusal(asked.explain('app', '10.0.0.1')))[0]),
  );
  assert.deepEqual(codes, [...Array(2).fill(undefined), ...Array(5).fill('EBUSY')]);
  assert.deepEqual(atOnce, [1, 1]);
  assert.equal((await refusal(asked.explain('app', '10.0.0.1')))[0], undefined);
});

test('a daemon that nobody has asked has not loaded what follows packets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-loaded-'));
  const daemon = new URL('../../src/daemon.js', import.meta.url).href;
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `await import('${daemon}'); await import('${new URL('page/page-api.js', daemon).href}');`,
      ],
      { env: { ...process.env, NODE_V8_COVERAGE: folder }, cwd: fileURLToPath(new URL('.', daemon)) },
    );
    assert.equal(status, 0);
    const text = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
    const loaded = [...text.join('').matchAll(/"url":"[^"]*\/(src\/[^"]+)"/g)].map(([, file]) => file!);
    assert.ok(loaded.includes('src/explainer.js') && loaded.includes('src/page/page-api.js'));
    assert.deepEqual(
      loaded.filter(file => file.startsWith('src/explain/')),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

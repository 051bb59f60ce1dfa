// What is answered where the page is on: to whom, with which headers, and that nothing but reading is.
import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { isOwnHost } from '../../../src/page/host-header.js';
import { networkOf, PageWorld, threeContainers } from '../../support/page-world.js';

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function asking(
  t: TestContext,
): Promise<(path: string, method?: string, host?: string, site?: string) => Promise<Answer>> {
  const { port, close } = await new PageWorld(threeContainers(), [networkOf('lan', ['app'])]).open();
  t.after(close);
  return (path, method = 'GET', host = `127.0.0.1:${port}`, site = 'same-origin') =>
    new Promise((resolve, reject) => {
      const asked = request(
        { host: '127.0.0.1', port, path, method, agent: false, headers: { host, 'sec-fetch-site': site } },
        answer => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () =>
            resolve({
              status: answer.statusCode,
              headers: answer.headers,
              text: Buffer.concat(parts).toString(),
            }),
          );
        },
      );
      asked.on('error', reject).end();
    });
}

for (const [method, path, status, type] of [
  ['GET', '/', 200, 'text/html; charset=utf-8'],
  ['HEAD', '/', 200, 'text/html; charset=utf-8'],
  ['GET', '/page/main.js', 200, 'text/javascript; charset=utf-8'],
  ['GET', '/page/dagre.js', 200, 'text/javascript; charset=utf-8'],
  ['GET', '/page/style.css', 200, 'text/css; charset=utf-8'],
  ['GET', '/page/icon.svg', 200, 'image/svg+xml'],
  ['GET', '/v1/status', 200, 'application/json'],
  ['GET', '/v1/rules/web', 200, 'application/json'],
  ['GET', '/v1/rules/nobody', 404, 'application/json'],
  ['GET', `/v1/rules/${'x'.repeat(300)}`, 404, 'application/json'],
  ['GET', '/v1/explain/qbittorrent?to=203.0.113.5:443', 200, 'application/json'],
  ['GET', '/v1/explain/qbittorrent?to=%1b%5b2J', 400, 'application/json'],
  ['GET', '/v1/explain/qbittorrent', 400, 'application/json'],
  ['GET', '/v1/explain/nobody?to=203.0.113.5', 404, 'application/json'],
  ['GET', '/v1/explain/web?to=203.0.113.5', 409, 'application/json'],
  ['POST', '/v1/explain/qbittorrent?to=203.0.113.5', 405, 'application/json'],
  ['GET', '/v1/inspect/web', 404, 'application/json'],
  ['GET', '/page/other.js', 404, 'application/json'],
  ['GET', '/page/..%2f..%2fpackage.json', 404, 'application/json'],
  ['GET', '/page/__proto__', 404, 'application/json'],
  ['GET', '/health', 404, 'application/json'],
  ['POST', '/', 405, 'application/json'],
  ['PUT', '/v1/status', 405, 'application/json'],
  ['DELETE', '/v1/rules/web', 405, 'application/json'],
  ['OPTIONS', '/v1/status', 405, 'application/json'],
] as const) {
  test(`where the page is on, ${method} ${path.slice(0, 40)} is answered with ${status}, under the policy`, async t => {
    const answer = await (await asking(t))(path, method);
    const { headers } = answer;
    assert.deepEqual([answer.status, headers['content-type']], [status, type]);
    assert.deepEqual(
      [
        headers['content-security-policy'],
        headers['x-content-type-options'],
        headers['cross-origin-resource-policy'],
        headers['access-control-allow-origin'],
      ],
      [
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        'nosniff',
        'same-origin',
        undefined,
      ],
    );
    if (method === 'HEAD') assert.equal(answer.text, '');
  });
}

test('who comes by a name that is not localhost has no answer but the metrics', async t => {
  const ask = await asking(t);
  for (const path of [
    '/',
    '/page/main.js',
    '/v1/status',
    '/v1/rules/web',
    '/v1/explain/web?to=10.0.0.1',
    '/x',
  ]) {
    const { status, text } = await ask(path, 'GET', 'attacker.example:9586');
    assert.deepEqual(
      [status, text],
      [
        421,
        '{"error":"the page is at an address of this host, or at localhost, not at attacker.example:9586"}\n',
      ],
      path,
    );
  }
  assert.equal((await ask('/metrics', 'GET', 'server:9586')).status, 200);
});

for (const site of ['cross-site', 'same-site'])
  test(`what a page that is ${site} has a browser ask is refused, but its link to the page is not`, async t => {
    const ask = await asking(t);
    const statusOf = async (path: string): Promise<unknown> =>
      (await ask(path, 'GET', undefined, site)).status;
    assert.deepEqual(
      [
        await statusOf('/'),
        await statusOf('/v1/status'),
        await statusOf('/v1/rules/web'),
        await statusOf('/v1/explain/qbittorrent?to=10.0.0.1'),
      ],
      [200, 403, 403, 403],
    );
  });

for (const [header, isOwn] of [
  ['127.0.0.1', true],
  ['127.0.0.1:9586', true],
  ['192.0.2.1:9586', true],
  ['[::1]:9586', true],
  ['[fd00::1]', true],
  ['localhost:9586', true],
  ['LOCALHOST', true],
  ['dwgd.localhost:9586', true],
  ['localhost.attacker.example', false],
  ['attackerlocalhost.example:9586', false],
  ['notlocalhost', false],
  ['127.0.0.1.attacker.example', false],
  ['attacker.example:127', false],
  ['::1', false],
  ['[127.0.0.1]', false],
  ['127.0.0.1:x', false],
  ['127.0.0.1@attacker.example', false],
  ['', false],
  [undefined, false],
] as const) {
  test(`the page is ${isOwn ? '' : 'not '}at ${header}`, () => assert.equal(isOwnHost(header), isOwn));
}

test('the document holds no script and no style, and all that it loads is its own', async t => {
  const ask = await asking(t);
  const { text } = await ask('/');
  assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|https?:/);
  for (const [, path] of text.matchAll(/(?:href|src)="([^"]+)"/g))
    assert.equal((await ask(`/${path}`)).status, 200, path);
});

test('every script that a script imports is served', async t => {
  const ask = await asking(t);
  const seen = new Set<string>();
  const follow = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const { status, text } = await ask(`/page/${name}`);
    assert.equal(status, 200, name);
    assert.doesNotMatch(text, /sourceMappingURL/, name);
    for (const [, from] of name === 'dagre.js'
      ? []
      : text.matchAll(/^(?:import|export)[^;]* from '([^']+)';/gm)) {
      assert.match(from!, /^\.\/[a-z]+\.js$/);
      await follow(from!.slice(2));
    }
  };
  await follow('main.js');
  assert.ok(seen.has('dagre.js') && seen.has('details.js'));
});

test('the rules are the text of nft(8), and the status has where labels lead', async t => {
  const ask = await asking(t);
  const { nft } = JSON.parse((await ask('/v1/rules/qbittorrent')).text) as { nft: string };
  assert.match(nft, /^table inet dwgd \{\n[\s\S]*\n\t\ttcp dport 25 drop comment "a"\n/);
  const { containers } = JSON.parse((await ask('/v1/status')).text) as {
    containers: { name: string; routes?: unknown }[];
  };
  assert.deepEqual(containers.find(({ name }) => name === 'qbittorrent')?.routes, [
    { network: '0.0.0.0/0', gateway: '172.20.0.2', container: 'wireguard-client' },
  ]);
});

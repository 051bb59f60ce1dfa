// The way to Docker's API: an answer or an error comes of every question, whatever becomes of Docker meanwhile.
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { DecodeError } from '../../../src/base/errors.js';
import { DockerApi, quietAgent, TimeoutError, unlessGone } from '../../../src/docker/api-client.js';

/** Docker's API as far as a test needs it; both ends go with the test. */
async function beside(t: TestContext, answer: RequestListener): Promise<DockerApi> {
  const directory = mkdtempSync(join(tmpdir(), 'docker-api-'));
  const socket = join(directory, 'docker.sock');
  const server = createServer(answer).listen(socket);
  const api = new DockerApi({ socketPath: socket });
  t.after(() => {
    api.close();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  await once(server, 'listening');
  return api;
}

test('an answer is what its JSON says', async t => {
  const asked: (string | undefined)[] = [];
  const api = await beside(t, ({ url }, response) => {
    asked.push(url);
    response.end('[{"Id":"a"}]');
  });
  const query = { all: true, filters: { driver: ['dwgd'] } };
  assert.deepEqual(await api.get('/containers/json', 5_000, query), [{ Id: 'a' }]);
  assert.deepEqual(await api.get('/networks', 5_000), [{ Id: 'a' }]);
  const filters = encodeURIComponent('{"driver":["dwgd"]}');
  assert.deepEqual(asked, [`/containers/json?all=true&filters=${filters}`, '/networks']);
  assert.deepEqual(query, { all: true, filters: { driver: ['dwgd'] } });
});

for (const status of [200, 404, 500]) {
  test(`an answer of status ${status} that breaks off is an error, at once`, async t => {
    const api = await beside(t, (_, response) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.write('{"Id":', () => response.destroy());
    });
    await assert.rejects(api.get('/containers/a/json', 60_000), { message: 'aborted' });
  });
}

test('an answer that is no JSON is an error', async t => {
  const api = await beside(t, (_, response) => response.end('<html>'));
  await assert.rejects(api.get('/containers/json', 5_000), DecodeError);
});

test('what Docker says against it is in the error; what does not exist can be told from it', async t => {
  const api = await beside(t, ({ url }, response) => {
    response.writeHead(url === '/gone' ? 404 : 500).end('{"message":"no such thing"}');
  });
  await assert.rejects(api.get('/broken', 5_000), { statusCode: 500, message: /no such thing/ });
  await assert.rejects(unlessGone(api.get('/broken', 5_000)), { statusCode: 500 });
  assert.equal(await unlessGone(api.get('/gone', 5_000)), undefined);
});

test('no answer in time is an error', async t => {
  const silent = await beside(t, () => undefined);
  await assert.rejects(silent.get('/containers/json', 20), TimeoutError);
  const halting = await beside(t, (_, response) => response.write('['));
  await assert.rejects(halting.get('/containers/json', 20), {
    name: 'TimeoutError',
    message: 'no answer from Docker within 20 ms',
  });
});

test('Docker not being there is an error', async t => {
  const api = new DockerApi({ socketPath: '/nonexistent.sock' });
  t.after(() => api.close());
  await assert.rejects(api.get('/containers/json', 5_000), { code: 'ENOENT' });
});

test('closing ends questions under way', async t => {
  for (const answer of [
    () => undefined,
    (_: unknown, response: { write(text: string): unknown }) => response.write('['),
  ] as RequestListener[]) {
    const asked = new EventEmitter();
    const api = await beside(t, (request, response) => {
      answer(request, response);
      asked.emit('asked');
    });
    const answered = assert.rejects(api.get('/containers/json', 60_000), { message: 'closed' });
    await once(asked, 'asked');
    await turn();
    api.close();
    await answered;
  }
});

test('events come one by one; after a stream that broke off, whoever listens is told, and it is opened again', async t => {
  let streams = 0;
  const api = await beside(t, (_, response) => {
    response.write(`{"n":${++streams}}\n{"n"`, () => response.destroy());
  });
  const seen: string[] = [];
  await new Promise<void>(resolve => {
    const again = () => {
      if (streams === 2) resolve();
    };
    void api.listen(
      { type: ['container'] },
      {
        up: () => seen.push('up'),
        event: event => seen.push(JSON.stringify(event)),
        down: () => {
          seen.push('down');
          again();
        },
      },
    );
  });
  assert.deepEqual(seen, ['up', '{"n":1}', 'down', 'up', '{"n":2}', 'down']);
});

test('whoever prints the options of a call does not print the connections', () => {
  assert.equal(inspect(quietAgent(), { showHidden: true, depth: null }), 'Agent');
});

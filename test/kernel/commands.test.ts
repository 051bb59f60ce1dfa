// Commands that ask Docker, by root, beside a Docker that does not answer as it should: one sentence, and status 1. Those that
// ask the daemon are in test/unit/cli/commands/ask.test.ts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kernelTest } from '../support/namespace.js';
import { runCommand, runProgram } from '../support/program.js';

const answer = (status: number, text: string): RequestListener => {
  return (_request, response) => response.writeHead(status).end(text);
};

const WAYS: readonly (readonly [what: string, listener: RequestListener | undefined, why: RegExp])[] = [
  ['is not there', undefined, /cannot ask Docker for its containers: start it, /],
  ['answers a page', answer(200, '<html>'), /Docker's answer is not JSON/],
  ['answers nothing', answer(200, ''), /Docker's answer is not JSON/],
  ['answers with no list', answer(200, '{"a":1}'), /Docker's list of containers is not a list/],
  [
    'lists what is no container',
    answer(200, '[null]'),
    /Docker's entry of list of containers is not an object/,
  ],
  ['lists one without an id', answer(200, '[{"Id":5}]'), /Docker's Id is not an id/],
  ['refuses', answer(500, '{"message":"no"}'), /cannot ask Docker .*: Docker answered 500: no/],
  [
    'is behind a proxy that forbids it',
    answer(403, '<html>'),
    /403 to GET \/containers\/json, which has to be let through/,
  ],
  ['sends elsewhere', answer(302, ''), /cannot ask Docker .*: Docker answered 302/],
  ['breaks off', (_, response) => breakOff(response), /cannot ask Docker .*: the answer of Docker broke off/],
];

function breakOff(response: ServerResponse): void {
  response.write('[{', () => response.destroy());
}

const EXPLAIN = ['explain', 'app', '10.0.0.1'] as const;
const PLAN = ['plan', 'app'] as const;

for (const [what, listener, why] of WAYS) {
  kernelTest(
    `a Docker that ${what} is one sentence of explain and plan, and a finding of doctor`,
    async t => {
      const folder = mkdtempSync(join(tmpdir(), 'dwgd-mute-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const socket = join(folder, 'docker.sock');
      if (listener) {
        const server = createServer(listener).listen(socket);
        t.after(() => server.close());
        await once(server, 'listening');
      }
      const at = ['--docker-host', `unix://${socket}`];
      for (const command of [EXPLAIN, PLAN]) {
        const { status, out, err } = await runCommand([...command, ...at]);
        assert.deepEqual([status, out], [1, '']);
        assert.match(err, /^dwgd: [^\n]+\n$/);
        assert.match(err, why);
      }
      const { status, out, err } = await runCommand(['doctor', '--json', ...at]);
      assert.deepEqual([status, err], [1, '']);
      const found = (JSON.parse(out) as { findings: { what: string }[] }).findings.filter(one =>
        one.what.includes('Docker'),
      );
      assert.notEqual(found.length, 0);
    },
  );
}

kernelTest(
  'a Docker that never comes to an end is one sentence of explain and plan, and a finding of doctor',
  async t => {
    const folder = mkdtempSync(join(tmpdir(), 'dwgd-mute-'));
    const server = createServer((_request, response) => void response.write('[')).listen(
      join(folder, 'd.sock'),
    );
    t.after(() => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true });
    });
    await once(server, 'listening');
    const at = ['--docker-host', `unix://${join(folder, 'd.sock')}`];
    const [explain, plan, doctor] = await Promise.all(
      [EXPLAIN, PLAN, ['doctor']].map(command => runProgram([...command, ...at])),
    );
    for (const { status, out, err } of [explain!, plan!]) {
      assert.deepEqual([status, out], [1, '']);
      assert.match(err, /^dwgd: cannot ask Docker [^\n]+: no answer from Docker within \d+ ms\n$/);
    }
    assert.equal(doctor!.status, 1);
    assert.match(doctor!.out, /Docker.* no answer from Docker within \d+ ms/);
  },
);

kernelTest('a user who may not is told so, and what to do, by each command that needs root', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-mute-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const seedFile = join(folder, 'seed');
  writeFileSync(seedFile, 'x', { mode: 0o600 });
  const commands = [EXPLAIN, PLAN, ['doctor'], ['pubkey', '--seedfile', seedFile, '-i', '10.0.0.2']];
  const said = await Promise.all(commands.map(command => runProgram(command, { uid: 65_534 })));
  const words = [/root/, /root/, /root/, /permission denied/];
  for (const [n, { status, out, err }] of said.entries()) {
    assert.deepEqual([out, err.split('\n').length], ['', 2], err);
    assert.notEqual(status, 0);
    assert.match(err, words[n]!);
  }
});

// Questions that Docker asks from the host: told once after network create and Join, where it is so, with the remedy.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../../src/base/log.js';
import { DnsFromHost } from '../../../src/driver/dns-from-host.js';

type Looked = { name: string; hasOwnDns: boolean; resolvConfPath: string } | undefined | Error;

const CONTAINER = 'c'.repeat(64);
const NETWORK = 'n'.repeat(64);
const ENDPOINT = 'e'.repeat(64);

/** The path of a container's resolv.conf as Docker writes it. */
function resolvConf(t: TestContext, servers: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-dns-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, CONTAINER));
  const path = join(folder, CONTAINER, 'resolv.conf');
  writeFileSync(path, `nameserver 127.0.0.11\n# ExtServers: [${servers}]\n`);
  return path;
}

/** Lines of the log after a Join, of which Docker says one thing after the other. */
async function joined(hostDns: string | undefined, ...answers: readonly Looked[]): Promise<string[]> {
  const lines: string[] = [];
  const left = [...answers];
  const docker = {
    async dnsOf(network: string, endpoint: string) {
      assert.deepEqual([network, endpoint], [NETWORK, ENDPOINT]);
      const answer = left.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const told = new DnsFromHost({
    docker,
    log: createLog(false, true, line => lines.push(line)),
    hostDns: () => hostDns,
    delays: answers.map(() => 1),
  });
  told.joined(NETWORK, ENDPOINT);
  // Its timers keep no process alive.
  for (let n = 0; n < 200 && left.length > 0; n++) await sleep(5);
  await sleep(20);
  told.close();
  return lines;
}

const SENTENCE = (whom: string): string =>
  `Docker asks the DNS server 127.0.0.53 from the host for ${whom}, past the tunnel: give --dns with any address (dns: in Compose), or "dns" in /etc/docker/daemon.json for all containers`;

test('network create is followed by one warning where the host has its resolver on loopback', () => {
  for (const server of ['127.0.0.53', undefined]) {
    const lines: string[] = [];
    const log = createLog(false, true, line => lines.push(line));
    new DnsFromHost({ docker: { dnsOf: assert.fail }, log, hostDns: () => server }).networkCreated(NETWORK);
    assert.deepEqual(
      lines.map(line => line.includes(SENTENCE('containers on this network'))),
      server === undefined ? [] : [true],
      lines.join(''),
    );
  }
});

for (const [what, servers, hasOwnDns, isTold] of [
  ['Docker asks from the host', 'host(127.0.0.53)', false, true],
  ['Docker asks from the container', '192.0.2.53', true, false],
] as const) {
  test(`a Join is followed by ${isTold ? 'one warning' : 'none'} where ${what}`, async t => {
    const path = resolvConf(t, servers);
    const lines = await joined('127.0.0.53', undefined, { name: 'web', hasOwnDns, resolvConfPath: path });
    assert.equal(lines.length, isTold ? 1 : 0, lines.join(''));
    if (isTold) assert.ok(lines[0]!.includes(SENTENCE('web')), lines[0]);
  });
}

test('a container that is gone is not told of', async () => {
  assert.deepEqual(await joined('127.0.0.53', undefined, undefined, undefined), []);
});

test('where Docker does not answer, the files of the host decide', async () => {
  const failed = new Error('no Docker');
  const [line = '', ...more] = await joined('127.0.0.53', failed, failed, failed);
  assert.deepEqual(more, []);
  assert.ok(line.includes(SENTENCE('this container, unless it has a dns: of its own')), line);
  assert.deepEqual(await joined(undefined, failed, failed, failed), []);
});

test('closed, it asks nothing more', async () => {
  const lines: string[] = [];
  const log = createLog(false, true, line => lines.push(line));
  const told = new DnsFromHost({ docker: { dnsOf: assert.fail }, log, hostDns: () => '::1', delays: [20] });
  told.joined(NETWORK, ENDPOINT);
  told.close();
  await sleep(60);
  assert.deepEqual(lines, []);
});

test('where no router leads questions anywhere, the server has to be behind the tunnel', () => {
  const lines: string[] = [];
  const told = new DnsFromHost({
    docker: { dnsOf: async () => undefined },
    log: createLog(false, true, line => lines.push(line)),
    hasRouter: id => id !== NETWORK,
    hostDns: () => '127.0.0.53',
  });
  told.networkCreated(NETWORK);
  told.networkCreated('another');
  told.close();
  assert.match(
    lines[0]!,
    /past the tunnel: give --dns with the address of one behind the tunnel \(dns: in Compose\)/,
  );
  assert.match(lines[1]!, /past the tunnel: give --dns with any address \(dns: in Compose\)/);
});

// The files of a network, look by look, with a clock of the test's own: which is in force, and where its peer is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../../../src/base/errors.js';
import { formatAddress, parseAddress } from '../../../../src/base/ip.js';
import type { TunnelFile } from '../../../../src/driver/exit/tunnel-file.js';
import { ExitFiles } from '../../../../src/driver/router/exit-files.js';
import { EXIT, tunnelFile } from '../../../support/exit-world.js';

const INITIATION = 148;

function world(failback?: number) {
  const told: string[] = [];
  const clock = { now: 0 };
  const disk = new Map<string, TunnelFile>([
    ['/a', tunnelFile('first')],
    ['/b', tunnelFile('second')],
  ]);
  const names = new Map<string, string[]>();
  const unrouted = new Set<string>();
  const network = { ...EXIT, files: ['/a', '/b'], ...(failback !== undefined && { failback }) };
  const files = new ExitFiles(network, {
    links: { mtu: async () => 1420, hasRoute: address => !unrouted.has(formatAddress(address)) },
    resolver: {
      addresses: async host => (names.get(host) ?? [host]).map(text => parseAddress(text)!),
    },
    failed: text => told.push(text),
    open: path => {
      const file = disk.get(path);
      if (!file) throw new UserError(`${path} is not there`);
      return file;
    },
    now: () => clock.now,
  });
  /** Seconds during which initiations are sent in vain, a look each; what changed. */
  const inVain = (seconds: number): string[] =>
    Array.from({ length: seconds + 1 }, (_, n) => {
      clock.now += 1000;
      const peers = files.tunnel!.file.peers.map(({ publicKey }) => ({
        ...{ publicKey, keepalive: 0, lastHandshake: 0, rxBytes: 0n, txBytes: BigInt(n * INITIATION) },
      }));
      const { change } = files.step(peers);
      return change ? `${files.standings.find(({ isInForce }) => isInForce)!.path} ${change}` : '';
    }).filter(text => text !== '');
  return { files, told, clock, disk, names, unrouted, inVain };
}

test('the next file is in force after 15 s in vain, and the first one again after dwgd.failback', async () => {
  const { files, clock, inVain } = world(60);
  files.read(false);
  files.begin([]);
  await files.resolve();
  assert.deepEqual(inVain(16), ['/b silent']);
  clock.now += 58_000;
  assert.equal(files.step([]).change, undefined);
  clock.now += 2_000;
  assert.deepEqual(files.step([]), {
    change: 'failback',
    told: 'dwgd.conf=/a is in force in place of /b: the time of dwgd.failback is over',
  });
});

test('without dwgd.failback the file stays; a file that was never read is left out', async () => {
  const { files, told, clock, disk, inVain } = world();
  disk.delete('/b');
  files.read(false);
  files.begin([]);
  await files.resolve();
  assert.deepEqual(inVain(30), []);
  assert.deepEqual(told, ['/b is not there', 'dwgd.conf=/a is silent: no peer has answered for 15 s']);
  disk.set('/b', tunnelFile('second'));
  files.read(false);
  await files.resolve();
  assert.deepEqual(inVain(20), ['/b silent']);
  clock.now += 1e9;
  assert.equal(files.step([]).change, undefined);
});

test('a daemon that takes a router over goes on with the file whose peers the tunnel has', async () => {
  const { files } = world();
  files.read(false);
  files.begin(tunnelFile('second').peers);
  await files.resolve();
  assert.equal(`${files.tunnel!.file.peers[0]!.publicKey}`, `${tunnelFile('second').peers[0]!.publicKey}`);
});

test('the next address of a name is tried where the peer does not answer', async () => {
  const { files, disk, names, clock, inVain } = world();
  const at = (): string => formatAddress([...files.tunnel!.endpoints.values()][0]!.address);
  const [peer] = tunnelFile('first').peers;
  const named = { ...tunnelFile('first'), peers: [{ ...peer!, endpoint: { host: 'vpn.example', port: 1 } }] };
  disk.set('/a', named);
  disk.delete('/b');
  names.set('vpn.example', ['192.0.2.1', '192.0.2.9']);
  files.read(false);
  files.begin([]);
  await files.resolve();
  assert.equal(at(), '192.0.2.1');
  inVain(10);
  await files.resolve();
  assert.equal(at(), '192.0.2.1');
  clock.now += 1;
  inVain(20);
  await files.resolve();
  assert.equal(at(), '192.0.2.9');
});

test('where the host has no route the next address is tried, and then the next file', async () => {
  const { files, told, disk, names, unrouted, clock } = world();
  const [peer] = tunnelFile('first').peers;
  disk.set('/a', {
    ...tunnelFile('first'),
    peers: [{ ...peer!, endpoint: { host: 'vpn.example', port: 1 } }],
  });
  names.set('vpn.example', ['2001:db8::1', '192.0.2.9']);
  for (const address of names.get('vpn.example')!) unrouted.add(address);
  files.read(false);
  files.begin([]);
  await files.resolve();
  assert.equal(files.standings[0]!.hindrance, 'the host has no route to 2001:db8::1');
  assert.equal(files.step([]).change, undefined);
  clock.now += 15_000;
  await files.resolve();
  assert.equal(files.standings[0]!.hindrance, 'the host has no route to 192.0.2.9');
  assert.deepEqual(files.step([]), {
    change: 'unusable',
    told: 'dwgd.conf=/b is in force in place of /a: it was not read, or the host has no way to a peer of it',
  });
  assert.deepEqual(told, [
    'dwgd.conf=/a: the host has no route to 2001:db8::1',
    'dwgd.conf=/a: the host has no route to 192.0.2.9',
  ]);
  unrouted.clear();
  await files.resolve();
  assert.equal(files.standings[0]!.hindrance, undefined);
});

// Tunnels in their containers, look by look: files that change, names that move, what others do to one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatPrefix, parseAddress, parsePrefix } from '../../../../src/base/ip.js';
import { formatSocketAddress } from '../../../../src/netlink/wireguard/device.js';
import { Key, publicKey, SecretKey } from '../../../../src/netlink/wireguard/key.js';
import { DIRECT, DirectWorld, directRequest } from '../../../support/direct-world.js';
import { tunnelFile } from '../../../support/exit-world.js';
import type { FakeKernel } from '../../../support/fake-kernel.js';

async function running(file = tunnelFile()): Promise<{ it: DirectWorld; inside: FakeKernel }> {
  const it = new DirectWorld();
  it.file = file;
  await it.all.createNetwork(directRequest(), 0);
  return { it, inside: await it.start('e1') };
}

const peersOf = (inside: FakeKernel): string[] =>
  inside.devices
    .get('wg0')!
    .peers.map(
      ({ publicKey: key, endpoint, keepalive }) =>
        `${key} ${endpoint ? formatSocketAddress(endpoint) : ''} ${keepalive}`,
    );

async function reload(it: DirectWorld, file: DirectWorld['file']): Promise<void> {
  it.file = file;
  it.tunnels.reload();
  await it.tunnels.idle();
}

const routesOf = (it: DirectWorld): string[] => it.tunnels.routed(DIRECT.id)!.routes.map(formatPrefix);
const problemOf = (it: DirectWorld): string | undefined => it.tunnels.reading(DIRECT).problem;
const lines = (it: DirectWorld, text: RegExp): number => it.world.lines.filter(one => text.test(one)).length;

test('a tunnel that is as the file says is left alone', async () => {
  const { it, inside } = await running();
  it.tunnels.lookAt(DIRECT);
  inside.requests.length = 0;
  it.tunnels.lookAt(DIRECT);
  assert.deepEqual(
    inside.requests.filter(what => !/^(reading|finding)/.test(what)),
    [],
  );
  assert.equal(problemOf(it), undefined);
});

test('another peer and keepalive take effect in place, by reload alone', async () => {
  const { it, inside } = await running();
  const before = peersOf(inside);
  it.file = tunnelFile('another', { more: '' });
  it.tunnels.lookAt(DIRECT);
  assert.deepEqual(peersOf(inside), before);
  await reload(it, it.file);
  assert.deepEqual(peersOf(inside), [`${it.file!.peers[0]!.publicKey} 192.0.2.2:51820 0`]);
});

test('another key of its own takes effect in place, and is on record', async () => {
  const { it, inside } = await running();
  const privateKey = new SecretKey(Buffer.from('another private key, of 32 bytes'));
  await reload(it, { ...it.file!, privateKey });
  assert.ok(inside.devices.get('wg0')!.publicKey!.equals(publicKey(privateKey)));
  assert.ok(it.world.store.endpoint('e1')!.publicKey!.equals(publicKey(privateKey)));
  it.tunnels.lookAt(DIRECT);
  assert.equal(problemOf(it), undefined);
});

test('a daemon that died between key and record finds the link by the key of the file', async () => {
  const { it, inside } = await running();
  const endpoint = it.world.store.endpoint('e1')!;
  const privateKey = new SecretKey(Buffer.from('another private key, of 32 bytes'));
  await reload(it, { ...it.file!, privateKey });
  it.world.store.putEndpoint(endpoint);
  const next = it.again();
  next.tunnels.reload();
  await next.tunnels.idle();
  assert.equal(problemOf(next), undefined);
  assert.ok(inside.devices.get('wg0')!.publicKey!.equals(publicKey(privateKey)));
});

test('a file with other addresses leaves the tunnel as it is, which is told once and to whoever asks', async () => {
  const { it, inside } = await running();
  const before = peersOf(inside);
  await reload(it, tunnelFile('another', { addresses: '10.64.0.9/32, fd64::2/128' }));
  it.tunnels.lookAt(DIRECT);
  assert.deepEqual(peersOf(inside), before);
  assert.match(problemOf(it)!, /other addresses than its container has.*: restart the container$/);
  assert.equal(lines(it, /other addresses than its container has/), 1);
});

test('a file that cannot be read leaves the tunnel as it is, and the next that can takes effect', async () => {
  const { it, inside } = await running();
  const [file, before] = [it.file!, peersOf(inside)];
  await reload(it, undefined);
  assert.deepEqual(peersOf(inside), before);
  assert.equal(lines(it, /is not there/), 1);
  await reload(it, { ...file, peers: file.peers.map(peer => ({ ...peer, keepalive: 9 })) });
  assert.match(peersOf(inside)[0]!, / 9$/);
});

test('a peer that somebody takes away is back at the next look', async () => {
  const { it, inside } = await running();
  const before = peersOf(inside);
  it.world.namespaces.openContainer(it.world.store.endpoint('e1')!).wg.configure('wg0', {
    replacePeers: true,
    peers: [],
  });
  assert.deepEqual(peersOf(inside), []);
  it.tunnels.lookAt(DIRECT);
  assert.deepEqual(peersOf(inside), before);
});

test('a link that is gone is told to whoever asks, and nothing else is touched', async () => {
  const { it, inside } = await running();
  inside.removeLink('wg0');
  it.tunnels.lookAt(DIRECT);
  assert.equal(problemOf(it), 'its tunnel is not in its container: restart the container');
});

test('a network without a container has no problem, and is not silent after one', async () => {
  const { it } = await running();
  await it.stop('e1');
  const { problem, device, files } = it.tunnels.reading(DIRECT);
  assert.deepEqual([problem, device, files.map(({ path }) => path)], [undefined, undefined, DIRECT.files]);
});

test('what the file takes more is held from then on, and what it takes less is so until the container goes', async () => {
  const { it } = await running(tunnelFile('far', { allowedIPs: '192.0.2.0/24' }));
  assert.deepEqual(routesOf(it), ['192.0.2.0/24']);
  await reload(it, tunnelFile('far', { allowedIPs: '0.0.0.0/0' }));
  assert.deepEqual(routesOf(it), ['192.0.2.0/24', '0.0.0.0/0']);
  assert.equal(it.changes, 1);
  assert.equal(lines(it, /AllowedIPs of the file are new/), 0);
  await reload(it, tunnelFile('far', { allowedIPs: '198.51.100.0/24' }));
  assert.ok(routesOf(it).includes('0.0.0.0/0'));
  await it.stop('e1');
  assert.deepEqual(routesOf(it), ['198.51.100.0/24']);
});

test('a container is held by the file as it was when it started, not as it was when the network was made', async () => {
  const it = new DirectWorld();
  await it.all.createNetwork(directRequest(), 0);
  assert.deepEqual(routesOf(it), ['0.0.0.0/0', '::/0']);
  it.file = tunnelFile('far', { allowedIPs: '192.0.2.0/24' });
  await it.start('e1');
  assert.deepEqual(routesOf(it), ['192.0.2.0/24']);
});

test('routes that the container lacks are told', async () => {
  const { it } = await running(tunnelFile('far', { allowedIPs: '192.0.2.0/24' }));
  await reload(it, tunnelFile('far', { allowedIPs: '192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24' }));
  assert.equal(
    lines(it, /are new \(198\.51\.100\.0\/24, …\): the container gets routes there when it is restarted/),
    1,
  );
});

test('of a file that a daemon has not read since it began, all is held', async () => {
  const { it } = await running(tunnelFile('far', { allowedIPs: '192.0.2.0/24' }));
  const next = it.again();
  next.file = undefined;
  assert.deepEqual(routesOf(next), ['0.0.0.0/0', '::/0']);
  await reload(next, it.file);
  assert.deepEqual(routesOf(next), ['192.0.2.0/24']);
});

const named = (it: DirectWorld, ...addresses: string[]): void => {
  it.world.lookUp = async () => addresses.map(text => parseAddress(text)!);
};

test('an endpoint by name is resolved on the host, and followed when its answer is over', async () => {
  const it = new DirectWorld();
  const [peer] = it.file!.peers;
  it.file = { ...it.file!, peers: [{ ...peer!, endpoint: { host: 'vpn.example', port: 51820 } }] };
  named(it, '192.0.2.50');
  await it.all.createNetwork(directRequest(), 0);
  const inside = await it.start('e1');
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.50:51820 0`]);
  named(it, '192.0.2.60');
  it.tunnels.reload();
  await it.tunnels.idle();
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.50:51820 0`]);
  it.now += 300_000;
  it.tunnels.reload();
  await it.tunnels.idle();
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.60:51820 0`]);
});

test('a name that does not resolve starts the container all the same, and its tunnel is completed when it does', async () => {
  const it = new DirectWorld();
  const [peer] = it.file!.peers;
  it.file = { ...it.file!, peers: [{ ...peer!, endpoint: { host: 'vpn.example', port: 51820 } }] };
  it.world.lookUp = async () => {
    throw Object.assign(new Error('no'), { code: 'ENOTFOUND' });
  };
  await it.all.createNetwork(directRequest(), 0);
  const inside = await it.start('e1');
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey}  0`]);
  assert.match(problemOf(it)!, /vpn\.example of an Endpoint does not resolve \(ENOTFOUND\)/);
  named(it, '192.0.2.50');
  it.tunnels.reload();
  await it.tunnels.idle();
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.50:51820 0`]);
  assert.equal(problemOf(it), undefined);
});

test('several peers, one with a preshared key: the link has them all', async () => {
  const it = new DirectWorld();
  const [peer] = it.file!.peers;
  const second = {
    ...{
      publicKey: new Key(Buffer.alloc(32, 9)),
      allowedIPs: [parsePrefix('198.51.100.0/24')!],
      keepalive: 25,
    },
    presharedKey: new SecretKey(Buffer.alloc(32, 5)),
  };
  it.file = { ...it.file!, listenPort: 5000, peers: [peer!, second] };
  await it.all.createNetwork(directRequest(), 0);
  const inside = await it.start('e1');
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.2:51820 0`, `${second.publicKey}  25`]);
  assert.ok(inside.devices.get('wg0')!.peers[1]!.presharedKey?.equals(second.presharedKey));
  await reload(it, { ...it.file!, peers: [peer!] });
  assert.deepEqual(peersOf(inside), [`${peer!.publicKey} 192.0.2.2:51820 0`]);
});

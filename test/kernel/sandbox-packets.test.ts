// Labels applied to a namespace the whole way, and what packets make of it: the table, its sysctls and its routes.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { programmer } from '../support/label-namespace.js';
import { container, plan } from '../support/label-world.js';
import { kernelTest, Namespace } from '../support/namespace.js';
import { ask, askInVain, serve } from '../support/peer.js';

/**
 * A client – 10.8.0.2 wg0, the container in the middle, eth0 10.9.0.2 – a server that knows no way to the client. The
 * client comes with `join`.
 */
async function three(t: TestContext) {
  const client = await Namespace.create(t);
  const middle = await Namespace.create(t);
  const server = await Namespace.create(t);
  middle.ip('link', 'set', 'lo', 'up');
  connect(middle, 'eth0', server, 'eth0', ['10.9.0.2/24', '10.9.0.3/24']);
  const join = (): void => {
    connect(middle, 'wg0', client, 'c0', ['10.8.0.2/24', '10.8.0.1/24']);
    client.ip('route', 'add', 'default', 'via', '10.8.0.2');
  };
  const { sandboxes } = await programmer(t);
  const label = (labels: Record<string, string>): void => {
    const found = plan([
      container('middle', { networks: { main: '10.9.0.2' }, labels }),
      container('server', { networks: { main: '10.9.0.3' } }),
    ]);
    assert.deepEqual(found.diagnostics, []);
    const desired = { ...found.sandboxes[0]!, netns: middle.ref };
    assert.deepEqual(sandboxes.reconcile(desired)?.failures, []);
    assert.deepEqual(sandboxes.reconcile(desired), { changes: [], failures: [] });
  };
  const unlabel = (): void => assert.deepEqual(sandboxes.clear(middle.ref)?.failures, []);
  await serve(t, server);
  return { client, middle, server, join, label, unlabel };
}

function connect(
  a: Namespace,
  nameA: string,
  b: Namespace,
  nameB: string,
  [ofA, ofB]: [string, string],
): void {
  a.veth(nameA, b, nameB);
  a.ip('address', 'add', ofA, 'dev', nameA);
  b.ip('address', 'add', ofB, 'dev', nameB);
}

kernelTest(
  'a forward works as soon as it is brought about, also for a link that comes later, and ends with it',
  async t => {
    const { client, join, label, unlabel } = await three(t);
    label({ 'twine.nat.interfaces': '+', 'twine.nat.forward.wg+.9080': 'server:80' });
    join();
    assert.equal(await ask(client, '10.8.0.2:9080'), '10.9.0.2');
    assert.equal(await ask(client, '10.9.0.3:80'), '10.9.0.2');
    label({ 'twine.nat.interfaces': '+' });
    assert.equal(await ask(client, '10.8.0.2:9080'), 'ECONNREFUSED');
    assert.equal(await ask(client, '10.9.0.3:80'), '10.9.0.2');
    unlabel();
    assert.equal(await askInVain(client, '10.9.0.3:80'), 'nothing');
  },
);

kernelTest(
  'localhost is open to its forward by the interface that leads there, and to nobody from outside',
  async t => {
    const { middle, server, label, unlabel } = await three(t);
    await serve(t, middle);
    // The server, whose own loopback is down, sends what is for 127.0.0.0/8 to the container.
    server.ip('route', 'add', '127.0.0.0/8', 'via', '10.9.0.2');
    for (const ns of [server, middle])
      ns.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet');
    assert.equal(await ask(server, '127.0.0.1:80'), '10.9.0.3', 'with the sysctl alone it is open to all');
    middle.exec('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/conf/eth0/route_localnet');
    label({ 'twine.nat.interfaces': 'lo', 'twine.nat.forward.lo.5353/udp': 'server:53' });
    assert.equal(middle.exec('cat', '/proc/sys/net/ipv4/conf/eth0/route_localnet'), '1\n');
    assert.equal(await ask(middle, '127.0.0.1:5353', 'udp'), '10.9.0.2');
    assert.equal(await ask(middle, '127.0.0.1:80'), '127.0.0.1', 'what is not forwarded stays');
    assert.equal(await askInVain(server, '127.0.0.1:80'), 'nothing');
    unlabel();
    assert.equal(middle.exec('cat', '/proc/sys/net/ipv4/conf/eth0/route_localnet'), '0\n');
  },
);

// What goes through a port of the host, and what senders of all kinds cannot do to it. The container is a socket of loopback.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Inward } from '../../src/driver/ports/relay.js';
import { clientOf, Sessions } from '../../src/driver/ports/sessions.js';
import { listenTcp } from '../../src/driver/ports/tcp-relay.js';
import { listenUdp } from '../../src/driver/ports/udp-relay.js';
import { kernelTest } from '../support/namespace.js';
import { sendFromPort } from '../support/raw-datagram.js';

const HOST = '127.0.0.1';
const ANY = { address: HOST, port: 0 };

function inwardTo(port: number): Inward {
  return { addresses: [{ family: 4, bytes: Buffer.from([127, 0, 0, 1]) }], port, within: fn => fn() };
}

async function udpOn(t: TestContext): Promise<{ readonly socket: Socket; readonly port: number }> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { socket, port: socket.address().port };
}

kernelTest('a datagram from port 0 is lost, and those after it are not', async t => {
  const container = await udpOn(t);
  const heard: string[] = [];
  container.socket.on('message', (data, { port }) => {
    heard.push(`${data}`);
    container.socket.send('answer', port, HOST);
  });
  const relay = await listenUdp(ANY, inwardTo(container.port), new Sessions());
  t.after(() => relay.close());
  sendFromPort(0, relay.port, 'from nowhere');
  const client = await udpOn(t);
  client.socket.send('question', relay.port, HOST);
  const [answer] = (await once(client.socket, 'message')) as [Buffer];
  assert.equal(`${answer}`, 'answer');
  assert.deepEqual(heard, ['question']);
});

for (const [protocol, listen] of [
  ['UDP', listenUdp],
  ['TCP', listenTcp],
] as const)
  kernelTest(`a port of ${protocol} that somebody has is refused, and leaves nothing open`, async t => {
    const taken = await listen(ANY, inwardTo(9), new Sessions());
    t.after(() => taken.close());
    const opened = (): number => readdirSync('/proc/self/fd').length;
    const refusedOnce = (): Promise<void> =>
      assert.rejects(listen({ address: HOST, port: taken.port }, inwardTo(9), new Sessions()), {
        code: 'EADDRINUSE',
      });
    await refusedOnce();
    await sleep(20);
    const before = opened();
    for (let n = 0; n < 20; n++) await refusedOnce();
    await sleep(20);
    assert.equal(opened(), before);
  });

kernelTest(
  'of many senders those that were never answered make room, at whichever port they are',
  async t => {
    const answering = await udpOn(t);
    const from: number[] = [];
    answering.socket.on('message', (data, { port }) => {
      from.push(port);
      answering.socket.send(data, port, HOST);
    });
    const silent = await udpOn(t);
    const sessions = new Sessions();
    const relay = await listenUdp(ANY, inwardTo(answering.port), sessions);
    const other = await listenUdp(ANY, inwardTo(silent.port), sessions);
    t.after(() => {
      relay.close();
      other.close();
    });
    const { socket: client } = await udpOn(t);
    const say = async (): Promise<void> => {
      client.send('?', relay.port, HOST);
      await once(client, 'message');
    };
    await say();
    // More than one client may have, and more than may come at once.
    for (let n = 0; n < 300; n++) {
      sendFromPort(2_000 + n, other.port, 'x');
      if (n % 100 === 99) await sleep(150);
    }
    await say();
    assert.equal(from.length, 2);
    assert.equal(from[1], from[0]);
  },
);

kernelTest('a client that has broken off is noticed although the container does not read', async t => {
  const container = createServer(socket => void socket.on('error', () => {}).pause());
  container.listen(0, HOST);
  await once(container, 'listening');
  const { port } = container.address() as AddressInfo;
  const sessions = new Sessions();
  const relay = await listenTcp(ANY, inwardTo(port), sessions, 100);
  t.after(() => {
    relay.close();
    container.close();
  });
  const accepted = once(container, 'connection');
  const client = connect({ port: relay.port, host: HOST });
  await accepted;
  assert.equal(free(sessions), 255);
  for (let n = 0; n < 64; n++) client.write(Buffer.alloc(1 << 20));
  for (let before = -1; before !== client.writableLength; await sleep(300)) before = client.writableLength;
  assert.ok(client.writableLength > 0);
  client.resetAndDestroy();
  for (const end = Date.now() + 10_000; free(sessions) !== 256; await sleep(50))
    assert.ok(Date.now() < end, 'the session is still there');
});

/** How many more sessions this host may have. */
function free(sessions: Sessions): number {
  const port = sessions.ofPort('tcp');
  const ends: (() => void)[] = [];
  for (let end = port.begin(clientOf(HOST)); typeof end === 'function'; end = port.begin(clientOf(HOST)))
    ends.push(end);
  for (const end of ends) end();
  return ends.length;
}

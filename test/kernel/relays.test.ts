// What goes through a port of the host, and what senders of all kinds cannot do to it. The container is a socket of loopback.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { type Inward, Sessions } from '../../src/driver/ports/relay.js';
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
  const relay = await listenUdp(ANY, inwardTo(container.port), new Sessions().ofPort());
  t.after(() => relay.close());
  sendFromPort(0, relay.port, 'from nowhere');
  const client = await udpOn(t);
  client.socket.send('question', relay.port, HOST);
  const [answer] = (await once(client.socket, 'message')) as [Buffer];
  assert.equal(`${answer}`, 'answer');
  assert.deepEqual(heard, ['question']);
});

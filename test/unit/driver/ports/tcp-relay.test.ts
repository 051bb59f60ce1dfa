// How connections break off: at once, and whatever else is on its way.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { breakOff } from '../../../../src/driver/ports/tcp-relay.js';

/** A connection to a server that reads nothing. */
async function connection(t: TestContext): Promise<Socket> {
  const server = createServer(
    { allowHalfOpen: true },
    socket => void socket.on('error', () => undefined).pause(),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => {
    socket.destroy();
    server.close();
  });
  return socket;
}

for (const [what, before] of [
  ['is idle', () => undefined],
  ['has just been ended', socket => void socket.end('x')],
  [
    'has been ended while much waits to be sent',
    socket => {
      for (let n = 0; n < 40; n++) socket.write(Buffer.alloc(1 << 20));
      socket.end();
    },
  ],
  ['is broken off already', breakOff],
] as readonly [string, (socket: Socket) => void][])
  test(`a connection that ${what} breaks off, and leaves nothing`, { timeout: 10_000 }, async t => {
    const socket = await connection(t);
    const errors: Error[] = [];
    socket.on('error', err => errors.push(err));
    await once(socket, 'connect');
    const closed = once(socket, 'close');
    before(socket);
    breakOff(socket);
    await closed;
    assert.deepEqual(errors, []);
  });

test('one that is still connecting does not go on to do so', async t => {
  const socket = await connection(t);
  const closed = once(socket, 'close');
  breakOff(socket);
  await closed;
  assert.equal(socket.destroyed, true);
});

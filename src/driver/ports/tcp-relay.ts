// Connections to a port of the host that go on to a container: accepted in the host's namespace, opened in that of the router.
// The end of one direction is the end of that direction alone; whoever reads slowly is sent slowly. Not here: which ports
// (published-ports.ts).

import { once } from 'node:events';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { addressFor, type Inward, type ListenAt, literal, type Relay } from './relay.js';
import { clientOf, type Sessions } from './sessions.js';

/** As docker-proxy has it, in milliseconds: a client that has gone without a word is noticed. */
const KEEPALIVE_MS = 15_000;
/** Ends that are not read from are looked at so often, in milliseconds: who has broken off is not noticed otherwise. */
const LOOK_MS = 5_000;
const NOTHING = Buffer.alloc(0);

/** @throws the error of bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES */
export async function listenTcp(
  at: ListenAt,
  inward: Inward,
  sessions: Sessions,
  lookMs = LOOK_MS,
): Promise<Relay> {
  const open = new Set<Socket>();
  const own = sessions.ofPort('tcp');
  const options = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
  };
  const server = createServer(options, client => {
    const end = own.begin(clientOf(client.remoteAddress ?? ''));
    if (typeof end === 'string') return breakOff(client);
    const inner = dial(inward, at.address);
    if (!inner) {
      end();
      return breakOff(client);
    }
    for (const socket of [client, inner]) {
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        if (!open.has(client) && !open.has(inner)) end();
      });
    }
    lead(client, inner);
    lead(inner, client);
  });
  server.listen({ host: at.address, port: at.port, ipv6Only: isIPv6(at.address), exclusive: true });
  await once(server, 'listening');
  // Without descriptors there is nothing to accept by: the client's connection is closed.
  server.on('error', () => undefined);
  const look = setInterval(() => {
    for (const socket of open) probe(socket);
  }, lookMs).unref();
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : at.port,
    close() {
      clearInterval(look);
      server.close();
      for (const socket of open) breakOff(socket);
    },
  };
}

/** Undefined where there is no namespace to open it in. */
function dial(inward: Inward, at: string): Socket | undefined {
  const address = addressFor(inward, at);
  let socket: Socket | undefined;
  try {
    inward.within(() => {
      // A name, because to what is an address Node connects in a later turn, which is the host's again.
      socket = connect({
        host: 'container',
        port: inward.port,
        lookup: (_name, _options, done) => literal(address, done),
        autoSelectFamily: false,
        ...{ allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS },
      });
    });
  } catch {
    socket?.destroy();
    return undefined;
  }
  return socket;
}

/** To send nothing fails where the other end has broken off. Where something waits to be sent, that fails by itself. */
function probe(socket: Socket): void {
  if (socket.isPaused() && !socket.connecting && !socket.writableEnded && socket.writableLength === 0)
    socket.write(NOTHING);
}

/** What comes from one socket goes to the other, its end too; where it breaks off, the other does. */
function lead(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => breakOff(to));
  from.once('close', () => {
    if (!from.readableEnded) breakOff(to);
  });
}

/**
 * Breaks off. A socket that is still connecting would do so only once it is connected; and one whose end is on its way cannot:
 * libuv refuses, and Node.js has let go of its handle by then, which stays open for good.
 */
export function breakOff(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting || (socket.writableEnded && !socket.writableFinished)) socket.destroy();
  else socket.resetAndDestroy();
}

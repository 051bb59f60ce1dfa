// Connections to a port of the host that go on to a container: accepted in the host's namespace, opened in that of the router.
// The end of one direction is the end of that direction alone; whoever reads slowly is sent slowly. Not here: which ports
// (published-ports.ts).

import { once } from 'node:events';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { addressFor, type Inward, type ListenAt, literal, type PortSessions, type Relay } from './relay.js';

/** As docker-proxy has it, in milliseconds: a client that has gone without a word is noticed. */
const KEEPALIVE_MS = 15_000;
/** Sessions of one client at one port: no client takes all of them. */
const MOST_OF_CLIENT = 512;

/** @throws the error of bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES */
export async function listenTcp(at: ListenAt, inward: Inward, sessions: PortSessions): Promise<Relay> {
  const open = new Set<Socket>();
  const clients = new Map<string, number>();
  const begin = (client: string): (() => void) | undefined => {
    const count = clients.get(client) ?? 0;
    const end = count < MOST_OF_CLIENT ? sessions.begin() : undefined;
    if (!end) return undefined;
    clients.set(client, count + 1);
    return () => {
      end();
      const left = (clients.get(client) ?? 1) - 1;
      if (left > 0) clients.set(client, left);
      else clients.delete(client);
    };
  };
  const options = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_MS,
  };
  const server = createServer(options, client => {
    const end = begin(client.remoteAddress ?? '');
    const inner = end && dial(inward, at.address);
    if (!inner) {
      end?.();
      breakOff(client);
      return;
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
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound ? bound.port : at.port,
    close() {
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

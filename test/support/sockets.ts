// Both ends of a test's packets: a server in a namespace that says who asked, and a question to it. Their sockets are made in the
// namespace by this process, and stay there: a program of its own for each would cost more than all else.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, isIPv6 } from 'node:net';
import type { Synchronous } from '../../src/netlink/netns.js';

export type Protocol = 'tcp' | 'udp';

/** A namespace as the place where code runs. */
export interface Place {
  within<T>(fn: () => Synchronous<T>): Synchronous<T>;
}

export interface Server {
  close(): void;
}

type Found = (err: null, address: string, family: number) => void;

/** What is an address already: found at once, so that the socket is made before the thread leaves the namespace. */
export function literal(host: string, _options: unknown, done: Found): void {
  done(null, host, isIPv6(host) ? 6 : 4);
}

const plain = (address = ''): string => address.replace('::ffff:', '');

/**
 * A server that answers everything there; one that listens everywhere answers from the address that the route back has.
 * @param say the answer to whoever asks from an address
 * @param on for tcp one address only where the place is the thread's own: listening on it is put off
 */
export async function answerOn(
  place: Place,
  protocol: Protocol,
  port: number,
  say: (address: string) => string,
  on = '::',
): Promise<Server> {
  if (protocol === 'tcp') {
    const server = createServer(socket => socket.on('error', () => {}).end(say(plain(socket.remoteAddress))));
    place.within(() => void (on === '::' ? server.listen(port) : server.listen(port, on)));
    if (!server.listening) await once(server, 'listening');
    return server;
  }
  const server = hearOn(place, port, on, (_, from) =>
    server.send(say(plain(from.address)), from.port, from.address),
  );
  return server;
}

/** Hears datagrams to an address there. */
export function hearOn(
  place: Place,
  port: number,
  on: string,
  heard: (datagram: Buffer, from: RemoteInfo) => void,
): Socket {
  const socket = createSocket({ type: isIPv6(on) ? 'udp6' : 'udp4', lookup: literal });
  socket.on('message', heard).on('error', () => {});
  place.within(() => void socket.bind(port, on));
  return socket;
}

export interface Question {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** How long an answer may take. */
  readonly ms: number;
  /** Of a datagram; absent: any. */
  readonly sourcePort?: number;
  /** A datagram again after so many milliseconds, since a first one may be lost; absent: one only. */
  readonly every?: number;
}

/** The server's answer, or why there is none: `nothing`, or the errno's name. */
export async function question(from: Place, asked: Question): Promise<string> {
  const end = new AbortController();
  const answer = new Promise<string>(resolve => {
    const timer = setTimeout(() => resolve('nothing'), asked.ms);
    end.signal.addEventListener('abort', () => clearTimeout(timer));
    const come = (data: Buffer): void => resolve(String(data));
    const failed = (err: NodeJS.ErrnoException): void => resolve(err.code ?? err.message);
    const begin = asked.protocol === 'tcp' ? byTcp : byUdp;
    from.within(() => begin(asked, come, failed, end.signal));
  });
  try {
    return await answer;
  } finally {
    end.abort();
  }
}

type Come = (data: Buffer) => void;
type Failed = (err: NodeJS.ErrnoException) => void;

function byTcp({ host, port }: Question, come: Come, failed: Failed, end: AbortSignal): void {
  // A name, because what is an address is connected to in a later turn.
  const lookup = (_name: string, options: unknown, done: Found): void => literal(host, options, done);
  const socket = connect({ host: 'there', port, lookup, autoSelectFamily: false });
  socket.on('data', come).on('error', failed);
  end.addEventListener('abort', () => socket.destroy());
}

function udpSocket(host: string, sourcePort = 0): Socket {
  const [type, any] = isIPv6(host) ? (['udp6', '::'] as const) : (['udp4', '0.0.0.0'] as const);
  const socket = createSocket({ type, ipv6Only: type === 'udp6', lookup: literal });
  socket.bind(sourcePort, any);
  return socket;
}

function byUdp(asked: Question, come: Come, failed: Failed, end: AbortSignal): void {
  const { host, port, every } = asked;
  const socket = udpSocket(host, asked.sourcePort);
  socket.on('message', come);
  if (every !== undefined) {
    const timer = sendEvery(socket, host, port, every);
    end.addEventListener('abort', () => clearInterval(timer));
  } else {
    socket.on('error', failed);
    socket.connect(port, host, (err?: Error) => {
      if (err) failed(err);
      else if (!end.aborted) socket.send('?', failure => failure && failed(failure));
    });
  }
  end.addEventListener('abort', () => socket.close());
}

/** Not connected: each datagram finds its own way. Errors that an earlier one has brought are put up with. */
function sendEvery(socket: Socket, host: string, port: number, ms: number): NodeJS.Timeout {
  socket.on('error', () => {});
  const send = (): void => socket.send('?', port, host, () => {});
  send();
  return setInterval(send, ms);
}

/** The same question every few milliseconds, and each answer as it comes. */
export function askEvery(
  from: Place,
  host: string,
  port: number,
  ms: number,
  come: (answer: string) => void,
): Server {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  from.within(() => {
    socket = udpSocket(host).on('message', data => come(String(data)));
    timer = sendEvery(socket, host, port, ms);
  });
  return {
    close() {
      clearInterval(timer);
      socket!.close();
    },
  };
}

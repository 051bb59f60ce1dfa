// Datagrams to a port of the host that go on to a container, and its answers back: for each client a socket of its own in the
// router's namespace, until nothing has passed for a while. Not here: which ports (published-ports.ts).

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { addressFor, type Inward, type ListenAt, literal, type Relay } from './relay.js';
import { clientOf, type DatagramSession, type PortSessions, type Sessions } from './sessions.js';

/** As docker-proxy has it, in milliseconds. */
const IDLE_MS = 90_000;
/** Bytes that wait to be sent; what comes beyond that is lost, as it is where a link is full. */
const MOST_QUEUED = 512 * 1024;

interface Session extends DatagramSession {
  readonly inner: Socket;
  readonly idle: NodeJS.Timeout;
}

/** @throws the error of bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES */
export async function listenUdp(
  at: ListenAt,
  inward: Inward,
  sessions: Sessions,
  idleMs = IDLE_MS,
): Promise<Relay> {
  const outer = socketFor(at.address);
  // Said within the call that brings it about.
  try {
    const listening = once(outer, 'listening');
    outer.bind({ address: at.address, port: at.port, exclusive: true });
    await listening;
  } catch (err) {
    // Node.js leaves it open.
    outer.close();
    throw err;
  }
  // What was sent could not be delivered: that is for the sender to notice.
  outer.on('error', () => undefined);
  return new UdpRelay(outer, at.address, inward, sessions, idleMs);
}

class UdpRelay implements Relay {
  readonly port: number;
  readonly #outer: Socket;
  readonly #target: string;
  readonly #inward: Inward;
  readonly #sessions: Sessions;
  readonly #own: PortSessions;
  readonly #idleMs: number;
  /** By addresses and ports of clients. */
  readonly #open = new Map<string, Session>();

  constructor(outer: Socket, at: string, inward: Inward, sessions: Sessions, idleMs: number) {
    this.port = outer.address().port;
    this.#outer = outer;
    this.#target = addressFor(inward, at);
    this.#inward = inward;
    this.#sessions = sessions;
    this.#own = sessions.ofPort('udp');
    this.#idleMs = idleMs;
    outer.on('message', (data, from) => unharmed(() => this.#goIn(data, from)));
  }

  close(): void {
    this.#outer.close();
    for (const session of this.#open.values()) session.end();
  }

  #goIn(data: Buffer, from: RemoteInfo): void {
    // Anybody can send from port 0, which nobody can answer.
    if (from.port === 0) return;
    const session = this.#open.get(keyOf(from)) ?? this.#begin(from);
    if (!session) return;
    this.#sessions.heard(session, false);
    session.idle.refresh();
    if (session.inner.getSendQueueSize() < MOST_QUEUED)
      session.inner.send(data, this.#inward.port, this.#target, () => undefined);
  }

  #begin(from: RemoteInfo): Session | undefined {
    if (!this.#sessions.mayBegin()) return undefined;
    const client = clientOf(from.address);
    const over = this.#admit(client);
    if (!over) return undefined;
    const inner = socketFor(this.#target);
    try {
      this.#inward.within(() => {
        inner.bind({ port: 0, exclusive: true });
      });
    } catch {
      inner.close();
      over();
      return undefined;
    }
    const end = (): void => {
      if (!this.#open.delete(keyOf(from))) return;
      clearTimeout(session.idle);
      inner.close();
      this.#sessions.forget(session);
      over();
    };
    // A socket that there are no descriptors for, or nothing to send by.
    inner.on('error', end);
    inner.on('message', (data, sender) => {
      if (sender.port !== this.#inward.port || sender.address !== this.#target) return;
      unharmed(() => {
        session.idle.refresh();
        this.#sessions.heard(session, true);
        if (this.#outer.getSendQueueSize() < MOST_QUEUED)
          this.#outer.send(data, from.port, from.address, () => undefined);
      });
    });
    const idle = setTimeout(end, this.#idleMs).unref();
    const session: Session = { client, port: this.#own, inner, idle, end };
    this.#open.set(keyOf(from), session);
    return session;
  }

  /** Where there are too many, another one makes room. */
  #admit(client: string): (() => void) | undefined {
    const first = this.#own.begin(client);
    if (typeof first === 'function') return first;
    this.#sessions.makeRoom(first, client, this.#own);
    const second = this.#own.begin(client);
    return typeof second === 'function' ? second : undefined;
  }
}

function keyOf({ address, port }: RemoteInfo): string {
  return `${address} ${port}`;
}

/** A datagram that Node.js does not take is lost: what an event throws would end the daemon. */
function unharmed(work: () => void): void {
  try {
    work();
  } catch {
    // As it is where a link is full.
  }
}

function socketFor(address: string): Socket {
  const isV6 = isIPv6(address);
  const lookup = (host: string, _options: unknown, done: Parameters<typeof literal>[1]): void =>
    literal(host, done);
  return createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6, lookup });
}

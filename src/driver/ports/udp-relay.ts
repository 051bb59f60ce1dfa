// Datagrams to a port of the host that go on to a container, and its answers back: for each client a socket of its own in the
// router's namespace, until nothing has passed for a while. Not here: which ports (published-ports.ts).

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { addressFor, type Inward, type ListenAt, literal, type PortSessions, type Relay } from './relay.js';

/** As docker-proxy has it, in milliseconds. */
const IDLE_MS = 90_000;
/** New clients of a port in a window, in milliseconds: senders are easily made up, and each takes a socket. */
const [MOST_NEW, WINDOW_MS] = [200, 100];
/** Bytes that wait to be sent; what comes beyond that is lost, as it is where a link is full. */
const MOST_QUEUED = 512 * 1024;

interface Session {
  readonly inner: Socket;
  readonly idle: NodeJS.Timeout;
  readonly end: () => void;
}

/** @throws the error of bind(2): EADDRINUSE, EADDRNOTAVAIL, EACCES */
export async function listenUdp(
  at: ListenAt,
  inward: Inward,
  sessions: PortSessions,
  idleMs = IDLE_MS,
): Promise<Relay> {
  const outer = socketFor(at.address);
  // Said within the call that brings it about.
  const listening = once(outer, 'listening');
  outer.bind({ address: at.address, port: at.port, exclusive: true });
  await listening;
  // What was sent could not be delivered: that is for the sender to notice.
  outer.on('error', () => undefined);
  return new UdpRelay(outer, at.address, inward, sessions, idleMs);
}

class UdpRelay implements Relay {
  readonly port: number;
  readonly #outer: Socket;
  readonly #target: string;
  readonly #inward: Inward;
  readonly #sessions: PortSessions;
  readonly #idleMs: number;
  /** By clients; those that were silent for the longest come first. */
  readonly #open = new Map<string, Session>();
  #window = { from: 0, begun: 0 };

  constructor(outer: Socket, at: string, inward: Inward, sessions: PortSessions, idleMs: number) {
    this.port = outer.address().port;
    this.#outer = outer;
    this.#target = addressFor(inward, at);
    this.#inward = inward;
    this.#sessions = sessions;
    this.#idleMs = idleMs;
    outer.on('message', (data, from) => unharmed(() => this.#goIn(data, from)));
  }

  close(): void {
    this.#outer.close();
    for (const client of this.#open.keys()) this.#end(client);
  }

  #goIn(data: Buffer, from: RemoteInfo): void {
    // Anybody can send from port 0, which nobody can answer.
    if (from.port === 0) return;
    const client = `${from.address} ${from.port}`;
    const session = this.#open.get(client) ?? this.#begin(client, from);
    if (!session) return;
    this.#open.delete(client);
    this.#open.set(client, session);
    session.idle.refresh();
    if (session.inner.getSendQueueSize() < MOST_QUEUED)
      session.inner.send(data, this.#inward.port, this.#target, () => undefined);
  }

  #begin(client: string, from: RemoteInfo): Session | undefined {
    if (!this.#mayBegin()) return undefined;
    const end = this.#admit();
    if (!end) return undefined;
    const inner = socketFor(this.#target);
    try {
      this.#inward.within(() => {
        inner.bind({ port: 0, exclusive: true });
      });
    } catch {
      inner.close();
      end();
      return undefined;
    }
    // A socket that there are no descriptors for, or nothing to send by.
    inner.on('error', () => this.#end(client));
    inner.on('message', (data, sender) => {
      if (sender.port !== this.#inward.port || sender.address !== this.#target) return;
      unharmed(() => {
        session.idle.refresh();
        if (this.#outer.getSendQueueSize() < MOST_QUEUED)
          this.#outer.send(data, from.port, from.address, () => undefined);
      });
    });
    const idle = setTimeout(() => this.#end(client), this.#idleMs).unref();
    const session: Session = { inner, idle, end };
    this.#open.set(client, session);
    return session;
  }

  #mayBegin(): boolean {
    const now = performance.now();
    if (now - this.#window.from > WINDOW_MS) this.#window = { from: now, begun: 0 };
    return ++this.#window.begun <= MOST_NEW;
  }

  /** Where there are too many, the one that was silent for the longest makes room. */
  #admit(): (() => void) | undefined {
    const end = this.#sessions.begin();
    const [silent] = this.#open.keys();
    if (end || silent === undefined) return end;
    this.#end(silent);
    return this.#sessions.begin();
  }

  #end(client: string): void {
    const session = this.#open.get(client);
    if (!session) return;
    this.#open.delete(client);
    clearTimeout(session.idle);
    session.inner.close();
    session.end();
  }
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

// A socket of a router's namespace that a gateway in the tunnel is asked by: what comes from anybody else is not heard, and no
// more than a few messages. Not here: what they say (mapping-message.ts), when one is sent (port-asker.ts).

import { createSocket, type Socket } from 'node:dgram';
import { type Address, formatAddress } from '../../base/ip.js';
import type { Synchronous } from '../../netlink/netns.js';
import { NATPMP_PORT } from '../spec/option-table.js';

/** Messages that one socket hears. */
const MOST_HEARD = 32;
/** The wildcard address of IPv4, to which a socket without one is bound. */
const ANY = '0.0.0.0';

/** Runs a function in the namespace of a network's router. @throws Error where there is none */
export type WithinRouter = <T>(fn: () => Synchronous<T>) => Synchronous<T>;

interface Listener {
  readonly heard: (bytes: Buffer) => void;
  /** An ICMP message said so. */
  readonly refused: () => void;
}

export class GatewaySocket {
  readonly #socket: Socket;
  #isOpen = true;
  #heard = 0;

  /** @throws Error where there is no namespace */
  constructor(gateway: Address, within: WithinRouter, { heard, refused }: Listener) {
    const host = formatAddress(gateway);
    // Found at once, so that the socket is made before the thread leaves the namespace.
    const lookup = (
      name: string,
      _options: unknown,
      done: (err: null, address: string, family: 4) => void,
    ): void => done(null, name, 4);
    const socket = createSocket({ type: 'udp4', lookup });
    this.#socket = socket;
    socket.on('error', (err: NodeJS.ErrnoException) => {
      if (!this.#isOpen) return;
      // By another one it may be well the next time: the tunnel has another address, or a route again.
      this.close();
      if (err.code === 'ECONNREFUSED') refused();
    });
    socket.on('message', (bytes, from) => {
      // Between bind(2) and connect(2) it hears everybody.
      if (!this.#isOpen || from.address !== host || from.port !== NATPMP_PORT) return;
      if (++this.#heard > MOST_HEARD) this.close();
      else heard(bytes);
    });
    try {
      within(() => void socket.bind({ address: ANY, port: 0, exclusive: true }));
      socket.connect(NATPMP_PORT, host);
    } catch (err) {
      this.close();
      throw err;
    }
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What cannot be sent is lost. */
  send(bytes: Buffer): void {
    if (!this.#isOpen) return;
    try {
      this.#socket.send(bytes, err => {
        if (err) this.#socket.emit('error', err);
      });
    } catch {
      // As it is where a link is full.
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }
}

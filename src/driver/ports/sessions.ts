// How many sessions relays may have at once, over all ports of the daemon, and which of UDP make room for others. Not here: the
// sessions themselves (tcp-relay.ts, udp-relay.ts).

import { addressKey, maskPrefix, parseAddress } from '../../base/ip.js';

/**
 * Sessions at once. One whose ends both send, and do not read, holds some 210 KiB of the unit's MemoryMax=1G; and each holds two
 * descriptors at most. Senders of UDP are easily made up: they leave half to TCP.
 */
const [MOST, MOST_OF_UDP, MOST_OF_PORT, MOST_OF_CLIENT] = [2_048, 1_024, 1_024, 256];
/** New sessions of UDP in a window, in milliseconds: each takes a socket. */
const [MOST_NEW, WINDOW_MS] = [200, 100];

/** Of which there are as many as may be. */
type Full = 'client' | 'port' | 'all';

class Tally {
  readonly #most: number;
  count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get isFull(): boolean {
    return this.count >= this.#most;
  }
}

/** A session of UDP, for those that make room. */
export interface DatagramSession {
  /** As clientOf says. */
  readonly client: string;
  /** The same object for all sessions of a port. */
  readonly port: object;
  end(): void;
}

/** The sessions of all ports. */
export class Sessions {
  readonly #all = new Tally(MOST);
  readonly #udp = new Tally(MOST_OF_UDP);
  readonly #clients = new Map<string, Tally>();
  /** Of UDP; those that were silent for the longest come first. */
  readonly #unanswered = new Set<DatagramSession>();
  readonly #answered = new Set<DatagramSession>();
  #window = { from: 0, begun: 0 };

  ofPort(protocol: 'tcp' | 'udp'): PortSessions {
    const port = new Tally(MOST_OF_PORT);
    const shared = protocol === 'udp' ? [this.#all, this.#udp] : [this.#all];
    return {
      begin: client => {
        const own = this.#clients.get(client) ?? new Tally(MOST_OF_CLIENT);
        if (own.isFull) return 'client';
        if (port.isFull) return 'port';
        if (shared.some(({ isFull }) => isFull)) return 'all';
        this.#clients.set(client, own);
        const tallies = [own, port, ...shared];
        for (const tally of tallies) tally.count++;
        let isOver = false;
        return () => {
          if (isOver) return;
          isOver = true;
          for (const tally of tallies) tally.count--;
          if (own.count === 0) this.#clients.delete(client);
        };
      },
    };
  }

  /** Whether a new sender of datagrams is heard now. */
  mayBegin(): boolean {
    const now = performance.now();
    if (now - this.#window.from > WINDOW_MS) this.#window = { from: now, begun: 0 };
    return ++this.#window.begun <= MOST_NEW;
  }

  /** Something has passed. */
  heard(session: DatagramSession, isAnswer: boolean): void {
    const order = isAnswer || this.#answered.has(session) ? this.#answered : this.#unanswered;
    this.forget(session);
    order.add(session);
  }

  forget(session: DatagramSession): void {
    this.#unanswered.delete(session);
    this.#answered.delete(session);
  }

  /** Ends the session that was silent for the longest, of those that never were answered where there are such. */
  makeRoom(full: Full, client: string, port: object): void {
    const fits = (session: DatagramSession): boolean =>
      full === 'all' || (full === 'port' ? session.port === port : session.client === client);
    [...this.#unanswered, ...this.#answered].find(fits)?.end();
  }
}

/** The sessions at one port. */
export interface PortSessions {
  /** What ends the session, or what is full. */
  begin(client: string): (() => void) | Full;
}

/** Of what sends from an address: all of an IPv6 host's, which has as many as it likes of a /64. */
export function clientOf(text: string): string {
  const address = parseAddress(text.replace(/%.*/, ''));
  if (!address) return text;
  return addressKey(address.family === 4 ? address : maskPrefix({ address, length: 64 }).address);
}

// Bytes per second of each tunnel, from one answer to the next. Not here: the counters (control/answers.ts).

import type { NetworkStatus } from '../../control/answers.js';

interface TransferRate {
  readonly received: number;
  readonly sent: number;
}

interface Counted extends TransferRate {
  readonly at: number;
}

/** The counters are read once a second: what is nearer says nothing. */
const SHORTEST_MS = 1_500;

export class Rates {
  readonly #counted = new Map<string, Counted>();
  readonly #rates = new Map<string, TransferRate>();

  /** @param now milliseconds */
  add(networks: readonly NetworkStatus[], now: number): void {
    const seen = new Set<string>();
    for (const { id, peer } of networks.flatMap(({ endpoints }) => endpoints)) {
      if (!peer) continue;
      seen.add(id);
      const next: Counted = { received: peer.receivedBytes, sent: peer.sentBytes, at: now };
      const last = this.#counted.get(id);
      if (last && now - last.at < SHORTEST_MS) continue;
      this.#counted.set(id, next);
      // A counter that went back began anew.
      if (!last || next.received < last.received || next.sent < last.sent) this.#rates.delete(id);
      else this.#rates.set(id, perSecond(last, next));
    }
    for (const id of this.#counted.keys()) {
      if (seen.has(id)) continue;
      this.#counted.delete(id);
      this.#rates.delete(id);
    }
  }

  /** Of an endpoint; undefined before the second answer. */
  of(id: string): TransferRate | undefined {
    return this.#rates.get(id);
  }
}

function perSecond(last: Counted, next: Counted): TransferRate {
  const seconds = (next.at - last.at) / 1000;
  return { received: (next.received - last.received) / seconds, sent: (next.sent - last.sent) / seconds };
}

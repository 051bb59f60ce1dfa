// Routers of networks that are not on record, such as one that a crash has left: taken away, and tried again where something of
// one stays. Not here: when it is known which there are to be (driver/lifecycle).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { shortId } from '../spec/protocol.js';
import type { KeptNamespaces } from './kept-namespaces.js';

interface UnknownRoutersParts {
  readonly kept: Pick<KeptNamespaces, 'names'>;
  readonly store: { ownerOf(networkId: string): number | undefined };
  /** Takes one away. Returns whether nothing of it is left. */
  readonly remove: (networkId: string) => boolean;
  readonly log: Log;
}

export class UnknownRouters {
  readonly #parts: UnknownRoutersParts;
  /** Of these it was logged. */
  readonly #leaving = new Set<string>();

  #areKnown = false;

  constructor(parts: UnknownRoutersParts) {
    this.#parts = parts;
  }

  /** Whether all others are on record. */
  get areKnown(): boolean {
    return this.#areKnown;
  }

  /** From now on, all others are on record. */
  start(): void {
    this.#areKnown = true;
    this.remove();
  }

  /** Takes them away, as soon as it is known which they are. */
  remove(): void {
    if (!this.#areKnown) return;
    const { kept, store, remove, log } = this.#parts;
    try {
      for (const name of kept.names()) {
        if (store.ownerOf(name) !== undefined) continue;
        if (!this.#leaving.has(name))
          log.info({ network: shortId(name) }, 'taking away the router of a network that is gone');
        this.#leaving.add(name);
        if (remove(name)) this.#leaving.delete(name);
      }
    } catch (err) {
      log.error(`cannot take away the routers of networks that are gone: ${messageOf(err)}`);
    }
  }
}

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
  /** Of these it was logged that they cannot be taken away. */
  readonly #staying = new Set<string>();

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
    const { kept, store, log } = this.#parts;
    try {
      for (const name of kept.names().filter(name => store.ownerOf(name) === undefined)) this.#remove(name);
    } catch (err) {
      log.error(`cannot tell which routers are of networks that are gone: ${messageOf(err)}`);
    }
  }

  /** One that cannot be taken away keeps no other. */
  #remove(name: string): void {
    const { remove, log } = this.#parts;
    const network = shortId(name);
    if (!this.#leaving.has(name)) log.info({ network }, 'taking away the router of a network that is gone');
    this.#leaving.add(name);
    try {
      if (!remove(name)) return;
      for (const logged of [this.#leaving, this.#staying]) logged.delete(name);
    } catch (err) {
      if (!this.#staying.has(name))
        log.error(
          { network },
          `cannot take away the router of a network that is gone, which is tried again every 5 s: ${messageOf(err)}`,
        );
      this.#staying.add(name);
    }
  }
}

// Looks at the interfaces of the host that containers are peers of, for what nobody tells of: `wg set` and `wg syncconf`
// make no event. Not here: what follows from a change (tunnel-monitor.ts), events (netlink/route/client.ts).

import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import type { Store } from '../store/store.js';

interface InterfaceLooksParts {
  readonly store: Store;
  readonly wg: Pick<WgCtrl, 'configurationDigest'>;
  readonly log: Log;
  /** An interface is not as it was at the last look, or is looked at for the first time. */
  readonly changed: (ifname: string) => void;
}

/** From one round of looks to the next, in milliseconds; while a container waits for its interface, less. */
const [REST_MS, SHORT_REST_MS] = [2_000, 500] as const;
/** A round rests this many times as long as it took, so that an interface with ten thousands of peers costs no more. */
const RESTS = 20;

export class InterfaceLooks {
  readonly #parts: InterfaceLooksParts;
  /** What each interface was like at the last look. */
  #last = new Map<string, string>();
  #isAwaited = false;
  #lastFailure: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: InterfaceLooksParts) {
    this.#parts = parts;
  }

  /** Looks now, and every two seconds until closed. */
  start(): void {
    const started = performance.now();
    this.look();
    const rest = this.#isAwaited ? SHORT_REST_MS : REST_MS;
    const longest = Math.max(rest, RESTS * (performance.now() - started));
    this.#timer = setTimeout(() => this.start(), longest).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** One round; what fails is logged, each thing once in succession. */
  look(): void {
    try {
      const names = this.#parts.store.interfacesInUse();
      this.#isAwaited = this.#parts.store.hasPending();
      const now = new Map(names.map(ifname => [ifname, this.#digest(ifname)]));
      const changed = names.filter(ifname => now.get(ifname) !== this.#last.get(ifname));
      this.#last = now;
      this.#lastFailure = undefined;
      for (const ifname of changed) this.#parts.changed(ifname);
    } catch (err) {
      const text = messageOf(err);
      if (text !== this.#lastFailure)
        this.#parts.log.error(`cannot look at the interfaces of networks: ${text}`);
      this.#lastFailure = text;
    }
  }

  #digest(ifname: string): string {
    try {
      return this.#parts.wg.configurationDigest(ifname);
    } catch (err) {
      // It is gone, or no WireGuard interface any more: a check tells what there is to tell.
      return messageOf(err);
    }
  }
}

// The host's bridges as its kernel has them: which links are any, who is heard on one, and when one gets a port. Not here: which of
// them are guarded (bridge-guard.ts).

import { openConnection } from '../../netlink/connection.js';
import { NETLINK_ROUTE } from '../../netlink/message.js';
import { type BridgeSender, bridgeSenders } from '../../netlink/route/bridge-fdb.js';
import { RtNetlink } from '../../netlink/route/client.js';
import { watchLinks } from '../../netlink/route/link-watch.js';
import type { ConnectedNetwork } from '../discovery/docker-answers.js';
import type { Host } from '../discovery/host.js';
import { bridgeNameOf } from './starting.js';

/** Who is on a bridge may have it hear any number of addresses: more are not read, nor for longer. */
const SENDERS = { messages: 4_096, ms: 20 };

export class HostBridges {
  readonly #host: Pick<Host, 'within'>;
  readonly #rt: RtNetlink;
  /** Ports by their indexes, each with the time at which it was told of, by the clock of performance.now(). */
  readonly #ports = new Map<number, number>();
  #unwatch: (() => void) | undefined;

  /** @throws OpError */
  constructor(host: Pick<Host, 'within'>) {
    this.#host = host;
    this.#rt = host.within(() => new RtNetlink(openConnection(NETLINK_ROUTE)));
  }

  close(): void {
    this.#unwatch?.();
    this.#rt.close();
  }

  /**
   * Tells at once of each port that a bridge gets, by the bridge's name.
   * @param missed called with the reason where the kernel does not tell that name, and with what `added` throws
   * @throws OpError, ChannelError
   */
  watch(added: (bridge: string) => void, missed: (err: unknown) => void): void {
    for (const { index, master } of this.#rt.links())
      if (master !== undefined) this.#ports.set(index, Number.NEGATIVE_INFINITY);
    const watch = this.#host.within(() =>
      watchLinks(({ index, master }, isThere) => {
        if (!isThere || master === undefined) return void this.#ports.delete(index);
        if (this.#ports.has(index)) return;
        const bridge = this.#rt.link(master)?.name;
        // Not before: at the port's next event it is asked again.
        this.#ports.set(index, performance.now());
        if (bridge !== undefined) added(bridge);
      }, missed),
    );
    this.#unwatch = () => watch.close();
  }

  /**
   * The bridge of a network; undefined where what is sent there does not pass the host as from one. Docker takes any link's name.
   * @throws OpError, ChannelError
   */
  of(network: ConnectedNetwork): string | undefined {
    const name = bridgeNameOf(network);
    return name !== undefined && this.#rt.link(name)?.kind === 'bridge' ? name : undefined;
  }

  /**
   * The link-layer addresses of those who were heard on a bridge behind ports that it has had for some time, in milliseconds.
   * @throws OpError, ChannelError
   */
  heardOn(bridge: string, since: number): string[] {
    const index = this.#rt.link(bridge)?.index;
    if (index === undefined) return [];
    const before = performance.now() - since;
    return this.#senders(index).flatMap(({ mac, port }) =>
      (this.#ports.get(port) ?? Number.POSITIVE_INFINITY) <= before ? mac : [],
    );
  }

  #senders(index: number): BridgeSender[] {
    const connection = this.#host.within(() => openConnection(NETLINK_ROUTE, { limits: SENDERS }));
    try {
      return bridgeSenders(connection, index);
    } finally {
      connection.close();
    }
  }
}

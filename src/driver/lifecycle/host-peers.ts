// Containers that are missing from the host's interface, made its peers again. Not here: when that is looked at
// (tunnel-monitor.ts), the interface itself (driver/tunnel/host-interface.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import type { SecretKey } from '../../netlink/wireguard/key.js';
import type { Endpoint } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { HostInterface } from '../tunnel/host-interface.js';
import { isMissing, planContainerPeer } from '../tunnel/peers.js';

interface HostPeersParts {
  readonly store: Store;
  readonly host: HostInterface;
  /** What Docker's calls about an endpoint wait in, too. */
  readonly queue: KeyedQueue;
  readonly log: Log;
}

export class HostPeers {
  readonly #parts: HostPeersParts;

  constructor(parts: HostPeersParts) {
    this.#parts = parts;
  }

  /**
   * Makes containers of an owner peers again that are none any more.
   * @param device the interface as observed
   * @returns the ids of those that are peers since now; the other failures are logged
   */
  async restore(
    device: WgDevice,
    endpoints: readonly Endpoint[],
    presharedKey: SecretKey | undefined,
    owner: number,
  ): Promise<readonly string[]> {
    const { store, host, queue, log } = this.#parts;
    const wanted = endpoints.flatMap(endpoint =>
      endpoint.publicKey
        ? [{ endpoint, peer: planContainerPeer(endpoint, endpoint.publicKey, presharedKey) }]
        : [],
    );
    const restored: string[] = [];
    for (const { endpoint, peer } of wanted.filter(({ peer }) => isMissing(device, peer))) {
      // Not during Leave, nor after it.
      await queue.run(endpoint.id, async () => {
        if (store.endpoint(endpoint.id)?.state !== 'joined') return;
        try {
          await host.addPeer(device.name, { endpoint, owner, peer }, () => undefined);
          restored.push(endpoint.id);
        } catch (err) {
          log.warn({ endpoint: shortId(endpoint.id) }, messageOf(err));
        }
      });
      // Each reads the whole interface again, so with hundreds of peers, calls of Docker must get their turn in between.
      await nextTurn();
    }
    if (restored.length > 0)
      log.info({ link: device.name, peers: restored.length }, 'restored the peers of an interface');
    return restored;
  }
}

// Teardown of endpoints: the peer leaves the host's interface first; links are deleted in the background, and their
// records after them. Not here: who wants them gone (driver.ts, recovery.ts), how a link goes
// (driver/tunnel/link-reaper.ts).

import { messageOf } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { Link } from '../../netlink/route/link.js';
import { type Key, publicKey } from '../../netlink/wireguard/key.js';
import { type Endpoint, mayHavePeer, type Network } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { HostInterface } from '../tunnel/host-interface.js';
import { isLinkOf } from '../tunnel/join-plan.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import type { LinkNamespaces } from '../tunnel/namespaces.js';
import { readPrivateKey } from '../tunnel/secrets.js';
import type { FullTunnels } from './full-tunnels.js';

interface TeardownParts {
  readonly store: Store;
  readonly host: HostInterface;
  readonly reaper: LinkReaper;
  readonly namespaces: LinkNamespaces;
  readonly fullTunnels: FullTunnels;
  readonly queue: KeyedQueue;
  readonly log: Log;
}

export class Teardown {
  readonly #parts: TeardownParts;

  constructor(parts: TeardownParts) {
    this.#parts = parts;
  }

  /** Takes away what an endpoint left, whoever found out that it is gone. Until its link is, the record says so. */
  discard(id: string): Promise<void> {
    return this.#parts.queue.run(id, async () => {
      const { store, fullTunnels, log } = this.#parts;
      const endpoint = store.endpoint(id);
      if (!endpoint) return;
      const network = store.network(endpoint.networkId);
      // While the daemon was down, Docker may have disconnected it from a container that still runs.
      const routed = fullTunnels.networkOf(endpoint.networkId);
      if (routed && mayHavePeer(endpoint)) fullTunnels.release(routed, endpoint);
      try {
        if (network) await this.dropPeer(network, endpoint);
      } catch (err) {
        // Remove what can be removed; the tunnel monitor restores no peer of an endpoint that is not joined.
        log.error({ endpoint: shortId(id) }, messageOf(err));
      }
      if (endpoint.state === 'created') {
        store.deleteEndpoint(id);
      } else {
        store.putEndpoint({ ...endpoint, state: 'deleting' });
        this.reapLink(endpoint, network?.owner ?? 0);
      }
      log.info({ endpoint: shortId(id) }, 'endpoint deleted');
    });
  }

  /** Has the link of an endpoint deleted in the background, and its record after it. */
  reapLink(endpoint: Endpoint, owner: number): void {
    this.#reap(endpoint.ifname, owner, () => this.#parts.store.deleteEndpoint(endpoint.id));
  }

  /** Has a link of the host's namespace deleted that no record names. */
  reapStray(name: string): void {
    this.#reap(name, 0, () => undefined);
  }

  #reap(name: string, owner: number, done: () => void): void {
    const { reaper, namespaces } = this.#parts;
    const link = { name, isOurs: (link: Link): boolean => isLinkOf(owner, link) };
    reaper.reap(link, () => namespaces.openRouteSocket(owner), done);
  }

  /** Takes the container's peer off the host's interface, where it may have one. */
  async dropPeer(network: Network, endpoint: Endpoint): Promise<void> {
    if (network.mode.kind !== 'ifname' || !mayHavePeer(endpoint) || endpoint.pending) return;
    const key = endpoint.publicKey ?? (await this.#derivePublicKey(network, endpoint));
    if (key) await this.#parts.host.removePeer(network.mode.ifname, key, endpoint);
  }

  /** Undefined when the seed's file is gone: an endpoint must go all the same. */
  async #derivePublicKey(network: Network, endpoint: Endpoint): Promise<Key | undefined> {
    try {
      return publicKey(await readPrivateKey(network, endpoint));
    } catch (err) {
      this.#parts.log.warn({ endpoint: shortId(endpoint.id) }, `cannot find its peer: ${messageOf(err)}`);
      return undefined;
    }
  }
}

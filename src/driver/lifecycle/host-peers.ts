// Containers that are missing from the host's interface, made its peers: again, or at last, where it was not ready when they
// joined. Not here: when that is looked at (tunnel-monitor.ts), the interface itself (driver/tunnel/host-interface.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { messageOf } from '../../base/errors.js';
import { formatAddress, formatPrefix } from '../../base/ip.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import type { SecretKey } from '../../netlink/wireguard/key.js';
import type { Endpoint, Network } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { Claim, HostInterface } from '../tunnel/host-interface.js';
import { isMissing, planContainerPeer } from '../tunnel/peers.js';
import { isConfigured } from '../tunnel/remote-peer.js';
import type { LoopShare } from '../users/loop-share.js';

export interface HostPeersParts {
  readonly store: Store;
  readonly host: HostInterface;
  /** What Docker's calls about an endpoint wait in, too. */
  readonly queue: KeyedQueue;
  readonly log: Log;
  /** A clock in milliseconds; absent: the machine's. */
  readonly now?: () => number;
}

/** For so long nobody may have changed an interface before a user's container that waited for it becomes its peer. */
const SETTLED_MS = 3_000;
/** A user's container that was refused is not tried again for so long: each time the whole interface is read. */
const REFUSED_MS = 30_000;

export class HostPeers {
  readonly #parts: HostPeersParts;
  readonly #share: LoopShare;
  /** Why an endpoint could not be made a peer, as it was logged last. */
  readonly #told = new Map<string, string>();
  /** Until when users' endpoints are not tried again. */
  readonly #refused = new Map<string, number>();
  /** What interfaces were like that users' containers wait for, and since when. */
  readonly #seen = new Map<string, { readonly what: string; readonly since: number }>();

  /** @param share what the work for users other than root takes turns in */
  constructor(parts: HostPeersParts, share: LoopShare) {
    this.#parts = parts;
    this.#share = share;
  }

  /** Forgets endpoints that are gone. */
  forget(isGone: (endpointId: string) => boolean): void {
    for (const known of [this.#told, this.#refused])
      for (const id of known.keys()) if (isGone(id)) known.delete(id);
  }

  /**
   * Makes containers of a network peers that are none.
   * @param device the interface as observed
   * @returns the ids of those that are peers since now; the other failures are logged
   */
  async restore(
    network: Network,
    device: WgDevice,
    endpoints: readonly Endpoint[],
    presharedKey: SecretKey | undefined,
  ): Promise<readonly string[]> {
    const { log } = this.#parts;
    // wg-quick(8) makes an interface first and configures it then: what that puts there is a peer that was there before.
    const isReady =
      isConfigured(device, network.mode.endpoint !== undefined) &&
      (network.owner === 0 || !endpoints.some(({ pending }) => pending) || this.#isSettled(device));
    const wanted = endpoints.flatMap(endpoint =>
      endpoint.publicKey
        ? [{ endpoint, peer: planContainerPeer(endpoint, endpoint.publicKey, presharedKey) }]
        : [],
    );
    const restored: string[] = [];
    for (const { endpoint, peer } of wanted) {
      if (endpoint.pending ? !isReady : !isMissing(device, peer)) continue;
      if (this.#now() < (this.#refused.get(endpoint.id) ?? 0)) continue;
      // Each reads the whole interface again, so with hundreds of peers, calls of Docker must get their turn in between.
      const { owner } = network;
      const add = (): Promise<boolean> => this.#add(device.name, { endpoint, owner, peer });
      if (await this.#share.run(owner, add)) restored.push(endpoint.id);
      await nextTurn();
    }
    if (restored.length > 0)
      log.info({ link: device.name, peers: restored.length }, 'restored the peers of an interface');
    return restored;
  }

  /** Whoever configures an interface gives its peers their networks one by one: a user's container is not to have a part of one before. */
  #isSettled(device: WgDevice): boolean {
    const peers = device.peers.map(
      ({ publicKey, allowedIPs }) => `${publicKey} ${allowedIPs.map(formatPrefix).join()}`,
    );
    const what = `${device.index} ${device.publicKey} ${device.listenPort}\n${peers.join('\n')}`;
    const now = this.#now();
    const seen = this.#seen.get(device.name);
    if (seen?.what === what) return now - seen.since >= SETTLED_MS;
    this.#seen.set(device.name, { what, since: now });
    return false;
  }

  #now(): number {
    return this.#parts.now?.() ?? performance.now();
  }

  /** Not during Leave, nor after it. */
  #add(ifname: string, claim: Claim & { readonly endpoint: Endpoint }): Promise<boolean> {
    const { store, host, queue, log } = this.#parts;
    const { id } = claim.endpoint;
    return queue.run(id, async () => {
      const endpoint = store.endpoint(id);
      // Meanwhile it may have gone, and come again as another one.
      if (endpoint?.state !== 'joined' || !isSame(endpoint, claim.endpoint)) return false;
      try {
        await host.addPeer(ifname, claim, prior => {
          // What a peer was before is known from Join, but for one who waited for the interface.
          if (!endpoint.pending) return;
          const { pending: _, ...completed } = endpoint;
          store.putEndpoint({ ...completed, ...(prior && { priorPeer: prior }) });
        });
        this.#told.delete(id);
        return true;
      } catch (err) {
        const text = messageOf(err);
        if (this.#told.get(id) !== text) log.warn({ endpoint: shortId(id) }, text);
        this.#told.set(id, text);
        if (claim.owner !== 0) this.#refused.set(id, this.#now() + REFUSED_MS);
        return false;
      }
    });
  }
}

/** Whether a record is of the same container's end. */
function isSame(one: Endpoint, other: Endpoint): boolean {
  const texts = (endpoint: Endpoint): readonly unknown[] => [
    endpoint.networkId,
    endpoint.publicKey?.toString(),
    endpoint.ipv4 && formatAddress(endpoint.ipv4),
    endpoint.ipv6 && formatAddress(endpoint.ipv6),
  ];
  return texts(one).every((text, n) => text === texts(other)[n]);
}

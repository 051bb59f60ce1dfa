// What a crash cut short, and what happened while nobody listened: compares store, kernel and Docker, and
// finishes or undoes. Not here: live tunnels (upkeep.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import { publicKey } from '../netlink/key.js';
import type { RtNetlink } from '../netlink/rtnetlink.js';
import { isId, shortId } from './api.js';
import type { DockerClient, DockerNetwork } from './docker.js';
import type { Driver } from './driver.js';
import { parseOptions } from './options.js';
import { LINK_GROUP, planPools } from './plan.js';
import { openRouteSocket, type Reaper } from './reaper.js';
import { readPrivateKey } from './secrets.js';
import type { Store } from './store.js';

export interface RecoveryParts {
  readonly store: Store;
  readonly rt: RtNetlink;
  readonly reaper: Reaper;
  readonly driver: Driver;
  readonly log: Log;
}

/** What Docker does not list in two looks this far apart is gone; a single look may fall into a start. */
const SECOND_LOOK_MS = 3_000;

/** Whatever the store holds for one Docker and that Docker does not. */
interface Missing {
  readonly networks: ReadonlySet<string>;
  readonly endpoints: ReadonlySet<string>;
}

export class Recovery {
  readonly #parts: RecoveryParts;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** At start, before Docker is asked: finishes deletions, and takes away links of ours that no record names. */
  async sweep(): Promise<void> {
    const { store, rt, reaper, driver, log } = this.#parts;
    // Links first: a Join that comes in meanwhile writes its record before it makes its link.
    const links = await rt.links();
    const endpoints = store.endpoints();
    const owners = new Map(store.networks().map(network => [network.id, network.owner]));
    for (const endpoint of endpoints) {
      if (endpoint.state === 'deleting')
        driver.removal.reapLink(endpoint, owners.get(endpoint.networkId) ?? 0);
    }
    const named = new Set(endpoints.map(({ ifname }) => ifname));
    for (const link of links) {
      if (link.kind !== 'wireguard' || link.group !== LINK_GROUP || named.has(link.name)) continue;
      log.info({ link: link.name }, 'taking away a link that no container has');
      reaper.reap(link.name, openRouteSocket, () => undefined);
    }
    await this.#completeKeys();
  }

  /** Endpoints of the original's database have no public key on record. */
  async #completeKeys(): Promise<void> {
    const { store, log } = this.#parts;
    for (const endpoint of store.endpoints()) {
      if (endpoint.state !== 'joined' || endpoint.publicKey) continue;
      const network = store.network(endpoint.networkId);
      if (!network) continue;
      try {
        const key = publicKey(await readPrivateKey(network, endpoint));
        store.putEndpoint({ ...endpoint, publicKey: key });
      } catch (err) {
        log.warn({ endpoint: shortId(endpoint.id) }, messageOf(err));
      }
    }
  }

  /** Brings the store to what a Docker says: its networks learnt, and what it does not know any more taken away. */
  async compare(docker: DockerClient, owner: number): Promise<void> {
    const { driver, log } = this.#parts;
    const attempt = (discard: () => Promise<void>): Promise<void> =>
      discard().catch(err => log.error(`cannot take away what is left of it: ${messageOf(err)}`));
    try {
      const first = await docker.networks();
      this.#learn(first, owner);
      const suspects = this.#missing(first, owner);
      if (suspects.networks.size === 0 && suspects.endpoints.size === 0) return;
      await sleep(SECOND_LOOK_MS, undefined, { ref: false });
      const still = this.#missing(await docker.networks(), owner);
      for (const id of suspects.endpoints) {
        if (!still.endpoints.has(id)) continue;
        log.info({ endpoint: shortId(id) }, 'Docker does not know this endpoint any more');
        await attempt(() => driver.removal.discard(id));
      }
      for (const id of suspects.networks) {
        if (!still.networks.has(id)) continue;
        log.info({ network: shortId(id) }, 'Docker does not know this network any more');
        await attempt(() => driver.deleteNetwork(id, owner));
      }
    } catch (err) {
      // Docker went down meanwhile: it is compared when it is up again.
      log.warn(`cannot compare with Docker: ${messageOf(err)}`);
    }
  }

  /** Networks that the store does not have, and pools that the original's database did not keep. */
  #learn(networks: readonly DockerNetwork[], owner: number): void {
    const { store, log } = this.#parts;
    for (const { id, options, ipv4, ipv6 } of networks) {
      if (!isId(id)) continue;
      const known = store.network(id);
      if (known && (known.owner !== owner || known.ipv4 || known.ipv6)) continue;
      try {
        const parsed = known ?? parseOptions(options);
        store.putNetwork({ ...parsed, id, ...planPools(parsed, ipv4, ipv6), owner });
        log.info({ network: shortId(id) }, 'learnt a network from Docker');
      } catch (err) {
        log.warn({ network: shortId(id) }, `cannot take over a network of Docker: ${messageOf(err)}`);
      }
    }
  }

  #missing(networks: readonly DockerNetwork[], owner: number): Missing {
    const { store } = this.#parts;
    const known = new Map(networks.map(network => [network.id, network]));
    const ours = store.networks().filter(network => network.owner === owner);
    const gone = ours.filter(({ id }) => !known.has(id)).map(({ id }) => id);
    const left = ours.flatMap(({ id }) =>
      store
        .networkEndpoints(id)
        .filter(
          ({ id: endpoint, state }) =>
            state !== 'deleting' && known.get(id)?.endpointIds.has(endpoint) === false,
        ),
    );
    return { networks: new Set(gone), endpoints: new Set(left.map(({ id }) => id)) };
  }
}

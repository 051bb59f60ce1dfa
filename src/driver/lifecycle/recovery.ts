// What a crash cut short, and what happened while nobody listened: compares store, kernel and Docker, and
// finishes or undoes. Not here: live tunnels (tunnel-monitor.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { Coalescer } from '../../base/coalescer.js';
import { errorCode, messageOf } from '../../base/errors.js';
import { type Log, onBehalfOf } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import { publicKey } from '../../netlink/wireguard/key.js';
import { isExit } from '../spec/exit-options.js';
import { parseOptions } from '../spec/options.js';
import { isId, shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { isLinkOf, planPools } from '../tunnel/join-plan.js';
import { readPrivateKey } from '../tunnel/secrets.js';
import { closedInterface, refuseClosedInterface } from '../users/interface-access.js';
import { checkNetworkQuota } from '../users/quotas.js';
import type { DockerClient, DockerNetwork } from './docker-networks.js';
import type { Verbs } from './driver.js';
import type { Exits } from './exits.js';
import type { LostEndpoints } from './lost-endpoints.js';
import type { Teardown } from './teardown.js';

interface RecoveryParts {
  readonly store: Store;
  readonly rt: RtNetlink;
  readonly driver: Verbs;
  readonly teardown: Teardown;
  readonly log: Log;
  /** What learns again the endpoints that the store does not have. */
  readonly lost?: Pick<LostEndpoints, 'learn'>;
  /** What takes over exit networks that the store does not have. */
  readonly exits?: Pick<Exits, 'adopt' | 'learn' | 'compared'>;
  /** As the driver has it. */
  readonly rootlessIfnames: ReadonlySet<string>;
}

/** What Docker does not list twice, this far apart, is gone; a single listing may coincide with a container's start. */
const SECOND_PASS_MS = 3_000;

/** How long Docker may take to forget what a call that was cut short was about, in milliseconds. */
const CALM_MS = 2_000;

/** Asks for comparisons with one Docker. */
interface Comparer {
  now(): void;
  /** When a call was cut short: as soon as Docker has drawn its conclusions. */
  soon(): void;
}

/** What the store has for one Docker, and that Docker does not list. */
interface Missing {
  readonly networks: ReadonlySet<string>;
  readonly endpoints: ReadonlySet<string>;
}

export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #wait: (ms: number) => Promise<unknown>;

  /** @param wait for some milliseconds */
  constructor(
    parts: RecoveryParts,
    wait: (ms: number) => Promise<unknown> = ms => sleep(ms, undefined, { ref: false }),
  ) {
    this.#parts = parts;
    this.#wait = wait;
  }

  /** At start, before Docker is asked: finishes deletions, and takes away links of ours that no record names. */
  async sweep(): Promise<void> {
    const { store, rt, teardown, log } = this.#parts;
    // Links first: a Join that comes in meanwhile writes its record before it makes its link.
    const links = await rt.links();
    const endpoints = store.endpoints('all');
    faultPoint('sweep');
    const owners = new Map(store.networks().map(network => [network.id, network.owner]));
    for (const endpoint of endpoints) {
      if (endpoint.state === 'deleting') teardown.reapLink(endpoint, owners.get(endpoint.networkId) ?? 0);
    }
    // Only root's: links of users are in the users' namespaces, so a link of that name in this one is not theirs.
    const named = store.linkNames(0);
    for (const link of links) {
      if (!isLinkOf(0, link) || named.has(link.name)) continue;
      log.info({ link: link.name }, 'deleting a leftover link that belongs to no endpoint');
      teardown.reapStray(link.name);
    }
    await this.#completeKeys();
    faultPoint('swept');
    this.#warnOfClosedInterfaces();
  }

  /** Networks that were made before an administrator had to open the interface: they go on. */
  #warnOfClosedInterfaces(): void {
    const { store, log, rootlessIfnames } = this.#parts;
    for (const network of store.networks()) {
      const closed = closedInterface(network, rootlessIfnames);
      if (closed === undefined) continue;
      log.warn(
        { network: shortId(network.id), user: network.owner },
        `a user's network joins ${closed}, which is not open to rootless Dockers: it keeps working, but another like it is refused: add --rootless-ifname=${closed} to the command line of dwgd, or have it removed`,
      );
    }
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

  /** What has a Docker compared, one comparison at a time, however often it is asked. */
  comparer(docker: DockerClient, owner: number): Comparer {
    const comparing = new Coalescer(() => this.compare(docker, owner));
    const calming = new Coalescer(async () => {
      await this.#wait(CALM_MS);
      comparing.trigger();
    });
    return { now: () => comparing.trigger(), soon: () => calming.trigger() };
  }

  /** Brings the store to what a Docker says: its networks adopted, and what it does not know any more taken away. */
  compare(docker: DockerClient, owner: number): Promise<void> {
    return onBehalfOf(owner, () => this.#compare(docker, owner));
  }

  async #compare(docker: DockerClient, owner: number): Promise<void> {
    try {
      const first = await docker.networks();
      this.#adopt(first, owner);
      await this.#parts.lost?.learn(docker, first, owner);
      faultPoint('compared');
      await this.#takeAway(docker, this.#missing(first, owner), owner);
      if (owner === 0) this.#parts.exits?.compared();
    } catch (err) {
      // Docker went down meanwhile; the comparison is repeated when it is back.
      this.#parts.log.warn(`cannot compare with Docker: ${messageOf(err)}`);
    }
  }

  /** What Docker has not listed, and does not list a second time. */
  async #takeAway(docker: DockerClient, suspects: Missing, owner: number): Promise<void> {
    const { driver, teardown, log } = this.#parts;
    const attempt = (discard: () => Promise<void>): Promise<void> =>
      discard().catch(err => log.error(`cannot remove what is left of it: ${messageOf(err)}`));
    if (suspects.networks.size === 0 && suspects.endpoints.size === 0) return;
    await this.#wait(SECOND_PASS_MS);
    faultPoint('missing');
    const still = this.#missing(await docker.networks(), owner);
    for (const id of suspects.endpoints) {
      if (!still.endpoints.has(id)) continue;
      log.info({ endpoint: shortId(id) }, 'Docker does not know this endpoint any more');
      await attempt(() => teardown.discard(id));
    }
    for (const id of suspects.networks) {
      if (!still.networks.has(id)) continue;
      log.info({ network: shortId(id) }, 'Docker does not know this network any more');
      await attempt(() => driver.deleteNetwork(id, owner));
    }
  }

  /** Networks that the store does not have, and pools that the original's database did not keep. */
  #adopt(networks: readonly DockerNetwork[], owner: number): void {
    const { store, log, rootlessIfnames } = this.#parts;
    for (const { id, options, ipv4, ipv6, endpoints } of networks) {
      if (!isId(id)) continue;
      const known = store.network(id);
      if ((store.ownerOf(id) ?? owner) !== owner || known?.ipv4 || known?.ipv6) continue;
      try {
        if (isExit(options)) {
          if (!store.exit(id)) {
            this.#parts.exits?.adopt(id, options, ipv4, ipv6, owner);
            log.info({ network: shortId(id) }, 'adopted a network from Docker');
          }
          this.#parts.exits?.learn(id, endpoints);
          continue;
        }
        const parsed = known ?? parseOptions(options);
        const network = { ...parsed, id, ...planPools(parsed, ipv4, ipv6), owner };
        // The answer of a user's Docker is untrusted.
        refuseClosedInterface(network, known, rootlessIfnames);
        checkNetworkQuota(store, network);
        store.putNetwork(network);
        log.info({ network: shortId(id) }, 'adopted a network from Docker');
      } catch (err) {
        log.warn({ network: shortId(id) }, `cannot take over a network of Docker: ${messageOf(err)}`);
        // The list may be very long, and the next network would fail for the same reason.
        if (errorCode(err) === 'EDQUOT') return;
      }
    }
  }

  #missing(networks: readonly DockerNetwork[], owner: number): Missing {
    const { store } = this.#parts;
    const known = new Map(networks.map(network => [network.id, network]));
    const ours = [...store.networksOf(owner), ...store.exits().filter(exit => exit.owner === owner)];
    const gone = ours.filter(({ id }) => !known.has(id)).map(({ id }) => id);
    const left = ours.flatMap(({ id }) =>
      store
        .networkEndpoints(id)
        .filter(
          ({ id: endpoint, state }) =>
            state !== 'deleting' && known.get(id)?.endpoints.has(endpoint) === false,
        ),
    );
    return { networks: new Set(gone), endpoints: new Set(left.map(({ id }) => id)) };
  }
}

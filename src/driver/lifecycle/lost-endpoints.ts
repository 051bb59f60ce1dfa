// Endpoints of containers that run, and that the database does not have: it was lost, or was in memory. Docker says which there
// are, and the container's own link proves it. Not here: networks (recovery.ts), peers that are missing (tunnel-monitor.ts).

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { errorCode, messageOf, UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import { publicKey } from '../../netlink/wireguard/key.js';
import type { Endpoint, Network } from '../spec/model.js';
import { isId, shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerTunnels } from '../tunnel/container-tunnels.js';
import type { HostInterface } from '../tunnel/host-interface.js';
import { linkName, planAddresses } from '../tunnel/join-plan.js';
import { planContainerPeer } from '../tunnel/peers.js';
import { readPresharedKey, readPrivateKey } from '../tunnel/secrets.js';
import { LoopShare, REST_OF_CALLS } from '../users/loop-share.js';
import { checkEndpointQuota, MAX_ENDPOINTS } from '../users/quotas.js';
import type { AttachedContainer, DockerClient, DockerNetwork } from './docker-networks.js';

interface LostEndpointsParts {
  readonly store: Store;
  readonly host: HostInterface;
  /** The way into containers. */
  readonly tunnels: Pick<ContainerTunnels, 'read'>;
  /** What Docker's calls about an endpoint wait in, too. */
  readonly queue: KeyedQueue;
  readonly log: Log;
  /** What the work for users other than root takes turns in; absent: one of its own. */
  readonly share?: LoopShare;
}

/** How long those of users wait for root's Docker, in milliseconds. */
const ROOTS_FIRST_MS = 30_000;

/** What Docker says of an endpoint. */
interface Listed extends AttachedContainer {
  readonly endpointId: string;
  readonly network: Network;
}

export class LostEndpoints {
  readonly #parts: LostEndpointsParts;
  readonly #share: LoopShare;
  readonly #wait: (ms: number) => Promise<unknown>;
  #rootsAreKnown: () => void = () => undefined;
  /** Ends when root's have been learnt: until then a peer of the host's interface may be one of theirs. */
  readonly #roots = new Promise<true>(resolve => {
    this.#rootsAreKnown = () => resolve(true);
  });

  /** @param wait for some milliseconds */
  constructor(
    parts: LostEndpointsParts,
    wait: (ms: number) => Promise<unknown> = ms => sleep(ms, undefined, { ref: false }),
  ) {
    this.#parts = parts;
    this.#share = parts.share ?? new LoopShare(REST_OF_CALLS);
    this.#wait = wait;
  }

  /** Puts into the store what it lacks of a Docker's endpoints. What cannot be learnt is logged. */
  async learn(
    docker: Pick<DockerClient, 'sandboxKey'>,
    networks: readonly DockerNetwork[],
    owner: number,
  ): Promise<void> {
    const { log } = this.#parts;
    const lost = await this.#lost(networks, owner);
    // Whoever knows root's seed has a link with the key of a container of root's.
    const areRootsKnown = owner === 0 || (lost.length > 0 && (await this.#rootsFirst()));
    let areAllLearnt = true;
    for (const listed of lost) {
      try {
        if (await this.#learn(docker, listed, areRootsKnown))
          log.info({ endpoint: shortId(listed.endpointId) }, 'learnt an endpoint again from its container');
      } catch (err) {
        areAllLearnt = false;
        log.warn(
          { endpoint: shortId(listed.endpointId) },
          `a container runs that the database does not have, and cannot be taken over: ${messageOf(err)}`,
        );
        if (errorCode(err) === 'EDQUOT') return;
      }
      await nextTurn();
    }
    if (owner === 0 && areAllLearnt) this.#rootsAreKnown();
  }

  /** Whether root's are known, in time. */
  #rootsFirst(): Promise<boolean> {
    return Promise.race([this.#roots, this.#wait(ROOTS_FIRST_MS).then(() => false)]);
  }

  /** Those that the store lacks. */
  async #lost(networks: readonly DockerNetwork[], owner: number): Promise<readonly Listed[]> {
    const { store } = this.#parts;
    const lost: Listed[] = [];
    let listed = 0;
    for (const { id, endpoints } of networks) {
      const network = store.network(id);
      if (network?.owner !== owner) continue;
      for (const [endpointId, container] of endpoints) {
        // A user's Docker may list what it likes.
        if (++listed > MAX_ENDPOINTS && owner !== 0) return lost;
        if (isId(endpointId) && !store.endpoint(endpointId)) lost.push({ ...container, endpointId, network });
      }
      await nextTurn();
    }
    return lost;
  }

  /** @returns whether it was */
  async #learn(
    docker: Pick<DockerClient, 'sandboxKey'>,
    listed: Listed,
    areRootsKnown: boolean,
  ): Promise<boolean> {
    const { endpointId, id, network } = listed;
    // While it is being attached, a Join is under way, and that one records it.
    if (id.startsWith('ep-')) return false;
    const sandboxKey = await docker.sandboxKey(id);
    if (sandboxKey === undefined) return false;
    const work = (): Promise<boolean> => this.#record(listed, sandboxKey, areRootsKnown);
    return this.#parts.queue.run(endpointId, () => this.#share.run(network.owner, work));
  }

  async #record(
    { endpointId: id, network, ipv4, ipv6 }: Listed,
    sandboxKey: string,
    areRootsKnown: boolean,
  ): Promise<boolean> {
    const { store, host, tunnels } = this.#parts;
    const { id: networkId, owner, mode } = network;
    const isWanted = (): boolean => !store.endpoint(id) && store.network(networkId) !== undefined;
    if (!isWanted()) return false;
    checkEndpointQuota(store, owner);
    const addresses = planAddresses(network, {
      ...{ NetworkID: networkId, EndpointID: id, publishesPorts: false },
      ...(ipv4 !== undefined && { Address: ipv4 }),
      ...(ipv6 !== undefined && { AddressIPv6: ipv6 }),
    });
    const ifname = linkName(id, owner);
    const rival = store.endpointOfLink(ifname, id) ?? store.endpointsAt(networkId, addresses)[0];
    if (rival) throw new UserError(`the endpoint ${shortId(rival.id)} has its name or address`);
    const key = publicKey(await readPrivateKey(network, addresses));
    const presharedKey = await readPresharedKey(network);
    const endpoint: Endpoint = {
      ...{ id, networkId, ...addresses, ifname, sandboxKey },
      ...{ state: 'joined', publicKey: key },
    };
    if (!tunnels.read(network, endpoint))
      throw new UserError('its link is not in it, or has another key: restart the container');
    const peer = planContainerPeer(endpoint, key, presharedKey);
    const found =
      mode.kind === 'ifname' ? await host.findPeer(mode.ifname, { endpoint, owner, peer }) : { isPeer: true };
    if (!isWanted()) return false;
    if (mode.kind === 'ifname' && found.isPeer && !areRootsKnown)
      throw new UserError("its peer may be that of a container of root's, whose Docker has not answered yet");
    // What is none now may become one only as after a Join: a peer of that key would then be somebody else's.
    store.putEndpoint({
      ...endpoint,
      ...(found.prior && { priorPeer: found.prior }),
      ...(!found.isPeer && owner !== 0 && { pending: true }),
    });
    return true;
  }
}

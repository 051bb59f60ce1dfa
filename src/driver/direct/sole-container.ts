// That a tunnel is one container's at a time: another is refused with the name of the first, and what a crash or a reboot has left
// of one gives way. Not here: what a container gets (direct-exits.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { withDeadline } from '../../base/deadline.js';
import { isNotFound, UserError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { excerpt } from '../../base/text.js';
import type { AttachedContainer } from '../lifecycle/docker-networks.js';
import type { Teardown } from '../lifecycle/teardown.js';
import type { Endpoint, ExitNetwork } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import type { LinkNamespaces } from '../tunnel/namespaces.js';

interface SoleContainerParts {
  readonly store: Pick<Store, 'networkEndpoints' | 'endpoint'>;
  readonly links: Pick<ContainerLinks, 'isInPlace'>;
  readonly namespaces: Pick<LinkNamespaces, 'openContainer'>;
  readonly teardown: Pick<Teardown, 'discard'>;
  readonly reaper: Pick<LinkReaper, 'idle'>;
  /** Containers on a network, by endpoints. @throws Error when Docker does not answer */
  readonly attached: (networkId: string) => Promise<ReadonlyMap<string, AttachedContainer>>;
  /** What the container of an endpoint is called, where that is known. */
  readonly nameOf: (endpointId: string) => string | undefined;
  readonly log: Log;
  /** In milliseconds of a clock that is not set. */
  readonly now?: () => number;
}

/** Docker has a container join, and moves its link, within this time after it began, in milliseconds. */
const STARTING_MS = 30_000;
/** How long Docker may take for a name, and how often it is asked, since of one that begins it tells a little later. */
const [PATIENCE_MS, TRIES, REST_MS] = [500, 3, 150] as const;

export class SoleContainer {
  readonly #parts: SoleContainerParts;
  readonly #now: () => number;
  /** When endpoints were last asked for. */
  readonly #began = new Map<string, number>();
  readonly #started: number;
  /** Whether all that Docker has is on record. */
  #isCompared = false;

  constructor(parts: SoleContainerParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#started = this.#now();
  }

  /** Docker has been compared with. */
  compared(): void {
    this.#isCompared = true;
  }

  /** A call of Docker's has begun about an endpoint. */
  begins(endpointId: string): void {
    const { store } = this.#parts;
    for (const id of this.#began.keys()) if (!store.endpoint(id)) this.#began.delete(id);
    this.#began.set(endpointId, this.#now());
  }

  /**
   * Takes away what is left of others. One call at a time for a network.
   * @throws UserError that names another container which has the tunnel
   */
  async makeWay(network: ExitNetwork, endpointId: string): Promise<void> {
    const { store, teardown, reaper, log } = this.#parts;
    for (const other of store.networkEndpoints(network.id)) {
      if (other.id === endpointId || other.state === 'deleting') continue;
      if (!(await this.#isVoid(other))) throw await this.#refusal(network, other.id);
      log.info({ endpoint: shortId(other.id) }, `superseded by endpoint ${shortId(endpointId)}`);
      await teardown.discard(other.id);
    }
    if (!this.#isCompared) await this.#refuseUnknown(network, endpointId);
    // As long as there are two links of one key, and perhaps one port, neither would work.
    if (store.networkEndpoints(network.id).some(({ state }) => state === 'deleting')) await reaper.idle();
  }

  /** Whether nothing of it is in a container, or will be. What cannot be told is there. */
  async #isVoid(endpoint: Endpoint): Promise<boolean> {
    const { links } = this.#parts;
    const { id, state, ifname } = endpoint;
    if (state === 'left') return true;
    const isStarting = this.#now() - (this.#began.get(id) ?? this.#started) < STARTING_MS;
    if (state === 'created') return !isStarting || !this.#began.has(id);
    if (await links.isInPlace(ifname, 0)) return !isStarting;
    return !this.#hasNamespace(endpoint) && !(state === 'joining' && isStarting);
  }

  #hasNamespace(endpoint: Endpoint): boolean {
    try {
      const { rt, wg } = this.#parts.namespaces.openContainer(endpoint, 0);
      rt.close();
      wg.close();
      return true;
    } catch (err) {
      return !isNotFound(err);
    }
  }

  /** Of a database that was lost there may be more than it says. */
  async #refuseUnknown(network: ExitNetwork, endpointId: string): Promise<void> {
    const { store } = this.#parts;
    const found = await this.#attached(network.id);
    for (const id of found.keys())
      if (id !== endpointId && !store.endpoint(id)) throw await this.#refusal(network, id);
  }

  async #refusal({ id, files }: ExitNetwork, endpointId: string): Promise<UserError> {
    const name = await this.#nameOf(id, endpointId);
    const whose =
      name === undefined
        ? `another container (endpoint ${shortId(endpointId)})`
        : `the container ${excerpt(name)}`;
    return new UserError(
      `the tunnel of dwgd.conf=${files[0]} is that of ${whose}, and a network without a subnet (--ipam-driver=null) is for one: stop ${name === undefined ? 'that one' : excerpt(name)} first, or make a network of another file`,
    );
  }

  /** Docker tells of a container that begins once it has it join. */
  async #nameOf(networkId: string, endpointId: string): Promise<string | undefined> {
    const known = this.#parts.nameOf(endpointId);
    if (known !== undefined && known !== '') return known;
    for (let n = 0; n < TRIES; n++) {
      if (n > 0) await sleep(REST_MS);
      const name = (await this.#attached(networkId)).get(endpointId)?.name;
      if (name !== undefined) return name;
    }
    return undefined;
  }

  /** Nobody where Docker does not answer in time: while it starts, it waits for this call. */
  async #attached(networkId: string): Promise<ReadonlyMap<string, AttachedContainer>> {
    const { attached } = this.#parts;
    return withDeadline(attached(networkId), PATIENCE_MS, () => new Error('late')).catch(() => new Map());
  }
}

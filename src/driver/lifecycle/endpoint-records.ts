// Endpoints as they come to be on record, whatever their network is. Not here: their links (driver.ts, exits.ts).

import { UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import type { Endpoint, Network } from '../spec/model.js';
import { type CreateEndpointRequest, shortId } from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { linkName, planAddresses } from '../tunnel/join-plan.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import { checkEndpointQuota } from '../users/quotas.js';
import type { AttachedContainer } from './docker-networks.js';
import type { Teardown } from './teardown.js';

interface EndpointRecordsParts {
  readonly store: Store;
  readonly teardown: Teardown;
  readonly reaper: LinkReaper;
  readonly queue: KeyedQueue;
  readonly log: Log;
}

type Addresses = Pick<Endpoint, 'ipv4' | 'ipv6'>;

export class EndpointRecords {
  readonly #parts: EndpointRecordsParts;

  constructor(parts: EndpointRecordsParts) {
    this.#parts = parts;
  }

  /**
   * Records an endpoint that is new, and what it supersedes is discarded.
   * @param more what else is put on record
   * @throws UserError for a MAC address, an address that does not fit, or an endpoint of another network
   */
  create(
    network: Pick<Network, 'id' | 'ipv4' | 'ipv6' | 'owner'>,
    request: CreateEndpointRequest,
    more: Pick<Endpoint, 'forward'> = {},
  ): Promise<Addresses> {
    const { queue, store, reaper } = this.#parts;
    const { EndpointID: id } = request;
    return queue.run(id, async () => {
      const addresses = planAddresses(network, request);
      if (store.endpoint(id)?.state === 'deleting') await reaper.idle();
      const known = store.endpoint(id);
      if (known && known.networkId !== network.id) {
        throw new UserError(`endpoint ${id} belongs to another network`);
      }
      await this.#supersede(id, network.id, addresses);
      if (!known) {
        checkEndpointQuota(store, network.owner);
        const ifname = linkName(id, network.owner);
        this.refuseTakenLink(id, ifname);
        store.putEndpoint({ id, networkId: network.id, ...addresses, ifname, state: 'created', ...more });
      }
      return addresses;
    });
  }

  /**
   * Records an endpoint whose container runs, by what Docker says of it.
   * @param ports the names of links, one of which has to be its own
   * @throws UserError where it cannot be
   */
  learn(
    network: Pick<Network, 'id' | 'ipv4' | 'ipv6' | 'owner'>,
    id: string,
    { ipv4, ipv6 }: AttachedContainer,
    ports: ReadonlySet<string>,
  ): void {
    const { store } = this.#parts;
    const addresses = planAddresses(network, {
      ...{ NetworkID: network.id, EndpointID: id, publishesPorts: false },
      ...(ipv4 !== undefined && { Address: ipv4 }),
      ...(ipv6 !== undefined && { AddressIPv6: ipv6 }),
    });
    const ifname = linkName(id, network.owner);
    const rival = store.endpointOfLink(ifname, id) ?? store.endpointsAt(network.id, addresses)[0];
    if (rival) throw new UserError(`the endpoint ${shortId(rival.id)} has its name or address`);
    if (!ports.has(ifname)) throw new UserError('its link to the router is gone: restart the container');
    store.putEndpoint({ id, networkId: network.id, ...addresses, ifname, state: 'joined' });
  }

  /** A link that has an endpoint is that endpoint's: none of the same name is made. @throws UserError */
  refuseTakenLink(id: string, ifname: string): void {
    const other = this.#parts.store.endpointOfLink(ifname, id);
    if (!other) return;
    throw new UserError(
      `the link ${ifname} belongs to the endpoint ${shortId(other.id)}: remove that container, or recreate this one to get a new id`,
    );
  }

  /** After a crash of dockerd a container comes back under a new endpoint id: the old one of its address is void. */
  async #supersede(id: string, networkId: string, addresses: Addresses): Promise<void> {
    for (const other of this.#parts.store.endpointsAt(networkId, addresses)) {
      if (other.id === id || other.state === 'deleting') continue;
      this.#parts.log.info({ endpoint: shortId(other.id) }, `superseded by endpoint ${shortId(id)}`);
      await this.#parts.teardown.discard(other.id);
    }
  }
}

// The verbs of Docker's network driver on exit networks without a router (`--ipam-driver=null`): the one container gets the tunnel
// itself, with the file's address, key and routes. Every verb may come twice, or late; a failure halfway is rolled back. Not here:
// whose the tunnel is (sole-container.ts), tunnels that are in their containers (direct-tunnels.ts), containers that
// the store has lost (lost-containers.ts).

import { UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import { formatRemark } from '../files/tunnel-files.js';
import type { Verbs } from '../lifecycle/driver.js';
import { EndpointRecords } from '../lifecycle/endpoint-records.js';
import type { FullTunnels } from '../lifecycle/full-tunnels.js';
import type { Teardown } from '../lifecycle/teardown.js';
import { planDevice } from '../router/desired-router.js';
import { readExitNetwork } from '../router/join-exit.js';
import { readForwardOption } from '../spec/endpoint-options.js';
import { refuseTaken } from '../spec/exit-options.js';
import { FORWARD, OPEN_BY_THEMSELVES } from '../spec/forwarded-ports.js';
import { type Endpoint, type ExitNetwork, mayHavePeer, withoutPeer } from '../spec/model.js';
import {
  type CreateEndpointRequest,
  type CreateNetworkRequest,
  type EndpointRequest,
  type InterfaceResponse,
  type JoinRequest,
  type JoinResponse,
  shortId,
} from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import { linkGroup, TUNNEL_LINK_KIND } from '../tunnel/join-plan.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import { Rollback } from '../tunnel/rollback.js';
import {
  containerAddresses,
  planDirectResponse,
  planInterface,
  remarkDirectDns,
  sameAddresses,
} from './direct-plan.js';
import type { DirectTunnels } from './direct-tunnels.js';
import type { SoleContainer } from './sole-container.js';

interface DirectExitsParts {
  readonly store: Store;
  readonly tunnels: DirectTunnels;
  readonly sole: SoleContainer;
  readonly links: ContainerLinks;
  readonly fullTunnels: FullTunnels;
  readonly teardown: Teardown;
  readonly reaper: LinkReaper;
  readonly queue: KeyedQueue;
  readonly log: Log;
  readonly labels: { joined(endpointId: string): void };
  /** Tells what goes past the tunnel, afterwards. */
  readonly dnsFromHost: {
    networkCreated(networkId: string): void;
    joined(networkId: string, endpointId: string): void;
  };
}

export class DirectExits implements Verbs {
  readonly #parts: DirectExitsParts;
  readonly #records: EndpointRecords;

  constructor(parts: DirectExitsParts) {
    this.#parts = parts;
    this.#records = new EndpointRecords(parts);
  }

  /** @throws UserError for options or a file that cannot be used, and for a rootless Docker's user */
  async createNetwork(request: CreateNetworkRequest, owner: number): Promise<void> {
    const { store, tunnels, queue, log, dnsFromHost } = this.#parts;
    const { NetworkID, Options, IPv4Data, IPv6Data } = request;
    const network = readExitNetwork(NetworkID, Options, IPv4Data, IPv6Data, owner);
    const subject = { network: shortId(network.id) };
    await queue.run(network.id, async () => {
      if (!store.exit(network.id) && store.ownerOf(network.id) !== undefined)
        throw new UserError(`network ${network.id} is known to dwgd already`);
      refuseTaken(network, store.exits());
      tunnels.forget(network.id);
      const file = tunnels.readAgain(network);
      store.putExit(network);
      for (const remark of file.passedOver) log.warn(subject, formatRemark(network.files[0]!, remark));
      const ofDns = remarkDirectDns(file, network.files[0]!);
      if (ofDns !== undefined) log.warn(subject, ofDns);
    });
    log.info({ ...subject, mode: 'exit' }, 'network created');
    dnsFromHost.networkCreated(network.id);
  }

  /** Takes away a network with what its container left. */
  async deleteNetwork(networkId: string): Promise<void> {
    const { store, tunnels, teardown, queue, log } = this.#parts;
    const rest = (): readonly Endpoint[] =>
      store.networkEndpoints(networkId).filter(({ state }) => state !== 'deleting');
    await queue.run(networkId, async () => {
      for (let left = rest(); left.length > 0; left = rest())
        for (const { id } of left) await teardown.discard(id);
      store.deleteNetwork(networkId);
      tunnels.forget(networkId);
    });
    log.info({ network: shortId(networkId) }, 'network deleted');
  }

  /** @throws UserError that names another container which has the tunnel; for a MAC or an address of one's own, a wrong option or file */
  async createEndpoint(request: CreateEndpointRequest): Promise<InterfaceResponse> {
    const { store, tunnels, sole, queue } = this.#parts;
    const network = this.#network(request.NetworkID);
    const forward = readForwardOption(request.driverOptions);
    if (request.Address !== undefined || request.AddressIPv6 !== undefined)
      throw new UserError(
        'on a network without a subnet (--ipam-driver=null) a container has the address of the file: leave out --ip and --ip6',
      );
    // One after another, so that of two that begin at once the second finds the first.
    return queue.run(network.id, async () => {
      const known = store.endpoint(request.EndpointID);
      if (known?.networkId === network.id && known.state !== 'deleting') return planInterface(known);
      await sole.makeWay(network, request.EndpointID);
      const addresses = planInterface(containerAddresses(network, tunnels.readAgain(network)));
      await this.#records.create(network, { ...request, ...addresses });
      sole.begins(request.EndpointID);
      this.#tellPorts(request, forward);
      return addresses;
    });
  }

  #tellPorts({ EndpointID, publishesPorts }: CreateEndpointRequest, forward: string | undefined): void {
    const { log } = this.#parts;
    const subject = { endpoint: shortId(EndpointID) };
    if (forward !== undefined) log.info(subject, `${FORWARD} changes nothing: ${OPEN_BY_THEMSELVES}`);
    if (publishesPorts)
      log.warn(
        subject,
        `published ports are not reachable on the host: ${OPEN_BY_THEMSELVES}; for the host and the LAN add a bridge network to the container`,
      );
  }

  /** Makes the link and configures it, all or nothing. Where a peer's name does not resolve now, it is completed later. */
  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, tunnels, links, fullTunnels, sole, log } = this.#parts;
      const network = this.#network(request.NetworkID);
      const known = store.endpoint(request.EndpointID);
      if (known?.networkId !== network.id || known.state === 'deleting')
        throw new UserError(`endpoint ${request.EndpointID} is not known: start the container again`);
      const tunnel = await tunnels.resolve(network);
      const response = planDirectResponse(network, known, tunnel.file);
      // Docker repeats a call after a broken connection; the link is still where Docker expects it.
      if (known.state === 'joined' && (await links.isInPlace(known.ifname, network.owner))) return response;
      if (!sameAddresses(containerAddresses(network, tunnel.file), known))
        throw new UserError(`dwgd.conf=${network.files[0]} has changed meanwhile: start the container again`);
      this.#records.refuseTakenLink(known.id, known.ifname);
      sole.begins(known.id);
      const undo = new Rollback();
      const before: Endpoint = { ...withoutPeer(known), state: 'created' };
      let endpoint: Endpoint = { ...before, state: 'joining', sandboxKey: request.SandboxKey };
      store.putEndpoint(endpoint);
      undo.add('the record', () => store.putEndpoint(before));
      tunnels.joined(network, tunnel);
      const routed = tunnels.routed(network.id)!;
      try {
        undo.add('the full tunnel', () => fullTunnels.release(routed, endpoint));
        fullTunnels.enter(routed, endpoint);
        const { ifname: name } = known;
        const link = { name, kind: TUNNEL_LINK_KIND, mtu: tunnel.mtu, group: linkGroup(network.owner) };
        const device = { ...planDevice(tunnel), replacePeers: true };
        const publicKey = await links.make(link, device, network.owner, undo);
        endpoint = { ...endpoint, publicKey, state: 'joined' };
        store.putEndpoint(endpoint);
      } catch (err) {
        await undo.run(text => log.error({ endpoint: shortId(known.id) }, text));
        throw err;
      }
      fullTunnels.follow(routed, endpoint);
      log.info({ endpoint: shortId(known.id), link: known.ifname }, 'endpoint joined');
      this.#parts.dnsFromHost.joined(network.id, known.id);
      this.#parts.labels.joined(known.id);
      return response;
    });
  }

  /** Ports of the container are open where the tunnel's address is, and nowhere else. */
  async programExternalConnectivity(): Promise<void> {}

  async revokeExternalConnectivity(): Promise<void> {}

  /** Docker brings the link back by itself. */
  leave(request: EndpointRequest): Promise<void> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, tunnels, fullTunnels, log } = this.#parts;
      const endpoint = store.endpoint(request.EndpointID);
      if (!endpoint || !mayHavePeer(endpoint)) return;
      const routed = tunnels.routed(endpoint.networkId);
      if (routed) fullTunnels.release(routed, endpoint);
      store.putEndpoint({ ...withoutPeer(endpoint), state: 'left' });
      tunnels.forget(endpoint.networkId);
      log.info({ endpoint: shortId(endpoint.id) }, 'endpoint left');
    });
  }

  /** Forgets an endpoint. Its link goes after the answer. */
  async deleteEndpoint(request: EndpointRequest): Promise<void> {
    const { store, teardown } = this.#parts;
    if (store.endpoint(request.EndpointID)?.networkId !== request.NetworkID) return;
    await teardown.discard(request.EndpointID);
  }

  #network(id: string): ExitNetwork {
    const network = this.#parts.store.exit(id);
    if (network) return network;
    throw new UserError(`network ${shortId(id)} is not known to dwgd: remove it and create it again`);
  }
}

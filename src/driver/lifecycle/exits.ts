// The verbs of Docker's network driver on exit networks, whose containers share a router's tunnel. Every verb may come twice, or
// late; a failure halfway is rolled back. Not here: the routers (exit-routers.ts), networks of the other kinds (driver.ts).

import { messageOf, UserError } from '../../base/errors.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import { formatRemark } from '../files/tunnel-files.js';
import type { AssignedPorts } from '../natpmp/assigned-ports.js';
import type { ForwardLabels } from '../ports/forward-labels.js';
import type { PublishedPorts } from '../ports/published-ports.js';
import { portOf, routedFamilies } from '../router/desired-router.js';
import { remarkDns } from '../router/dns-ways.js';
import { planExitResponse, readExitNetwork, takesDefault } from '../router/join-exit.js';
import { readForwardOption } from '../spec/endpoint-options.js';
import { refuseTaken } from '../spec/exit-options.js';
import { type Endpoint, type ExitNetwork, isDirect, mayHavePeer, withoutPorts } from '../spec/model.js';
import { readPortMap } from '../spec/port-map.js';
import {
  type CreateEndpointRequest,
  type CreateNetworkRequest,
  type EndpointRequest,
  type InterfaceResponse,
  type IPAMData,
  isId,
  type JoinRequest,
  type JoinResponse,
  type ProgramExternalConnectivityRequest,
  shortId,
} from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import type { ContainerLinks } from '../tunnel/container-links.js';
import { EXIT_LINK_KIND, linkGroup } from '../tunnel/join-plan.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import { Rollback } from '../tunnel/rollback.js';
import type { AttachedContainer } from './docker-networks.js';
import { EndpointRecords } from './endpoint-records.js';
import type { ExitRouters } from './exit-routers.js';
import type { Teardown } from './teardown.js';

interface ExitsParts {
  readonly store: Store;
  readonly routers: ExitRouters;
  readonly links: ContainerLinks;
  readonly teardown: Teardown;
  readonly reaper: LinkReaper;
  readonly queue: KeyedQueue;
  readonly log: Log;
  readonly published: Pick<PublishedPorts, 'publish' | 'withdraw'>;
  readonly labels: Pick<ForwardLabels, 'joined'>;
  readonly assigned: Pick<AssignedPorts, 'release' | 'stays' | 'compared'>;
  /** Tells what goes past the tunnel, afterwards. */
  readonly dnsFromHost: {
    networkCreated(networkId: string): void;
    joined(networkId: string, endpointId: string): void;
  };
}

export class Exits {
  readonly #parts: ExitsParts;
  readonly #records: EndpointRecords;
  /** Whether one was, of whichever network. */
  #hasLearnt = false;

  constructor(parts: ExitsParts) {
    this.#parts = parts;
    this.#records = new EndpointRecords(parts);
  }

  /** @throws UserError for options, subnets or a file that cannot be used, and for a rootless Docker's user */
  async createNetwork(request: CreateNetworkRequest, owner: number): Promise<void> {
    const { store, routers, queue, log } = this.#parts;
    const { NetworkID, Options, IPv4Data, IPv6Data } = request;
    const network = readExitNetwork(NetworkID, Options, IPv4Data, IPv6Data, owner);
    await queue.run(network.id, async () => {
      const known = store.exit(network.id);
      if (!known && store.ownerOf(network.id) !== undefined)
        throw new UserError(`network ${network.id} is known to dwgd already`);
      refuseTaken(network, store.exits().filter(isDirect));
      // Recorded before the kernel is touched, so that a crash leaves no router of nobody.
      store.putExit(network);
      try {
        await routers.make(network);
        this.#tellRemarks(network);
      } catch (err) {
        if (!known) store.deleteNetwork(network.id);
        throw err;
      }
    });
    log.info({ network: shortId(network.id), mode: 'exit' }, 'network created');
    this.#parts.dnsFromHost.networkCreated(network.id);
  }

  /** One that Docker has and the store does not. @throws UserError as createNetwork does; the file is read later */
  adopt(
    id: string,
    options: ReadonlyMap<string, string>,
    ipv4: readonly IPAMData[],
    ipv6: readonly IPAMData[],
    owner: number,
  ): void {
    this.#parts.store.putExit(readExitNetwork(id, options, ipv4, ipv6, owner));
  }

  /**
   * Containers that Docker has on a network and the store does not, within the same turn as its adoption: until they are on
   * record, their ports would be nobody's.
   * @throws UserError, OpError where the router cannot be looked at
   */
  learn(networkId: string, attached: ReadonlyMap<string, AttachedContainer>): void {
    const { store, routers, labels, log } = this.#parts;
    const network = store.exit(networkId);
    // While one is being attached, a Join is under way, and that one records it.
    const lost = [...attached].filter(
      ([id, container]) => isId(id) && !container.id.startsWith('ep-') && !store.endpoint(id),
    );
    if (!network || isDirect(network) || lost.length === 0) return;
    const ports = routers.ports(network);
    for (const [id, container] of lost) {
      try {
        this.#records.learn(network, id, container, ports);
        labels.joined(id);
        if (!this.#hasLearnt)
          log.warn(
            'ports that learnt containers publish stay closed: restart those containers, since Docker does not ask for the ports again',
          );
        this.#hasLearnt = true;
        log.info({ endpoint: shortId(id) }, 'learnt an endpoint again from its container');
      } catch (err) {
        log.warn(
          { endpoint: shortId(id) },
          `a container runs that the database does not have, and cannot be taken over: ${messageOf(err)}`,
        );
      }
    }
  }

  /** What is on record is what Docker has. */
  compared(): void {
    this.#parts.routers.compared();
    this.#parts.assigned.compared();
  }

  #tellRemarks(network: ExitNetwork): void {
    const { routers, log } = this.#parts;
    // Of servers that dwgd.dns gives, each file has the same to tell.
    const told = new Set<string>();
    for (const known of routers.known(network.id)) {
      for (const remark of known.file.passedOver)
        log.warn({ network: shortId(network.id) }, formatRemark(known.path, remark));
      for (const { level, text } of remarkDns(network, routedFamilies(network, known), known)) {
        if (!told.has(text)) log[level]({ network: shortId(network.id) }, text);
        told.add(text);
      }
    }
  }

  /** Takes away a network with its router and what its endpoints left. */
  async deleteNetwork(networkId: string): Promise<void> {
    const { store, routers, assigned, teardown, queue, log } = this.#parts;
    const rest = (): readonly Endpoint[] =>
      store.networkEndpoints(networkId).filter(({ state }) => state !== 'deleting');
    for (let left = rest(); left.length > 0; left = rest())
      for (const { id } of left) await teardown.discard(id);
    await queue.run(networkId, async () => {
      await assigned.release(networkId);
      try {
        routers.remove(networkId);
        store.deleteNetwork(networkId);
      } catch (err) {
        assigned.stays(networkId);
        throw err;
      }
    });
    log.info({ network: shortId(networkId) }, 'network deleted');
  }

  /** @throws UserError for a MAC address, an address that does not fit, or a wrong option */
  async createEndpoint(request: CreateEndpointRequest): Promise<InterfaceResponse> {
    const { routers, log } = this.#parts;
    const network = this.#network(request.NetworkID);
    const forward = readForwardOption(request.driverOptions);
    await this.#records.create(network, request, forward === undefined ? {} : { forward });
    const file = routers.file(network.id);
    // Of a container's networks Docker has the one publish that its default route is by.
    if (request.publishesPorts && file && !takesDefault(network, file))
      log.warn(
        { endpoint: shortId(request.EndpointID) },
        'published ports are not reachable by way of an exit network whose file does not take the default route: add a bridge network to the container',
      );
    return {};
  }

  /** Opens the host's ports that Docker asks for, where the container's default route is by this network. @throws UserError */
  programExternalConnectivity(request: ProgramExternalConnectivityRequest): Promise<void> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, routers, published, log } = this.#parts;
      const network = this.#network(request.NetworkID);
      const endpoint = store.endpoint(request.EndpointID);
      if (endpoint?.networkId !== network.id || !mayHavePeer(endpoint)) return;
      await published.publish(endpoint, readPortMap(request.portMap), ports => {
        if (ports.length === 0 && endpoint.published === undefined) return;
        store.putEndpoint({ ...endpoint, published: ports });
        for (const { protocol, port, containerPort } of ports)
          log.info(
            { endpoint: shortId(endpoint.id), port, protocol, container: containerPort },
            'published a port',
          );
      });
      routers.reconcile(network);
    });
  }

  revokeExternalConnectivity(request: EndpointRequest): Promise<void> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, published } = this.#parts;
      const endpoint = store.endpoint(request.EndpointID);
      published.withdraw(request.EndpointID);
      if (endpoint?.published) store.putEndpoint(withoutPorts(endpoint));
    });
  }

  /**
   * Makes the container's link, whose other end is a port of the router: all or nothing. As long as the tunnel is not there,
   * nothing leaves by it.
   */
  join(request: JoinRequest): Promise<JoinResponse> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, routers, links, dnsFromHost, labels, log } = this.#parts;
      const network = this.#network(request.NetworkID);
      const known = store.endpoint(request.EndpointID);
      if (known?.networkId !== network.id || known.state === 'deleting') {
        throw new UserError(`endpoint ${request.EndpointID} is not known: start the container again`);
      }
      const response = planExitResponse(network, known, routers.file(network.id));
      // Docker repeats a call after a broken connection; the link is still where Docker expects it.
      if (known.state === 'joined' && (await links.isInPlace(known.ifname, network.owner))) return response;
      this.#records.refuseTakenLink(known.id, known.ifname);
      const undo = new Rollback();
      const endpoint: Endpoint = { ...known, state: 'joining', sandboxKey: request.SandboxKey };
      store.putEndpoint(endpoint);
      undo.add('the record', () => store.putEndpoint({ ...known, state: 'created' }));
      try {
        // A port of that name would be of an earlier Join.
        routers.reconcile(network, known);
        const { name, mac } = portOf(network.id, endpoint);
        const mtu = routers.mtu(network);
        const peer = { name, mtu, netnsFd: routers.netnsFd(network) };
        await links.makePlain({ name, kind: EXIT_LINK_KIND, mtu, mac, group: linkGroup(0), peer }, undo);
        routers.reconcile(network);
        store.putEndpoint({ ...endpoint, state: 'joined' });
      } catch (err) {
        await undo.run(text => log.error({ endpoint: shortId(known.id) }, text));
        throw err;
      }
      faultPoint('exit-joined');
      log.info({ endpoint: shortId(known.id), link: known.ifname }, 'endpoint joined');
      dnsFromHost.joined(network.id, known.id);
      labels.joined(known.id);
      return response;
    });
  }

  /** Docker brings the link back by itself. */
  leave(request: EndpointRequest): Promise<void> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, published, log } = this.#parts;
      const endpoint = store.endpoint(request.EndpointID);
      if (!endpoint || !mayHavePeer(endpoint)) return;
      published.withdraw(endpoint.id);
      store.putEndpoint({ ...withoutPorts(endpoint), state: 'left' });
      log.info({ endpoint: shortId(endpoint.id) }, 'endpoint left');
    });
  }

  /** Forgets an endpoint. Its link goes after the answer, and with it the router's port. */
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

// The verbs of Docker's network driver: what a network and an endpoint go through, in the store and in the kernel.
// Every verb may come twice, or late; a failure halfway is rolled back. Not here: HTTP (driver/plugin/http.ts),
// decisions (driver/tunnel/join-plan.ts, driver/tunnel/peers.ts), how endpoints go (teardown.ts), what happens when
// nobody calls (tunnel-monitor.ts, recovery.ts).

import { UserError } from '../../base/errors.js';
import { formatAddress } from '../../base/ip.js';
import type { KeyedQueue } from '../../base/keyed-queue.js';
import type { Log } from '../../base/log.js';
import { faultPoint } from '../../fault/fault-point.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import { FORWARD } from '../spec/forwarded-ports.js';
import { type Endpoint, keyAddress, mayHavePeer, type Network, withoutPeer } from '../spec/model.js';
import { parseOptions } from '../spec/options.js';
import {
  type CreateEndpointRequest,
  type CreateNetworkRequest,
  type EndpointRequest,
  type InterfaceResponse,
  type JoinRequest,
  type JoinResponse,
  type ProgramExternalConnectivityRequest,
  shortId,
} from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { ContainerLinks } from '../tunnel/container-links.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';
import type { HostInterface } from '../tunnel/host-interface.js';
import { planJoin, planPools, planResponse } from '../tunnel/join-plan.js';
import type { LinkReaper } from '../tunnel/link-reaper.js';
import type { LinkNamespaces } from '../tunnel/namespaces.js';
import { planContainerPeer } from '../tunnel/peers.js';
import { findFarEnd } from '../tunnel/remote-peer.js';
import { Rollback } from '../tunnel/rollback.js';
import { readPresharedKey, readPrivateKey, readSeed, seedWeakness } from '../tunnel/secrets.js';
import { refuseClosedInterface } from '../users/interface-access.js';
import { checkNetworkQuota } from '../users/quotas.js';
import { EndpointRecords } from './endpoint-records.js';
import type { FullTunnels } from './full-tunnels.js';
import type { Teardown } from './teardown.js';

/** The driver's dependencies. */
interface DriverParts {
  readonly store: Store;
  /** Of the host's namespace, as is `wg`. */
  readonly rt: RtNetlink;
  readonly wg: WgCtrl;
  readonly host: HostInterface;
  readonly teardown: Teardown;
  readonly reaper: LinkReaper;
  readonly namespaces: LinkNamespaces;
  readonly resolver: EndpointResolver;
  readonly fullTunnels: FullTunnels;
  readonly queue: KeyedQueue;
  readonly log: Log;
  /** The interfaces of the host that containers of users other than root may join. */
  readonly rootlessIfnames: ReadonlySet<string>;
  /** A container has joined although an interface of the host is not ready, or was not until now. */
  readonly joinedClosed?: (ifname: string, owner: number) => void;
}

/** The verbs of Docker's calls. */
export type Verbs = Pick<
  Driver,
  | 'createNetwork'
  | 'deleteNetwork'
  | 'createEndpoint'
  | 'join'
  | 'programExternalConnectivity'
  | 'revokeExternalConnectivity'
  | 'leave'
  | 'deleteEndpoint'
>;

export class Driver {
  readonly #parts: DriverParts;
  readonly #links: ContainerLinks;
  readonly #records: EndpointRecords;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.#records = new EndpointRecords(parts);
    this.#links = new ContainerLinks(parts);
  }

  /**
   * @param owner the user whose Docker calls: 0, or that of a rootless one; so for all verbs
   * @throws UserError for options, subnets or an interface that cannot be used
   */
  async createNetwork(request: CreateNetworkRequest, owner: number): Promise<void> {
    const options = parseOptions(request.Options);
    const pools = planPools(options, request.IPv4Data, request.IPv6Data);
    const network: Network = { id: request.NetworkID, ...options, ...pools, owner };
    const { log, store, host, rootlessIfnames } = this.#parts;
    const known = store.network(request.NetworkID);
    if ((store.ownerOf(request.NetworkID) ?? owner) !== owner)
      throw new UserError(`network ${request.NetworkID} belongs to another Docker`);
    refuseClosedInterface(network, known, rootlessIfnames);
    const weakness = seedWeakness(await readSeed(network));
    if (weakness !== undefined) log.warn({ network: shortId(network.id) }, weakness);
    await readPresharedKey(network);
    if (options.mode.kind === 'ifname') await host.read(options.mode.ifname);
    checkNetworkQuota(store, network);
    store.putNetwork(network);
    log.info({ network: shortId(network.id), mode: options.mode.kind }, 'network created');
  }

  /** Takes away a network with what its endpoints left; an unknown one is gone already. */
  async deleteNetwork(networkId: string, owner: number): Promise<void> {
    const { store, teardown, log } = this.#parts;
    if (store.ownerOf(networkId) !== owner) return;
    const rest = (): readonly Endpoint[] =>
      store.networkEndpoints(networkId).filter(({ state }) => state !== 'deleting');
    // Calls come in meanwhile: the records of what they add would go with the network, and its peers stay.
    for (let left = rest(); left.length > 0; left = rest())
      for (const { id } of left) await teardown.discard(id);
    store.deleteNetwork(networkId);
    log.info({ network: shortId(networkId) }, 'network deleted');
  }

  /** @throws UserError for an unknown network, a MAC address, or an address that does not fit */
  async createEndpoint(request: CreateEndpointRequest, owner: number): Promise<InterfaceResponse> {
    const network = this.#network(request.NetworkID, owner);
    if (request.driverOptions?.has(FORWARD))
      throw new UserError(`${FORWARD} is for exit networks alone (dwgd.conf): leave it out`);
    const addresses = await this.#records.create(network, request);
    if (!request.publishesPorts) return {};
    const address = formatAddress(keyAddress(addresses));
    this.#parts.log.warn(
      { endpoint: shortId(request.EndpointID) },
      `published ports are not reachable by way of a WireGuard network: connect to ${address} through the tunnel, or add a bridge network`,
    );
    return {};
  }

  /**
   * Makes the link, configures it, and makes the container a peer of the host's interface; all or nothing. Where that
   * interface is not ready, neither end gets a peer, and nothing leaves by the link until the tunnel monitor completes it.
   */
  join(request: JoinRequest, owner: number): Promise<JoinResponse> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, host, teardown, resolver, fullTunnels, log } = this.#parts;
      const network = this.#network(request.NetworkID, owner);
      const known = store.endpoint(request.EndpointID);
      if (known?.networkId !== network.id || known.state === 'deleting') {
        throw new UserError(`endpoint ${request.EndpointID} is not known: start the container again`);
      }
      // Docker repeats a call after a broken connection; the link is still where Docker expects it.
      if (known.state === 'joined' && (await this.#links.isInPlace(known.ifname, owner)))
        return planResponse(network, known);
      this.#records.refuseTakenLink(known.id, known.ifname);

      const privateKey = await readPrivateKey(network, known);
      const presharedKey = await readPresharedKey(network);
      const { device, peer, closed } = await findFarEnd(network, host, resolver);
      const mtu = network.mtu ?? (await this.#links.mtu(device, peer));
      const plan = planJoin({ network, endpoint: known, privateKey, presharedKey, peer, mtu });

      await teardown.dropPeer(network, known);
      const undo = new Rollback();
      const before: Endpoint = { ...withoutPeer(known), state: 'created' };
      const { SandboxKey: sandboxKey } = request;
      let endpoint: Endpoint = { ...before, state: 'joining', sandboxKey, ...(closed && { pending: true }) };
      store.putEndpoint(endpoint);
      undo.add('the record', () => store.putEndpoint(before));
      try {
        undo.add('the full tunnel', () => fullTunnels.release(network, endpoint));
        fullTunnels.enter(network, endpoint);
        const key = await this.#links.make(plan.link, plan.device, owner, undo);
        endpoint = { ...endpoint, publicKey: key };
        const claim = { endpoint, owner, peer: planContainerPeer(endpoint, key, presharedKey) };
        if (closed) host.refuseRival(closed.ifname, claim);
        else if (device) {
          // Recorded before the kernel is touched, so that the end of another endpoint does not remove this peer.
          store.putEndpoint(endpoint);
          await host.addPeer(device.name, claim, prior => {
            if (!prior) return;
            endpoint = { ...endpoint, priorPeer: prior };
            store.putEndpoint(endpoint);
          });
          undo.add(`peer ${key}`, () => teardown.dropPeer(network, endpoint));
        }
        endpoint = { ...endpoint, state: 'joined' };
        store.putEndpoint(endpoint);
      } catch (err) {
        await undo.run(text => log.error({ endpoint: shortId(known.id) }, text));
        throw err;
      }
      faultPoint('joined');
      fullTunnels.follow(network, endpoint);
      log.info({ endpoint: shortId(known.id), link: known.ifname }, 'endpoint joined');
      if (closed) {
        log.warn({ endpoint: shortId(known.id) }, `the tunnel of a container is closed: ${closed.why}`);
        this.#parts.joinedClosed?.(closed.ifname, network.owner);
      }
      return plan.response;
    });
  }

  /** Ports are published by way of exit networks alone. */
  async programExternalConnectivity(
    _request: ProgramExternalConnectivityRequest,
    _owner: number,
  ): Promise<void> {}

  async revokeExternalConnectivity(_request: EndpointRequest, _owner: number): Promise<void> {}

  /** Takes the container off the host's interface; Docker brings the link back by itself. */
  leave(request: EndpointRequest, owner: number): Promise<void> {
    return this.#parts.queue.run(request.EndpointID, async () => {
      const { store, teardown, fullTunnels, log } = this.#parts;
      const endpoint = store.endpoint(request.EndpointID);
      const network = endpoint && store.network(endpoint.networkId);
      if (!endpoint || !mayHavePeer(endpoint) || network?.owner !== owner) return;
      fullTunnels.release(network, endpoint);
      await teardown.dropPeer(network, endpoint);
      store.putEndpoint({ ...withoutPeer(endpoint), state: 'left' });
      log.info({ endpoint: shortId(endpoint.id) }, 'endpoint left');
    });
  }

  /** Forgets an endpoint. Its link goes after the answer; until then the record says so. */
  async deleteEndpoint(request: EndpointRequest, owner: number): Promise<void> {
    const { store, teardown } = this.#parts;
    const endpoint = store.endpoint(request.EndpointID);
    if (!endpoint || store.network(endpoint.networkId)?.owner !== owner) return;
    await teardown.discard(request.EndpointID);
  }

  #network(id: string, owner: number): Network {
    const network = this.#parts.store.network(id);
    if (network?.owner === owner) return network;
    throw new UserError(
      `network ${shortId(id)} is not known to dwgd: remove it and create it again (docker network rm, docker network create)`,
    );
  }
}

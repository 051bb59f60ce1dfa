// Docker's verbs, each to whom it concerns: exit networks with a router, those whose one container has the tunnel itself, and
// networks whose containers have a tunnel each. Not here: what they do (exits.ts, driver/direct, driver.ts).

import { isExit } from '../spec/exit-options.js';
import { isDirect } from '../spec/model.js';
import type {
  CreateEndpointRequest,
  CreateNetworkRequest,
  EndpointRequest,
  InterfaceResponse,
  JoinRequest,
  JoinResponse,
  ProgramExternalConnectivityRequest,
} from '../spec/protocol.js';
import type { Store } from '../store/store.js';
import { hasNoSubnet } from '../tunnel/join-plan.js';
import type { Driver, Verbs } from './driver.js';
import type { Exits } from './exits.js';

export class AllNetworks implements Verbs {
  readonly #store: Store;
  readonly #driver: Driver;
  readonly #exits: Exits;
  readonly #direct: Verbs;

  constructor(store: Store, driver: Driver, exits: Exits, direct: Verbs) {
    this.#store = store;
    this.#driver = driver;
    this.#exits = exits;
    this.#direct = direct;
  }

  createNetwork(request: CreateNetworkRequest, owner: number): Promise<void> {
    if (!isExit(request.Options)) return this.#driver.createNetwork(request, owner);
    const verbs = hasNoSubnet(request.IPv4Data, request.IPv6Data) ? this.#direct : this.#exits;
    return verbs.createNetwork(request, owner);
  }

  deleteNetwork(networkId: string, owner: number): Promise<void> {
    // Of a network that is not on record there may be a router all the same.
    const isUnknown = owner === 0 && this.#store.ownerOf(networkId) === undefined;
    return (isUnknown ? this.#exits : this.#at(networkId, owner)).deleteNetwork(networkId, owner);
  }

  createEndpoint(request: CreateEndpointRequest, owner: number): Promise<InterfaceResponse> {
    return this.#at(request.NetworkID, owner).createEndpoint(request, owner);
  }

  join(request: JoinRequest, owner: number): Promise<JoinResponse> {
    return this.#at(request.NetworkID, owner).join(request, owner);
  }

  leave(request: EndpointRequest, owner: number): Promise<void> {
    return this.#at(request.NetworkID, owner).leave(request, owner);
  }

  deleteEndpoint(request: EndpointRequest, owner: number): Promise<void> {
    return this.#at(request.NetworkID, owner).deleteEndpoint(request, owner);
  }

  programExternalConnectivity(request: ProgramExternalConnectivityRequest, owner: number): Promise<void> {
    return this.#at(request.NetworkID, owner).programExternalConnectivity(request, owner);
  }

  revokeExternalConnectivity(request: EndpointRequest, owner: number): Promise<void> {
    return this.#at(request.NetworkID, owner).revokeExternalConnectivity(request, owner);
  }

  /** An exit network is its owner's alone, as any other; it is one whether or not its row can be read. */
  #at(networkId: string, owner: number): Verbs {
    if (!this.#store.isExit(networkId) || this.#store.ownerOf(networkId) !== owner) return this.#driver;
    const network = this.#store.exit(networkId);
    return network && isDirect(network) ? this.#direct : this.#exits;
  }
}

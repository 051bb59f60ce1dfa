// A driver on fake kernels: its host's namespace, containers' namespaces, a store in memory, and all that it logs.

import { UserError } from '../../src/base/errors.js';
import { type LookUp, lookUp } from '../../src/base/host-resolver.js';
import { KeyedQueue } from '../../src/base/keyed-queue.js';
import { createLog, type Log } from '../../src/base/log.js';
import { Driver } from '../../src/driver/lifecycle/driver.js';
import { FullTunnels } from '../../src/driver/lifecycle/full-tunnels.js';
import { Teardown } from '../../src/driver/lifecycle/teardown.js';
import type { Endpoint } from '../../src/driver/spec/model.js';
import type { CreateEndpointRequest, CreateNetworkRequest } from '../../src/driver/spec/protocol.js';
import { Store } from '../../src/driver/store/store.js';
import { EndpointResolver } from '../../src/driver/tunnel/endpoint-resolver.js';
import { HostInterface } from '../../src/driver/tunnel/host-interface.js';
import { LinkReaper } from '../../src/driver/tunnel/link-reaper.js';
import { type DockerSockets, LinkNamespaces } from '../../src/driver/tunnel/namespaces.js';
import type { ThreadedConnection } from '../../src/netlink/connection.js';
import { RtNetlink } from '../../src/netlink/route/client.js';
import { WgCtrl } from '../../src/netlink/wireguard/client.js';
import type { WgPeer } from '../../src/netlink/wireguard/device.js';
import { SecretKey } from '../../src/netlink/wireguard/key.js';
import { FakeKernel } from './fake-kernel.js';

const noSuchNamespace = (): Error => Object.assign(new Error('no such namespace'), { code: 'ENOENT' });

/**
 * Namespaces of containers by their sandbox's path, of users' Dockers by their owner; the host's for root's. Whether a
 * user's is the host's is not looked at here.
 */
class FakeNamespaces extends LinkNamespaces {
  readonly containers = new Map<string, FakeKernel>();
  readonly users = new Map<number, FakeKernel>();
  readonly #host: FakeKernel;
  constructor(host: FakeKernel) {
    super(undefined as never, undefined as never);
    this.#host = host;
  }
  #docker(owner: number): FakeKernel {
    const kernel = owner === 0 ? this.#host : this.users.get(owner);
    if (!kernel) throw new UserError('it does not run', { code: 'ENOENT' });
    return kernel;
  }
  override openRtNetlink(owner: number): RtNetlink {
    return new RtNetlink(this.#docker(owner).route());
  }
  override openDockerSockets(owner: number): DockerSockets {
    const kernel = this.#docker(owner);
    const rt = new RtNetlink(kernel.route());
    const wg = new WgCtrl(kernel.generic());
    const close = (): void => {
      rt.close();
      wg.close();
    };
    return { rt, wg, netns: { fd: kernel.fd }, close };
  }
  override openRouteSocket(owner: number): ThreadedConnection {
    return this.#docker(owner).routeSocket();
  }
  override openContainer(endpoint: Endpoint): { rt: RtNetlink; wg: WgCtrl } {
    const kernel = this.containers.get(endpoint.sandboxKey ?? '');
    if (!kernel) throw noSuchNamespace();
    return { rt: new RtNetlink(kernel.route()), wg: new WgCtrl(kernel.generic()) };
  }
  override openNetns(): never {
    throw noSuchNamespace();
  }
}

export const HOST_KEY = new SecretKey(Buffer.from('private key of the host, 32 byte'));
export const SEED = 'supersecretseed';

/** A host with the WireGuard interface wg0, and a driver on it. */
export class World {
  readonly kernel = new FakeKernel();
  readonly lines: string[] = [];
  readonly log: Log = createLog(true, false, line => this.lines.push(line));
  readonly namespaces = new FakeNamespaces(this.kernel);
  readonly reaper = new LinkReaper(this.log);
  readonly rt = new RtNetlink(this.kernel.route());
  readonly wg = new WgCtrl(this.kernel.generic());
  /** What names lead to. */
  lookUp: LookUp = lookUp;
  readonly resolver = new EndpointResolver(name => this.lookUp(name));
  readonly queue = new KeyedQueue();
  readonly rootlessIfnames = new Set<string>();
  readonly fullTunnels: FullTunnels;
  readonly host: HostInterface;
  readonly teardown: Teardown;
  readonly driver: Driver;

  constructor(readonly store = new Store('')) {
    this.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    this.fullTunnels = new FullTunnels(this);
    this.host = new HostInterface(this);
    this.teardown = new Teardown(this);
    this.driver = new Driver(this);
  }

  /** The peers of the host's interface. */
  get hostPeers(): readonly WgPeer[] {
    return this.kernel.devices.get('wg0')!.peers;
  }
}

/** A CreateNetwork for the subnet 10.0.0.0/24 in ifname mode. */
export function networkRequest(
  options: Record<string, string> = {},
  more: Partial<CreateNetworkRequest> = {},
): CreateNetworkRequest {
  return {
    NetworkID: 'n1',
    Options: new Map(Object.entries({ 'dwgd.ifname': 'wg0', 'dwgd.seed': SEED, ...options })),
    IPv4Data: [{ Pool: '10.0.0.0/24', Gateway: '10.0.0.1/24' }],
    IPv6Data: [],
    ...more,
  };
}

export function endpointRequest(
  EndpointID: string,
  Address: string,
  NetworkID = 'n1',
): CreateEndpointRequest {
  return { NetworkID, EndpointID, Address, publishesPorts: false };
}

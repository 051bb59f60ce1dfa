// A driver on fake kernels: its host's namespace, containers' namespaces, a store in memory, and all that it logs.

import type { CreateEndpointRequest, CreateNetworkRequest } from '../../src/driver/api.js';
import { Driver } from '../../src/driver/driver.js';
import { FullTunnels } from '../../src/driver/full-tunnels.js';
import type { Endpoint } from '../../src/driver/network.js';
import { Reaper } from '../../src/driver/reaper.js';
import { Sandboxes } from '../../src/driver/sandboxes.js';
import { Store } from '../../src/driver/store.js';
import { isNotFound } from '../../src/errors.js';
import { createLog, type Log } from '../../src/log.js';
import { SecretKey } from '../../src/netlink/key.js';
import { RtNetlink } from '../../src/netlink/rtnetlink.js';
import { WgCtrl } from '../../src/netlink/wgctrl.js';
import type { WgPeer } from '../../src/netlink/wireguard.js';
import { Serial } from '../../src/serial.js';
import { FakeKernel } from './fake-kernel.js';

/** Deletes links of a fake kernel, at once. */
class FakeReaper extends Reaper {
  readonly #rt: RtNetlink;
  #idle: Promise<void> = Promise.resolve();
  constructor(log: Log, kernel: FakeKernel) {
    super(log);
    this.#rt = new RtNetlink(kernel.route());
  }
  override reap(name: string, _open: unknown, done: () => void): void {
    this.#idle = this.#idle.then(() =>
      this.#rt.deleteLink(name).then(done, err => {
        if (isNotFound(err)) done();
      }),
    );
  }
  override idle(): Promise<void> {
    return this.#idle;
  }
}

const noSuchNamespace = (): Error => Object.assign(new Error('no such namespace'), { code: 'ENOENT' });

/** Namespaces of containers by their sandbox's path; the host's for Docker's own. */
class FakeSandboxes extends Sandboxes {
  readonly containers = new Map<string, FakeKernel>();
  readonly #host: FakeKernel;
  constructor(host: FakeKernel) {
    super(undefined as never, undefined as never);
    this.#host = host;
  }
  override openRtNetlink(): RtNetlink {
    return new RtNetlink(this.#host.route());
  }
  override openRouteSocket(): never {
    throw new Error('links of a fake kernel are deleted by a fake reaper');
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
  readonly sandboxes = new FakeSandboxes(this.kernel);
  readonly reaper = new FakeReaper(this.log, this.kernel);
  readonly rt = new RtNetlink(this.kernel.route());
  readonly wg = new WgCtrl(this.kernel.generic());
  readonly serial = new Serial();
  readonly fullTunnels: FullTunnels;
  readonly driver: Driver;

  constructor(readonly store = new Store('')) {
    this.kernel.addDevice('wg0', { privateKey: HOST_KEY, listenPort: 51820 });
    this.fullTunnels = new FullTunnels(this);
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

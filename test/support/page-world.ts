// A daemon for the page: labels as they are planned for made-up containers, networks of the driver as a test has them, and
// the port that the page is at.
import assert from 'node:assert/strict';
import type { NetworkStatus } from '../../src/control/answers.js';
import { createMetricsApi } from '../../src/control/api.js';
import type { AskWay, Daemon, DriverHalf } from '../../src/control/halves.js';
import { Metrics } from '../../src/control/metrics.js';
import { MetricsPort } from '../../src/control/metrics-port.js';
import { Overview } from '../../src/labels/controller/overview.js';
import type { ContainerView } from '../../src/labels/discovery/container.js';
import { findContainer } from '../../src/labels/find-container.js';
import { LabelsStatus } from '../../src/labels/status.js';
import { addPage } from '../../src/page/page-api.js';
import { container, plan } from './label-world.js';
import { partsOf } from './overview.js';
import { askWay } from './ways.js';

const KEY = 'QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=';
const GATEWAY = { 'twine.nat.interfaces': 'wg+' };

export class PageWorld {
  readonly #overview = new Overview({ item: () => undefined });
  networks: readonly NetworkStatus[] = [];
  readonly daemon: Daemon;
  #containers: readonly ContainerView[] = [];

  constructor(containers: readonly ContainerView[], networks: readonly NetworkStatus[]) {
    const driver: DriverHalf = {
      health: () => ({ state: 'working' }),
      inspect: async () => undefined,
      metrics: async () => [],
      networks: async () => this.networks,
      farPeers: async () => assert.fail('not asked by the page'),
    };
    const labels = new LabelsStatus(partsOf(this.#overview));
    const explain: AskWay = async (name, to) => askWay(findContainer(name, this.#containers).name, to);
    this.daemon = { version: '1.2.3', started: new Date(), driver, labels, explain };
    this.networks = networks;
    this.list(containers);
  }

  /** From now on there are these containers. */
  list(containers: readonly ContainerView[]): void {
    this.#containers = containers;
    this.#overview.planned(plan(containers), containers);
  }

  /** The page's port of its own. */
  async open(): Promise<{ readonly port: number; close(): Promise<void> }> {
    const metrics = new Metrics(this.daemon);
    const app = createMetricsApi(metrics, { daemon: this.daemon, add: addPage });
    const opened = await MetricsPort.open(app, { host: '127.0.0.1', port: 0 }, 32);
    return {
      port: opened.port,
      close: async () => {
        metrics.close();
        await opened.close();
      },
    };
  }
}

/** A network of the host's wg0 with a tunnel for each of these containers. */
export function networkOf(name: string, containers: readonly string[], bytes = 0): NetworkStatus {
  return {
    id: name.padEnd(64, '0'),
    name,
    owner: 0,
    mode: 'ifname',
    via: 'wg0',
    subnets: ['10.0.0.0/16'],
    endpoints: containers.map((container, n) => ({
      id: `${n}${name}`.padEnd(64, '0'),
      container,
      addresses: [`10.0.${n >> 8}.${(n & 255) + 2}`],
      state: 'joined',
      publicKey: KEY,
      peer: {
        interface: 'wg0',
        publicKey: KEY,
        endpoint: '192.0.2.1:51820',
        lastHandshake: new Date(Date.now() - (n % 90) * 1000).toISOString(),
        receivedBytes: 1_250_000 * (n + 1) + bytes,
        sentBytes: 340_000 * (n + 1) + bytes,
      },
    })),
  };
}

/** A gateway with a tunnel, its client, and a container of which a label is broken. */
export function threeContainers(broken = true): readonly ContainerView[] {
  return [
    container('wireguard-client', {
      networks: { main: '172.20.0.2' },
      labels: { ...GATEWAY, 'twine.nat.forward.9080': 'qbittorrent:9080' },
    }),
    container('qbittorrent', {
      networks: { main: '172.20.0.3' },
      labels: {
        'twine.route.0.0.0.0/0': 'wireguard-client',
        'twine.iptables.rule.a': 'TWINE_OUTPUT -p tcp --dport 25 -j DROP',
      },
    }),
    container('web', {
      networks: { main: '172.20.0.4' },
      labels: broken ? { 'twine.route.10.0.0.0/8': 'vnp' } : { 'twine.route.10.0.0.0/8': 'wireguard-client' },
    }),
  ];
}

/** Three gateways with eighty clients each, some ports and mistakes, and two dozen others. */
export function threeHundred(): readonly ContainerView[] {
  const address = (n: number): string => `172.20.${n >> 8}.${n & 255}`;
  const gateways = ['vpn-berlin', 'vpn-oslo', 'vpn-tokyo'].map((name, n) =>
    container(name, {
      networks: { main: address(n + 2) },
      labels: { ...GATEWAY, 'twine.nat.forward.9080': `client-${n}:9080` },
    }),
  );
  const clients = Array.from({ length: 273 }, (_, n) =>
    container(`client-${n}`, {
      networks: { main: address(n + 10) },
      labels: {
        'twine.route.0.0.0.0/0':
          n % 50 === 7 ? 'vpn-nowhere' : ['vpn-berlin', 'vpn-oslo', 'vpn-tokyo'][n % 3]!,
      },
    }),
  );
  const others = Array.from({ length: 24 }, (_, n) =>
    container(`firewalled-${n}`, {
      networks: { main: address(n + 400) },
      labels: { 'twine.iptables.rule.a': 'TWINE_INPUT -p tcp --dport 22 -j DROP' },
    }),
  );
  return [...gateways, ...clients, ...others];
}

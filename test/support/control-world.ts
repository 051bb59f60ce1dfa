// A daemon to be asked: both halves on fake kernels, with a network of each mode and labels of which some are in force, and
// the sockets that it answers by.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseAddress } from '../../src/base/ip.js';
import { createControlApi } from '../../src/control/api.js';
import { CallCounts } from '../../src/control/call-counts.js';
import { ControlSocket } from '../../src/control/control-socket.js';
import type { Daemon } from '../../src/control/halves.js';
import { Metrics } from '../../src/control/metrics.js';
import type { exitPlaces } from '../../src/driver/exit-places.js';
import { type Names, readNames } from '../../src/driver/lifecycle/docker-names.js';
import type { AssignedPortReading } from '../../src/driver/natpmp/assigned-ports.js';
import type { ExitReading } from '../../src/driver/router/exit-reading.js';
import { DriverStatus } from '../../src/driver/status.js';
import { ContainerTunnels } from '../../src/driver/tunnel/container-tunnels.js';
import { type TunnelReading, TunnelReadings } from '../../src/driver/tunnel/tunnel-readings.js';
import { LoopShare, REST_OF_CALLS } from '../../src/driver/users/loop-share.js';
import type { WgPeer } from '../../src/netlink/wireguard/device.js';
import { endpointRequest, networkRequest, SEED, World } from './driver-world.js';
import { EXIT, exitTunnel, FAR_END } from './exit-world.js';
import { FakeKernel } from './fake-kernel.js';
import { askWay } from './ways.js';

const FILES = [{ path: EXIT.files[0]!, isInForce: true }];
/** The peer elsewhere of the network n2. */
export const REMOTE = 'QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=';
export const PSK = Buffer.from('distinctive preshared key 32 byt');

/** Networks n1 (ifname, container web) and n2 (pubkey, container app), both joined. */
export class AskedDriver {
  readonly world = new World();
  readonly inside = new FakeKernel();
  readonly calls = new CallCounts();
  isListening = true;
  /** What the kernel counts of each peer, which the fake one does not. */
  counted: Pick<WgPeer, 'lastHandshake' | 'rxBytes' | 'txBytes'> = {
    lastHandshake: 0,
    rxBytes: 0n,
    txBytes: 0n,
  };
  readonly status: DriverStatus;
  /** What the provider of n3 has assigned. */
  assigned: AssignedPortReading | undefined;
  /** What the router of n3 is read as. */
  readonly exitParts: Parameters<typeof exitPlaces>[0];
  exit: ExitReading = { files: FILES, problem: 'its router is not there yet' };

  private constructor() {
    const { store, wg, namespaces, log } = this.world;
    const share = new LoopShare(REST_OF_CALLS, async () => {});
    const tunnels = new ContainerTunnels({ namespaces, log });
    const readings = new TunnelReadings({ store, wg, tunnels, share });
    const withCounts = async (): Promise<ReadonlyMap<string, TunnelReading>> =>
      new Map(
        [...(await readings.all())].map(([id, { peer, ...rest }]) => [
          id,
          { ...rest, ...(peer && { peer: { ...peer, ...this.counted } }) },
        ]),
      );
    this.exitParts = {
      store,
      routers: { reading: () => this.exit },
      names: { find: async () => NAMES },
    };
    this.status = new DriverStatus({
      ...this.exitParts,
      store,
      readings: { all: withCounts },
      calls: this.calls,
      isListening: () => this.isListening,
      portProblem: () => undefined,
      assigned: () => this.assigned,
      taker: () => 'e3',
    });
  }

  static async make(): Promise<AskedDriver> {
    const asked = new AskedDriver();
    const { driver, kernel, namespaces } = asked.world;
    const psk = { 'dwgd.psk': PSK.toString('base64') };
    await driver.createNetwork(networkRequest(psk), 0);
    const remote = { 'dwgd.pubkey': REMOTE, 'dwgd.endpoint': '192.0.2.1:51820', 'dwgd.seed': SEED, ...psk };
    await driver.createNetwork(
      {
        NetworkID: 'n2',
        Options: new Map(Object.entries(remote)),
        IPv4Data: [{ Pool: '10.1.0.0/24', Gateway: '10.1.0.1/24' }],
        IPv6Data: [],
      },
      0,
    );
    for (const [network, id, ip] of [
      ['n1', 'e1', '10.0.0.2/24'],
      ['n2', 'e2', '10.1.0.2/24'],
    ] as const) {
      await driver.createEndpoint(endpointRequest(id, ip, network), 0);
      await driver.join({ NetworkID: network, EndpointID: id, SandboxKey: `/sandbox/${id}` }, 0);
    }
    const link = [...kernel.devices.keys()].find(name => name.endsWith('e2'))!;
    kernel.moveLink(link, asked.inside, 'wg0');
    namespaces.containers.set('/sandbox/e2', asked.inside);
    return asked;
  }

  /** Adds the exit network n3, whose tunnel is up, with the container torrent. */
  addExit(): void {
    const { store } = this.world;
    store.putExit({ ...EXIT, id: 'n3' });
    const ipv4 = parseAddress('10.66.0.2')!;
    store.putEndpoint({ id: 'e3', networkId: 'n3', ifname: 'wg-e3', state: 'joined', ipv4 });
    const tunnel = exitTunnel();
    const peers = tunnel.file.peers.map(peer => ({ ...peer, endpoint: FAR_END, ...this.counted }));
    const device = { index: 2, name: 'wg0', listenPort: 51820, fwmark: 0, peers };
    this.exit = { files: FILES, tunnel, device: { ...device, privateKey: tunnel.file.privateKey } };
  }

  /** The same without a router: torrent has the tunnel itself. */
  addOwnTunnel(): void {
    this.addExit();
    const { ipv4: _ipv4, ipv6: _ipv6, ...direct } = EXIT;
    this.world.store.putExit({ ...direct, id: 'n3' });
  }
}

const NAMES: Names = readNames(
  [
    { Id: 'n1', Name: 'lan' },
    { Id: 'n2', Name: 'vpn' },
    { Id: 'n3', Name: 'mullvad' },
  ],
  ['web', 'app', 'torrent'].map((name, n) => ({
    Id: `${n + 1}`.repeat(64),
    Names: [`/${name}`],
    NetworkSettings: { Networks: { x: { EndpointID: `e${n + 1}` } } },
  })),
);

/** A control socket in a folder of its own that answers for the halves; its path. */
export async function answering(t: TestContext, halves: Pick<Daemon, 'driver' | 'labels'>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'dwgd-control-'));
  const daemon: Daemon = { version: '1.2.3', started: new Date(), explain: askWay, ...halves };
  const metrics = new Metrics(daemon);
  const socket = await ControlSocket.open(createControlApi(daemon, metrics), folder);
  t.after(async () => {
    metrics.close();
    await socket.close();
    rmSync(folder, { recursive: true });
  });
  return join(folder, 'control.sock');
}

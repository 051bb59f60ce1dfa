// What the peers of all tunnels are now, read when somebody asks: peers of the host's interfaces there, others in the
// containers. Not here: what they should be (peers.ts), what is made of it (driver/status.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { withDeadline } from '../../base/deadline.js';
import { isNotFound, messageOf, UserError } from '../../base/errors.js';
import { groupBy } from '../../base/group-by.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import type { WgDevice, WgPeer } from '../../netlink/wireguard/device.js';
import type { Endpoint, Network } from '../spec/model.js';
import type { Store } from '../store/store.js';
import type { LoopShare } from '../users/loop-share.js';
import type { ContainerTunnels } from './container-tunnels.js';

/** Of one endpoint: its peer, or why there is none. */
export interface TunnelReading {
  /** The name of the link or interface that has the peer. */
  readonly ifname?: string;
  readonly peer?: WgPeer;
  readonly problem?: string;
}

interface TunnelReadingsParts {
  readonly store: Store;
  readonly wg: WgCtrl;
  readonly tunnels: ContainerTunnels;
  /** What the work for users other than root takes turns in. */
  readonly share: LoopShare;
}

/** How long readings count, and how long somebody waits for those that are not there yet, in milliseconds. */
const [FRESH_MS, PATIENCE_MS] = [1_000, 150] as const;

/** One reading of all tunnels of an owner. */
interface Pass {
  readonly done: Promise<void>;
  endedAt: number;
}

export class TunnelReadings {
  readonly #parts: TunnelReadingsParts;
  /** By endpoint; those that are not read again meanwhile stay. */
  #readings = new Map<string, TunnelReading>();
  /** By owner: one user's containers hold up no other's. */
  readonly #passes = new Map<number, Pass>();

  constructor(parts: TunnelReadingsParts) {
    this.#parts = parts;
  }

  /** By endpoint, of those that are joined: no older than a second but where reading them all takes longer. */
  async all(): Promise<ReadonlyMap<string, TunnelReading>> {
    const joined = groupBy(
      this.#parts.store.endpoints().filter(({ state }) => state === 'joined'),
      ({ networkId }) => networkId,
    );
    const ids = new Set([...joined.values()].flatMap(endpoints => endpoints.map(({ id }) => id)));
    this.#readings = new Map([...this.#readings].filter(([id]) => ids.has(id)));
    const passes = this.#parts.store.owners().map(owner => this.#pass(owner, joined).done);
    await withDeadline(Promise.all(passes), PATIENCE_MS, () => new Error('late')).catch(() => undefined);
    return this.#readings;
  }

  #pass(owner: number, joined: ReadonlyMap<string, readonly Endpoint[]>): Pass {
    const last = this.#passes.get(owner);
    if (last && performance.now() - last.endedAt < FRESH_MS) return last;
    const pass: Pass = { done: this.#readAll(owner, joined), endedAt: Number.POSITIVE_INFINITY };
    this.#passes.set(owner, pass);
    const ended = (): void => {
      pass.endedAt = performance.now();
    };
    pass.done.then(ended, ended);
    return pass;
  }

  async #readAll(owner: number, joined: ReadonlyMap<string, readonly Endpoint[]>): Promise<void> {
    const devices = new Map<string, WgDevice | string>();
    for (const network of this.#parts.store.networksOf(owner)) {
      for (const endpoint of joined.get(network.id) ?? []) {
        const reading = await this.#read(network, endpoint, devices);
        this.#readings.set(endpoint.id, reading);
        if (network.mode.kind === 'pubkey') await nextTurn();
      }
    }
  }

  async #read(
    network: Network,
    endpoint: Endpoint,
    devices: Map<string, WgDevice | string>,
  ): Promise<TunnelReading> {
    const { mode, owner } = network;
    if (mode.kind === 'ifname') {
      const { ifname } = mode;
      const device = devices.get(ifname) ?? this.#hostDevice(ifname);
      devices.set(ifname, device);
      if (typeof device === 'string') return { ifname, problem: device };
      if (endpoint.pending)
        return { ifname, problem: `it waits to be a peer of ${ifname}, and its tunnel is closed until then` };
      const peer = device.peers.find(({ publicKey }) => endpoint.publicKey?.equals(publicKey));
      return peer ? { ifname, peer } : { ifname, problem: `${ifname} has no peer with the container's key` };
    }
    const { share, tunnels } = this.#parts;
    const look = (): TunnelReading => readContainer(tunnels, network, endpoint);
    return share.run(owner, look);
  }

  #hostDevice(ifname: string): WgDevice | string {
    try {
      return this.#parts.wg.device(ifname);
    } catch (err) {
      return isNotFound(err) ? `there is no interface ${ifname} on this host` : messageOf(err);
    }
  }
}

function readContainer(tunnels: ContainerTunnels, network: Network, endpoint: Endpoint): TunnelReading {
  const { mode } = network;
  try {
    const device = tunnels.read(network, endpoint);
    if (!device) return { problem: 'its link is not in its container' };
    const peer = device.peers.find(
      ({ publicKey }) => mode.kind === 'pubkey' && publicKey.equals(mode.publicKey),
    );
    return peer
      ? { ifname: device.name, peer }
      : { ifname: device.name, problem: `its link ${device.name} has no peer with the key of the network` };
  } catch (err) {
    const isGone = isNotFound(err) && !(err instanceof UserError);
    return { problem: isGone ? 'the network namespace of its container is gone' : messageOf(err) };
  }
}

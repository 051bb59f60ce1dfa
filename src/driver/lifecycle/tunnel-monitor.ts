// Keeps live tunnels up to date between Docker's calls: a host interface that was recreated, or changed its key or
// port, and endpoint names that resolve to another address. Observes everything, compares, changes what differs. Not
// here: decisions (driver/tunnel/peers.ts), peers of the host's interface (host-peers.ts), the inside of containers
// (driver/tunnel/container-tunnels.ts), what a crash left behind (recovery.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Coalescer } from '../../base/coalescer.js';
import { errorCode, messageOf } from '../../base/errors.js';
import { onBehalfOf } from '../../base/log.js';
import { LINK_NAME_PREFIX } from '../../base/ownership.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import { isNamed } from '../spec/host-port.js';
import type { Endpoint, Network } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import { ContainerTunnels } from '../tunnel/container-tunnels.js';
import type { EndpointResolver } from '../tunnel/endpoint-resolver.js';
import type { LinkNamespaces } from '../tunnel/namespaces.js';
import { findRemotePeer, NOT_READY, type RemotePeer, sameRemotePeer } from '../tunnel/remote-peer.js';
import { readPresharedKey } from '../tunnel/secrets.js';
import { LoopShare, REST_OF_CALLS } from '../users/loop-share.js';
import { HostPeers, type HostPeersParts } from './host-peers.js';
import { Rechecks } from './rechecks.js';

interface TunnelMonitorParts extends HostPeersParts {
  readonly namespaces: LinkNamespaces;
  readonly resolver: EndpointResolver;
  /** What the work for users other than root takes turns in, as their calls do; absent: one of its own. */
  readonly share?: LoopShare;
}

/** As reresolve-dns in wireguard-tools has it. */
const PERIOD_MS = 30_000;

export class TunnelMonitor {
  readonly #parts: TunnelMonitorParts;
  readonly #tunnels: ContainerTunnels;
  readonly #peers: HostPeers;
  readonly #share: LoopShare;
  #period: NodeJS.Timeout | undefined;
  readonly #rechecks = new Rechecks();
  /** What each network's peer was at the last check. */
  readonly #last = new Map<string, RemotePeer>();
  /** Endpoints that were made peers: their containers hold no session, or one that the other end does not. */
  readonly #sessionLost = new Set<string>();
  /** What was last logged of a network that cannot be kept up to date: each thing once. */
  readonly #lastLogged = new Map<string, string>();
  /** One runner for each user, so that one user's unresolvable names delay nobody else, least of all root. */
  readonly #runners = new Map<number, Coalescer>();
  /** By owner: the interfaces whose networks the next check is asked for; undefined among them: all networks. */
  readonly #scopes = new Map<number, Set<string | undefined>>();
  #isClosed = false;

  constructor(parts: TunnelMonitorParts) {
    this.#parts = parts;
    this.#tunnels = new ContainerTunnels(parts);
    this.#share = parts.share ?? new LoopShare(REST_OF_CALLS);
    this.#peers = new HostPeers(parts, this.#share);
  }

  /** Checks now, and every 30 seconds. */
  start(): void {
    this.#period = setInterval(() => this.trigger(), PERIOD_MS);
    this.trigger();
  }

  close(): void {
    this.#isClosed = true;
    for (const runner of this.#runners.values()) runner.close();
    clearInterval(this.#period);
    this.#rechecks.close();
  }

  /** A link of the host appeared or changed: where networks use it, they are checked at once and some times more. @param only those of one owner */
  linkChanged(name: string, only?: number): void {
    this.#reporting(() => {
      const owners = only === undefined ? this.#parts.store.ownersAt(name) : [only];
      if (owners.length > 0) this.#recheck(name, owners);
    });
  }

  /** A link has left the host's namespace: where Docker has moved it into a container, that one can be completed. */
  linkLeft(name: string): void {
    this.#reporting(() => {
      for (const id of name.startsWith(LINK_NAME_PREFIX) ? this.#sessionLost : []) {
        const endpoint = this.#parts.store.endpoint(id);
        const network = endpoint?.ifname === name ? this.#parts.store.network(endpoint.networkId) : undefined;
        if (network?.mode.kind === 'ifname') this.#recheck(network.mode.ifname, [network.owner]);
      }
    });
  }

  #recheck(ifname: string, owners: readonly number[]): void {
    if (this.#isClosed) return;
    this.#rechecks.begin(`${ifname} ${owners.join()}`, () => {
      for (const owner of owners) this.#trigger(owner, ifname);
    });
  }

  /** Asks for a check of the networks of an interface of the host, which has been changed. */
  triggerAt(ifname: string): void {
    this.#reporting(() => {
      for (const owner of this.#parts.store.ownersAt(ifname)) this.#trigger(owner, ifname);
    });
  }

  /** Asks for a check of everybody's networks, root's first; requests during it are folded into a single next one. */
  trigger(): void {
    this.#reporting(() => {
      this.#prune();
      const owners = this.#parts.store.owners();
      for (const [owner, runner] of this.#runners)
        if (runner.isIdle && !owners.includes(owner)) this.#runners.delete(owner);
      for (const owner of owners) this.#trigger(owner);
    });
  }

  /** Resolves when no check is under way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#runners.values()].map(runner => runner.idle()));
  }

  /** @param ifname of the networks that are meant; absent: all of the owner's */
  #trigger(owner: number, ifname?: string): void {
    if (this.#isClosed) return;
    this.#scopes.set(owner, (this.#scopes.get(owner) ?? new Set()).add(ifname));
    const runner = this.#runners.get(owner) ?? new Coalescer(() => this.#check(owner));
    this.#runners.set(owner, runner);
    runner.trigger();
  }

  async #check(owner: number): Promise<void> {
    try {
      await onBehalfOf(owner, () => this.#reconcileAll(owner));
    } catch (err) {
      this.#failed(err);
    }
  }

  #reporting(step: () => void): void {
    try {
      step();
    } catch (err) {
      this.#failed(err);
    }
  }

  /** The database failed: a later check may find it well again. */
  #failed(err: unknown): void {
    this.#parts.log.error(`cannot check the tunnels: ${messageOf(err)}`);
  }

  async #reconcileAll(owner: number): Promise<void> {
    const { store } = this.#parts;
    const asked = this.#scopes.get(owner);
    this.#scopes.delete(owner);
    const isAsked = ({ mode }: Network): boolean =>
      asked?.has(undefined) === true || (mode.kind === 'ifname' && asked?.has(mode.ifname) === true);
    const devices = new Map<string, Promise<WgDevice | undefined>>();
    for (const network of store.networksOf(owner).filter(isAsked)) {
      if (this.#isClosed) return;
      const endpoints = store.networkEndpoints(network.id).filter(({ state }) => state === 'joined');
      if (endpoints.length === 0) continue;
      try {
        await this.#reconcile(network, endpoints, devices);
        this.#lastLogged.delete(network.id);
      } catch (err) {
        // The next check tries again; a name that does not resolve leaves the tunnel as it is.
        const text = messageOf(err);
        if (this.#lastLogged.get(network.id) === text) continue;
        // wg-quick(8) makes an interface and configures it then.
        if (errorCode(err) === NOT_READY && this.#rechecks.arePending) continue;
        this.#lastLogged.set(network.id, text);
        this.#parts.log.warn({ network: shortId(network.id) }, text);
      }
    }
  }

  /** Drops what is remembered of networks and endpoints that are gone. */
  #prune(): void {
    const { store } = this.#parts;
    for (const id of [...this.#last.keys(), ...this.#lastLogged.keys()]) {
      if (store.network(id)) continue;
      this.#last.delete(id);
      this.#lastLogged.delete(id);
    }
    for (const id of this.#sessionLost) if (!store.endpoint(id)) this.#sessionLost.delete(id);
    const isGone = (id: string): boolean => store.endpoint(id)?.state !== 'joined';
    this.#tunnels.forget(isGone);
    this.#peers.forget(isGone);
  }

  /** @param devices the interfaces as this check has found them: with ten thousands of peers, reading one takes seconds */
  async #reconcile(
    network: Network,
    endpoints: readonly Endpoint[],
    devices: Map<string, Promise<WgDevice | undefined>>,
  ): Promise<void> {
    const presharedKey = await readPresharedKey(network);
    const { resolver } = this.#parts;
    const { mode } = network;
    let device: WgDevice | undefined;
    if (mode.kind === 'ifname') {
      const { ifname } = mode;
      const reading =
        devices.get(ifname) ?? this.#share.run(network.owner, () => this.#parts.host.find(ifname));
      devices.set(ifname, reading);
      device = await reading;
      if (!device) return;
      const restored = await this.#peers.restore(network, device, endpoints, presharedKey);
      for (const id of restored) this.#sessionLost.add(id);
      // Where Docker has not moved a link into its container yet, that one cannot be completed now.
      if (endpoints.some(({ id, pending }) => pending && restored.includes(id)))
        this.#recheck(mode.ifname, [network.owner]);
    }
    const peer = await findRemotePeer(network, device, resolver);
    const last = this.#last.get(network.id);
    // At the first check, the host's interface may have changed while the daemon was down; names are not resolved yet.
    const changed = last ? !sameRemotePeer(last, peer) : mode.kind === 'ifname';
    const all = !last || changed || (mode.endpoint && isNamed(mode.endpoint));
    let failure: unknown;
    for (const endpoint of endpoints) {
      const sessionLost = this.#sessionLost.has(endpoint.id);
      // As long as it is no peer, its own end stays closed.
      if (endpoint.pending && !sessionLost) continue;
      if (!all && !sessionLost && this.#tunnels.hasFound(endpoint.id)) continue;
      try {
        const isJoined = (): boolean => this.#parts.store.endpoint(endpoint.id)?.state === 'joined';
        const view = { peer, changed, sessionLost, presharedKey, isJoined };
        const look = (): Promise<boolean> => this.#tunnels.reconcile(network, endpoint, view);
        // What is in a user's containers, and in his lists of mounts on the way there, takes as long as he likes.
        if (await this.#share.run(network.owner, look)) this.#sessionLost.delete(endpoint.id);
      } catch (err) {
        failure ??= err;
      }
      await nextTurn();
    }
    // A failure in one container does not stop the others; the next check finds the same difference again.
    if (failure) throw failure;
    this.#last.set(network.id, peer);
  }
}

// Live tunnels in their containers: finds each link, and restores its peer if it differs; a link that is missing or has
// another key is logged. Not here: what a change is (peers.ts), when to check (driver/lifecycle/tunnel-monitor.ts),
// links before Docker has them (container-links.ts).

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isNotFound, UserError } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import type { Link } from '../../netlink/route/link.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import type { WgDevice } from '../../netlink/wireguard/device.js';
import type { SecretKey } from '../../netlink/wireguard/key.js';
import type { Endpoint, Network } from '../spec/model.js';
import { shortId } from '../spec/protocol.js';
import { isLinkOf } from './join-plan.js';
import type { LinkNamespaces } from './namespaces.js';
import { planTunnel, type TunnelView } from './peers.js';

/** What is known of a tunnel before its namespace is entered. */
interface OutsideView extends Pick<TunnelView, 'peer' | 'changed' | 'sessionLost'> {
  readonly presharedKey: SecretKey | undefined;
  /** Whether the endpoint is still joined: a check takes time. */
  readonly isJoined: () => boolean;
}

export interface ContainerSockets {
  readonly rt: RtNetlink;
  readonly wg: WgCtrl;
}

export class ContainerTunnels {
  readonly #parts: { readonly namespaces: LinkNamespaces; readonly log: Log };
  /** Endpoints whose link has been seen in its container, with the name that it had there. */
  readonly #found = new Map<string, string>();
  /** What was logged for each endpoint, each thing once. */
  readonly #logged = new Set<string>();

  /** @param parts the way into containers, and the log */
  constructor(parts: { readonly namespaces: LinkNamespaces; readonly log: Log }) {
    this.#parts = parts;
  }

  /** Whether the endpoint's link was in its container when it was last entered. */
  hasFound(endpointId: string): boolean {
    return this.#found.has(endpointId);
  }

  /** Forgets endpoints that are gone. */
  forget(isGone: (endpointId: string) => boolean): void {
    for (const id of [...this.#found.keys(), ...this.#logged]) {
      if (!isGone(id)) continue;
      this.#found.delete(id);
      this.#logged.delete(id);
    }
  }

  /**
   * Enters the container's namespace, and configures the tunnel's peer if it differs.
   * @returns whether the link was there
   */
  async reconcile(network: Network, endpoint: Endpoint, view: OutsideView): Promise<boolean> {
    let sockets: ContainerSockets;
    try {
      sockets = this.#parts.namespaces.openContainer(endpoint, network.owner);
    } catch (err) {
      // The namespace is gone, or not there yet: Docker will say so, or move the link with the configuration of Join.
      if (isNotFound(err) || err instanceof UserError) return false;
      throw err;
    }
    try {
      const wasFound = this.hasFound(endpoint.id);
      const device = await this.#find(network, endpoint, view, sockets);
      if (!device) return false;
      const change = planTunnel({ ...view, device, now: Date.now() }, network, view.presharedKey);
      if (!change) return true;
      // One that has none yet was closed until now.
      const wasOpen = wasFound || device.peers.length > 0;
      if (
        wasOpen &&
        !view.changed &&
        !device.peers.some(({ publicKey }) => publicKey.equals(view.peer.publicKey))
      )
        this.#warnOnce(endpoint, "its link's peer is not that of its network: restoring it");
      await sockets.wg.configure(device.name, change);
      this.#parts.log.info({ endpoint: shortId(endpoint.id) }, "updated a tunnel's peer");
      return true;
    } finally {
      sockets.rt.close();
      sockets.wg.close();
    }
  }

  /**
   * The endpoint's link in its container, as it is now; undefined where it is not there. Nothing is changed or logged.
   * @throws ENOENT when the namespace is gone; UserError; OpError
   */
  read(network: Pick<Network, 'prefix' | 'owner'>, endpoint: Endpoint): WgDevice | undefined {
    return this.work(network, endpoint, device => device);
  }

  /** Does something with it, by sockets that end with that; likewise. */
  work<T>(
    network: Pick<Network, 'prefix' | 'owner'>,
    endpoint: Endpoint,
    fn: (device: WgDevice, sockets: ContainerSockets) => T,
  ): T | undefined {
    const sockets = this.#parts.namespaces.openContainer(endpoint, network.owner);
    try {
      const names = likelyNames(network, this.#found.get(endpoint.id));
      const device = findDevice(sockets, names, endpoint, network.owner);
      if (!device) return undefined;
      this.#found.set(endpoint.id, device.name);
      return fn(device, sockets);
    } finally {
      sockets.rt.close();
      sockets.wg.close();
    }
  }

  async #find(
    network: Network,
    endpoint: Endpoint,
    { isJoined }: OutsideView,
    sockets: ContainerSockets,
  ): Promise<WgDevice | undefined> {
    const names = likelyNames(network, this.#found.get(endpoint.id));
    let device = findDevice(sockets, names, endpoint, network.owner);
    if (!device && endpoint.publicKey) {
      // Docker may be moving it right now: look where it comes from, then once more where it goes.
      if (await this.#isOnItsWay(endpoint, network.owner)) return undefined;
      await nextTurn();
      device = findDevice(sockets, names, endpoint, network.owner);
    }
    if (device) {
      this.#found.set(endpoint.id, device.name);
      return device;
    }
    this.#found.delete(endpoint.id);
    if (endpoint.publicKey && isJoined())
      this.#warnOnce(
        endpoint,
        `its link is not in its container, or has another key than dwgd gave it (${MOST_LINKS} other WireGuard links are looked at): restart the container, and find out who changed it`,
      );
    return undefined;
  }

  /** Whether the link is still where its owner's Docker takes it from. */
  async #isOnItsWay({ ifname }: Endpoint, owner: number): Promise<boolean> {
    const rt = this.#parts.namespaces.openRtNetlink(owner);
    try {
      const link = await rt.link(ifname);
      return link !== undefined && isLinkOf(owner, link);
    } finally {
      rt.close();
    }
  }

  #warnOnce({ id }: Endpoint, text: string): void {
    if (this.#logged.has(id)) return;
    this.#logged.add(id);
    this.#parts.log.warn({ endpoint: shortId(id) }, text);
  }
}

/** Links with names that the network gives, and others, that are looked at in a container: it may have thousands. */
const MOST_NAMES = 4;
const MOST_LINKS = 32;

/** What the endpoint's link in its container may be called: as it last was, or as Docker numbers the network's links. */
function likelyNames({ prefix }: Pick<Network, 'prefix'>, last: string | undefined): string[] {
  const numbered = Array.from({ length: MOST_NAMES }, (_, n) => `${prefix}${n}`);
  return last === undefined ? numbered : [...new Set([last, ...numbered])];
}

/** The endpoint's own link in its container: Docker has given it another name, and perhaps another index. */
function findDevice(
  { rt, wg }: ContainerSockets,
  names: readonly string[],
  { publicKey }: Endpoint,
  owner: number,
): WgDevice | undefined {
  if (!publicKey) return undefined;
  for (const link of candidates(rt, names, owner)) {
    const device = wg.device(link.name);
    if (device.publicKey?.equals(publicKey)) return device;
  }
  return undefined;
}

/** The WireGuard links of a container, the likely ones first, and of the others some. */
function* candidates(rt: RtNetlink, names: readonly string[], owner: number): Generator<Link> {
  const isTunnel = (link: Link | undefined): link is Link => link?.kind === 'wireguard';
  for (const name of names) {
    const link = rt.link(name);
    if (isTunnel(link)) yield link;
  }
  const others = rt.links().filter(link => isTunnel(link) && !names.includes(link.name));
  const isOurs = (link: Link): number => (isLinkOf(owner, link) ? 0 : 1);
  yield* others.sort((a, b) => isOurs(a) - isOurs(b)).slice(0, MOST_LINKS);
}

// Containers' links before Docker has them: sized, made where Docker looks for them, and configured there. Not here:
// what their configuration is (join-plan.ts), how they go in the end (link-reaper.ts).

import { isExists, OpError, UserError } from '../../base/errors.js';
import { type Address, isLoopback } from '../../base/ip.js';
import type { Log } from '../../base/log.js';
import type { RtNetlink } from '../../netlink/route/client.js';
import type { LinkConfig } from '../../netlink/route/link.js';
import type { WgCtrl } from '../../netlink/wireguard/client.js';
import type { WgDevice, WgDeviceConfig } from '../../netlink/wireguard/device.js';
import { type Key, publicKey } from '../../netlink/wireguard/key.js';
import { isLinkOf, planMtu } from './join-plan.js';
import type { DockerSockets, LinkNamespaces } from './namespaces.js';
import type { RemotePeer } from './remote-peer.js';
import type { Rollback } from './rollback.js';

/** The MTU that is assumed where none is known, such as behind a loopback endpoint. */
const ETHERNET_MTU = 1500;

interface ContainerLinksParts {
  /** Of the host's namespace, as is `wg`. */
  readonly rt: RtNetlink;
  readonly wg: WgCtrl;
  /** The way into others. */
  readonly namespaces: LinkNamespaces;
  readonly log: Log;
}

export class ContainerLinks {
  readonly #parts: ContainerLinksParts;

  constructor(parts: ContainerLinksParts) {
    this.#parts = parts;
  }

  /** The MTU of the path to the peer, where that is known, and in ifname mode of the host's interface, where that is there. */
  async mtu(host: WgDevice | undefined, peer: RemotePeer | undefined): Promise<number> {
    const { rt } = this.#parts;
    const path = peer && (await this.#pathMtu(peer.endpoint.address));
    const hostMtu = host && (await rt.link(host.name))?.mtu;
    if (hostMtu === undefined) return planMtu(path ?? ETHERNET_MTU);
    return path === undefined ? hostMtu : Math.min(hostMtu, planMtu(path));
  }

  /** Whether anything that the host sends to an address would leave. */
  hasRoute(address: Address): boolean {
    try {
      return this.#parts.rt.indexTo(address) !== undefined;
    } catch (err) {
      if (err instanceof OpError) return false;
      throw err;
    }
  }

  /** Undefined on loopback, and where there is no route. */
  async #pathMtu(address: Address): Promise<number | undefined> {
    const { rt } = this.#parts;
    if (isLoopback(address)) return undefined;
    try {
      const route = await rt.routeTo(address);
      if (route?.mtu !== undefined) return route.mtu;
      return route?.index === undefined ? undefined : (await rt.link(route.index))?.mtu;
    } catch (err) {
      if (err instanceof OpError) return undefined;
      throw err;
    }
  }

  /**
   * Makes a link where its owner's Docker looks for it, and configures it there. A user's never stands in the host's
   * namespace; its UDP socket does, since the link is requested from there. A leftover of ours is recreated.
   * @param undo the rollback to add to
   * @returns the link's public key
   * @throws UserError when an interface that is not ours has the name
   */
  async make(link: LinkConfig, device: WgDeviceConfig, owner: number, undo: Rollback): Promise<Key> {
    const sockets = this.#open(owner);
    try {
      await this.#create(link, owner, sockets);
      undo.add(`link ${link.name}`, () => this.#delete(link.name, owner));
      await sockets.wg.configure(link.name, device);
      // The user controls everything in that namespace, so nothing read from it is trusted.
      if (owner !== 0) return publicKey(device.privateKey!);
      // The kernel has just derived the public key; deriving it here would cost more than the rest of the Join.
      return (await sockets.wg.device(link.name)).publicKey!;
    } finally {
      sockets.close();
    }
  }

  /**
   * The same of a link that has nothing to be configured, for root's Docker.
   * @param undo the rollback to add to
   * @throws UserError when an interface that is not ours has the name
   */
  async makePlain(link: LinkConfig, undo: Rollback): Promise<void> {
    await this.#create(link, 0, this.#open(0));
    undo.add(`link ${link.name}`, () => this.#delete(link.name, 0));
  }

  async #create(link: LinkConfig, owner: number, { rt, netns }: DockerSockets): Promise<void> {
    const wanted = netns ? { ...link, netnsFd: netns.fd } : link;
    try {
      await this.#parts.rt.createLink(wanted);
    } catch (err) {
      if (!isExists(err)) throw err;
      const present = await rt.link(link.name);
      if (present && !isLinkOf(owner, present)) {
        throw new UserError(
          `the name ${link.name} is taken by an interface that dwgd did not create: rename or delete it (ip link del ${link.name})`,
          { cause: err },
        );
      }
      this.#parts.log.warn({ link: link.name }, 'recreating a leftover link');
      if (present) await rt.deleteLink(present);
      await this.#parts.rt.createLink(wanted);
    }
  }

  async #delete(name: string, owner: number): Promise<void> {
    const sockets = this.#open(owner);
    try {
      const present = await sockets.rt.link(name);
      if (present && isLinkOf(owner, present)) await sockets.rt.deleteLink(present);
    } finally {
      sockets.close();
    }
  }

  /** Whether a link that was made for that owner is still where its Docker looks for it. */
  async isInPlace(name: string, owner: number): Promise<boolean> {
    const sockets = this.#open(owner);
    try {
      const present = await sockets.rt.link(name);
      return present !== undefined && isLinkOf(owner, present);
    } finally {
      sockets.close();
    }
  }

  /** Root's Docker looks in the host's namespace, where sockets are at hand. */
  #open(owner: number): DockerSockets {
    const { rt, wg, namespaces } = this.#parts;
    return owner === 0 ? { rt, wg, close: () => undefined } : namespaces.openDockerSockets(owner);
  }
}

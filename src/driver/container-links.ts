// Containers' links before Docker has them: made, sized and put where Docker looks for them. Not here: their
// configuration (plan.ts), how they go (reaper.ts).

import { isExists, OpError, UserError } from '../errors.js';
import type { Address } from '../ip.js';
import type { Log } from '../log.js';
import type { LinkConfig } from '../netlink/link.js';
import type { RtNetlink } from '../netlink/rtnetlink.js';
import type { WgDevice } from '../netlink/wireguard.js';
import type { RemotePeer } from './peers.js';
import { LINK_GROUP, planMtu } from './plan.js';
import type { Sandboxes } from './sandboxes.js';

/** IPv4 and IPv6 hosts answer with at least this; the path behind a loopback endpoint is not known. */
const ETHERNET_MTU = 1500;

export class ContainerLinks {
  readonly #parts: { readonly rt: RtNetlink; readonly sandboxes: Sandboxes; readonly log: Log };

  /** @param parts an rtnetlink socket of the host's namespace, and the way into others */
  constructor(parts: { readonly rt: RtNetlink; readonly sandboxes: Sandboxes; readonly log: Log }) {
    this.#parts = parts;
  }

  /** What fits through the path to the peer and, in ifname mode, through the host's interface. */
  async mtu(host: WgDevice | undefined, { endpoint }: RemotePeer): Promise<number> {
    const { rt } = this.#parts;
    const path = await this.#pathMtu(endpoint.address);
    const hostMtu = host && (await rt.link(host.name))?.mtu;
    if (hostMtu === undefined) return planMtu(path ?? ETHERNET_MTU);
    return path === undefined ? hostMtu : Math.min(hostMtu, planMtu(path));
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

  /** Makes the link; a left-over of ours with that name is made anew. */
  async create(link: LinkConfig): Promise<void> {
    const { rt, log } = this.#parts;
    try {
      await rt.createLink(link);
    } catch (err) {
      if (!isExists(err)) throw err;
      const present = await rt.link(link.name);
      if (present && (present.kind !== link.kind || present.group !== LINK_GROUP)) {
        throw new UserError(
          `the name ${link.name} is taken by an interface that is not of dwgd: rename or delete it (ip link del ${link.name})`,
          { cause: err },
        );
      }
      log.warn({ link: link.name }, 'a left-over link is made anew');
      if (present) await rt.deleteLink(link.name);
      await rt.createLink(link);
    }
  }

  /** Puts the link where Docker looks for it: it is there already, but for a rootless Docker. */
  async place(name: string, owner: number): Promise<void> {
    const { rt, sandboxes } = this.#parts;
    const target = sandboxes.openDocker(owner);
    if (!target) return;
    try {
      await rt.setLink(name, { netnsFd: target.fd });
    } finally {
      target.close();
    }
  }

  async isInPlace(name: string, owner: number): Promise<boolean> {
    const rt = this.#parts.sandboxes.openRtNetlink(owner);
    try {
      return (await rt.link(name)) !== undefined;
    } finally {
      rt.close();
    }
  }
}

function isLoopback({ family, bytes }: Address): boolean {
  return family === 4 ? bytes[0] === 127 : bytes.subarray(0, 15).every(byte => byte === 0) && bytes[15] === 1;
}

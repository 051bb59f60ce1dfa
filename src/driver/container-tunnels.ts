// Live tunnels in their containers: each looked into, and brought to its peer where it is not there. Not here: what a
// change is (peers.ts), when to look (upkeep.ts), links before Docker has them (container-links.ts).

import { isNotFound, UserError } from '../errors.js';
import type { Log } from '../log.js';
import type { SecretKey } from '../netlink/key.js';
import type { RtNetlink } from '../netlink/rtnetlink.js';
import type { WgCtrl } from '../netlink/wgctrl.js';
import type { WgDevice } from '../netlink/wireguard.js';
import { shortId } from './api.js';
import type { Endpoint, Network } from './network.js';
import { planTunnel, type TunnelView } from './peers.js';
import type { Sandboxes } from './sandboxes.js';

/** What is known of a tunnel before its container is looked into. */
export interface OutsideView extends Pick<TunnelView, 'peer' | 'changed' | 'forgotten'> {
  readonly presharedKey: SecretKey | undefined;
}

export class ContainerTunnels {
  readonly #parts: { readonly sandboxes: Sandboxes; readonly log: Log };

  /** @param parts the way into containers, and the log */
  constructor(parts: { readonly sandboxes: Sandboxes; readonly log: Log }) {
    this.#parts = parts;
  }

  /** Looks into the container, and brings its tunnel to the peer. */
  async bring(network: Network, endpoint: Endpoint, view: OutsideView): Promise<void> {
    let sockets: { rt: RtNetlink; wg: WgCtrl };
    try {
      sockets = this.#parts.sandboxes.openContainer(endpoint, network.owner);
    } catch (err) {
      // Gone, or not there yet: Docker says so, or moves the link with what Join gave it.
      if (isNotFound(err) || err instanceof UserError) return;
      throw err;
    }
    try {
      const device = await findDevice(sockets, endpoint);
      const change = device && planTunnel({ ...view, device, now: Date.now() }, network, view.presharedKey);
      if (!device || !change) return;
      await sockets.wg.configure(device.name, change);
      this.#parts.log.info({ endpoint: shortId(endpoint.id) }, 'brought a tunnel to its peer');
    } finally {
      sockets.rt.close();
      sockets.wg.close();
    }
  }
}

/** The endpoint's own link in its container: Docker has given it another name, and perhaps another index. */
async function findDevice(
  { rt, wg }: { rt: RtNetlink; wg: WgCtrl },
  endpoint: Endpoint,
): Promise<WgDevice | undefined> {
  for (const link of await rt.links()) {
    if (link.kind !== 'wireguard') continue;
    const device = await wg.device(link.name);
    if (endpoint.publicKey && device.publicKey?.equals(endpoint.publicKey)) return device;
  }
  return undefined;
}

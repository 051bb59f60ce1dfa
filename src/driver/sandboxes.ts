// Where links are: the host's namespace, the one in which a rootless Docker looks for them, and containers' own.
// Opens sockets and handles there. Not here: what is done with them, how a rootless Docker is found (rootless.ts).

import type { Netns, NetnsSwitch } from '../netlink/netns.js';
import { Netns as NetnsHandle } from '../netlink/netns.js';
import { RtNetlink } from '../netlink/rtnetlink.js';
import type { SyncNetlinkSocket } from '../netlink/sync-socket.js';
import { WgCtrl } from '../netlink/wgctrl.js';
import type { Endpoint } from './network.js';
import { openRouteSocket } from './reaper.js';
import type { RootlessHosts } from './rootless.js';

export class Sandboxes {
  readonly #switch: NetnsSwitch;
  readonly #rootless: RootlessHosts;

  constructor(netnsSwitch: NetnsSwitch, rootless: RootlessHosts) {
    this.#switch = netnsSwitch;
    this.#rootless = rootless;
  }

  /**
   * The namespace in which a Docker looks for links; undefined when that is the host's own.
   * @throws UserError when the user's rootless Docker does not run, or its namespace is not that user's
   */
  openDocker(owner: number): Netns | undefined {
    return owner === 0 ? undefined : this.#rootless.openNetns(owner);
  }

  /** An rtnetlink socket where a Docker looks for links. */
  openRtNetlink(owner: number): RtNetlink {
    return this.#inDocker(owner, () => new RtNetlink());
  }

  /** An rtnetlink socket for a thread of its own, where a Docker looks for links. */
  openRouteSocket(owner: number): SyncNetlinkSocket {
    return this.#inDocker(owner, openRouteSocket);
  }

  /** Sockets in a container's namespace. @throws ENOENT when it is gone, or was never joined */
  openContainer(endpoint: Endpoint, owner: number): { rt: RtNetlink; wg: WgCtrl } {
    const path = endpoint.sandboxKey ?? '';
    const netns = owner === 0 ? new NetnsHandle(path) : this.#rootless.openSandbox(owner, path);
    try {
      return this.#switch.within(netns, () => ({ rt: new RtNetlink(), wg: new WgCtrl() }));
    } finally {
      netns.close();
    }
  }

  #inDocker<T extends RtNetlink | SyncNetlinkSocket>(owner: number, open: () => T): T {
    const netns = this.openDocker(owner);
    if (!netns) return open();
    try {
      return this.#switch.within<RtNetlink | SyncNetlinkSocket>(netns, open) as T;
    } finally {
      netns.close();
    }
  }
}

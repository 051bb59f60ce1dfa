// Where links are: the host's namespace, the one in which a rootless Docker looks for them, and containers' own.
// Opens sockets and handles there. Not here: what is done with them, how a rootless Docker is found (rootless.ts).

import { statfsSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { Netns, NetnsSwitch, Synchronous } from '../netlink/netns.js';
import { Netns as NetnsHandle } from '../netlink/netns.js';
import { RtNetlink } from '../netlink/rtnetlink.js';
import type { SyncNetlinkSocket } from '../netlink/sync-socket.js';
import { WgCtrl } from '../netlink/wgctrl.js';
import type { Endpoint } from './network.js';
import { openRouteSocket } from './reaper.js';
import type { RootlessHosts } from './rootless.js';

/** NSFS_MAGIC of <linux/magic.h>: the file system of namespaces. */
const NSFS_MAGIC = 0x6e736673;

export class Sandboxes {
  readonly #switch: NetnsSwitch;
  readonly #rootless: RootlessHosts;

  constructor(netnsSwitch: NetnsSwitch, rootless: RootlessHosts) {
    this.#switch = netnsSwitch;
    this.#rootless = rootless;
  }

  /**
   * The namespace in which a Docker looks for links; undefined when that is the host's own.
   * @throws UserError when the user's rootless Docker does not run
   */
  openDocker(owner: number): Netns | undefined {
    return owner === 0 ? undefined : new NetnsHandle(this.#rootless.netnsPath(owner));
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
    const netns = this.openNetns(endpoint, owner);
    try {
      return this.#switch.within(netns, () => ({ rt: new RtNetlink(), wg: new WgCtrl() }));
    } finally {
      netns.close();
    }
  }

  /**
   * A container's namespace, for within(): close it soon.
   * @throws ENOENT when it is gone, or not there yet; UserError when it is the host's own
   */
  openNetns(endpoint: Endpoint, owner: number): Netns {
    const netns = new NetnsHandle(this.#rootless.path(owner, endpoint.sandboxKey ?? ''));
    try {
      // Docker makes a file first and mounts the namespace over it.
      if (statfsSync(`/proc/self/fd/${netns.fd}`).type !== NSFS_MAGIC)
        throw new UserError("the container's namespace is not there yet", { code: 'ENOENT' });
      if (netns.key === this.#switch.hostKey)
        throw new UserError("the container's namespace is the host's own: give the container one of its own");
      return netns;
    } catch (err) {
      netns.close();
      throw err;
    }
  }

  /** Runs a function in a namespace, as NetnsSwitch does. */
  within<T>(netns: Netns, fn: () => Synchronous<T>): Synchronous<T> {
    return this.#switch.within(netns, fn);
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

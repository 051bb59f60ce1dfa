// Where links are: the host's namespace, the one in which a rootless Docker looks for them, and containers' own. Opens
// sockets and handles there. Not here: what is done with them, how a rootless Docker is found
// (driver/users/rootless-hosts.ts).

import { statfsSync } from 'node:fs';
import { UserError } from '../../base/errors.js';
import {
  type Connection,
  GUARDED,
  openConnection,
  openRouteSocket,
  type ThreadedConnection,
} from '../../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../../netlink/message.js';
import type { Netns, NetnsSwitch, Synchronous } from '../../netlink/netns.js';
import { Netns as NetnsHandle } from '../../netlink/netns.js';
import { RtNetlink } from '../../netlink/route/client.js';
import { WgCtrl } from '../../netlink/wireguard/client.js';
import type { Endpoint } from '../spec/model.js';
import type { RootlessHosts } from '../users/rootless-hosts.js';

/** Sockets where a Docker looks for links. */
export interface DockerSockets {
  readonly rt: RtNetlink;
  readonly wg: WgCtrl;
  /** Absent: the host's namespace. */
  readonly netns?: Pick<Netns, 'fd'>;
  close(): void;
}
/** A container's tunnel is one link with one peer; with NET_ADMIN it may have thousands more, of both. */
const CONTAINER_LINKS = { ...GUARDED, messages: 512 };
/** Each message holds some dozen peers. */
const CONTAINER_DEVICE = { ...GUARDED, messages: 8 };
/** NSFS_MAGIC of <linux/magic.h>: the file system of namespaces. */
const NSFS_MAGIC = 0x6e736673;

export class LinkNamespaces {
  readonly #switch: NetnsSwitch;
  readonly #rootless: RootlessHosts;

  constructor(netnsSwitch: NetnsSwitch, rootless: RootlessHosts) {
    this.#switch = netnsSwitch;
    this.#rootless = rootless;
  }

  /**
   * The namespace in which a Docker looks for links; undefined for root's, which looks in the host's own.
   * @throws UserError when the user's rootless Docker does not run, or its namespace is not that user's
   */
  openDocker(owner: number): Netns | undefined {
    return owner === 0 ? undefined : this.#refuseHost(this.#rootless.openNetns(owner), owner);
  }

  /** Sockets where the Docker of a user other than root looks for links. Throws as openDocker does. */
  openDockerSockets(owner: number): DockerSockets {
    const netns = this.openDocker(owner)!;
    const open: { close(): void }[] = [netns];
    const close = (): void => {
      for (const one of open) one.close();
    };
    const connect = (protocol: number): Connection => {
      const connection = openConnection(protocol, { limits: GUARDED });
      open.push(connection);
      return connection;
    };
    try {
      return this.#switch.within(netns, () => ({
        rt: new RtNetlink(connect(NETLINK_ROUTE)),
        wg: new WgCtrl(connect(NETLINK_GENERIC)),
        netns,
        close,
      }));
    } catch (err) {
      close();
      throw err;
    }
  }

  /** An rtnetlink socket where a Docker looks for links. */
  openRtNetlink(owner: number): RtNetlink {
    return this.#inDocker(owner, () => new RtNetlink(openConnection(NETLINK_ROUTE)));
  }

  /** An rtnetlink socket for a thread of its own, where a Docker looks for links. */
  openRouteSocket(owner: number): ThreadedConnection {
    return this.#inDocker(owner, openRouteSocket);
  }

  /** Sockets in a container's namespace. @throws ENOENT when it is gone, or was never joined */
  openContainer(endpoint: Endpoint, owner: number): { rt: RtNetlink; wg: WgCtrl } {
    const netns = this.openNetns(endpoint, owner);
    try {
      return this.#switch.within(netns, () => {
        const rt = new RtNetlink(openConnection(NETLINK_ROUTE, { limits: CONTAINER_LINKS }));
        try {
          return { rt, wg: new WgCtrl(openConnection(NETLINK_GENERIC, { limits: CONTAINER_DEVICE })) };
        } catch (err) {
          rt.close();
          throw err;
        }
      });
    } finally {
      netns.close();
    }
  }

  /**
   * A container's namespace, for within(): close it soon.
   * @throws ENOENT when it is gone or not there yet; UserError when it is the host's own, or not that owner's
   */
  openNetns(endpoint: Endpoint, owner: number): Netns {
    const path = endpoint.sandboxKey ?? '';
    const opened = owner === 0 ? new NetnsHandle(path) : this.#rootless.openSandbox(owner, path);
    const netns = this.#refuseHost(opened, owner);
    try {
      // Docker makes a file first and mounts the namespace over it.
      if (statfsSync(`/proc/self/fd/${netns.fd}`).type !== NSFS_MAGIC)
        throw new UserError("the container's namespace is not there yet", { code: 'ENOENT' });
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

  #inDocker<T extends RtNetlink | ThreadedConnection>(owner: number, open: () => T): T {
    const netns = this.openDocker(owner);
    if (!netns) return open();
    try {
      return this.#switch.within<RtNetlink | ThreadedConnection>(netns, open) as T;
    } finally {
      netns.close();
    }
  }

  /** No container and no user's Docker has a business in the host's namespace. */
  #refuseHost(netns: Netns, owner: number): Netns {
    if (netns.key !== this.#switch.hostKey) return netns;
    netns.close();
    const whose = owner === 0 ? 'a container' : `the Docker of user ${owner}, or a container of it,`;
    throw new UserError(
      `${whose} has the network namespace of the host, where dwgd makes no link for it: run it in a namespace of its own`,
      // A user's namespace may still become what it shall be; Join must not wait for root's to.
      owner === 0 ? {} : { code: 'ENOENT' },
    );
  }
}

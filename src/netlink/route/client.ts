// The verbs of ip(8) on one rtnetlink socket: links, addresses, routes of the namespace it was opened in.
// Not here: the bytes (link.ts, address.ts, route.ts).

import { isNotFound } from '../../base/errors.js';
import { type Address, formatAddress, formatPrefix } from '../../base/ip.js';
import type { Trace } from '../../base/trace.js';
import { NETLINK_ROUTE, type NetlinkChannel, NetlinkSocket } from '../event-socket.js';
import {
  decodeAddress,
  deleteAddressRequest,
  getAddressesRequest,
  type LinkAddress,
  newAddressRequest,
} from './address.js';
import { ipLinkAdd, ipLinkDel, ipLinkSet } from './describe.js';
import {
  decodeLink,
  deleteLinkRequest,
  getLinkRequest,
  type Link,
  type LinkChange,
  type LinkConfig,
  newLinkRequest,
  RTM_DELLINK,
  RTM_NEWLINK,
  RTNLGRP_LINK,
  setLinkRequest,
} from './link.js';
import {
  decodeRoute,
  deleteRouteRequest,
  getRoutesRequest,
  getRouteToRequest,
  newRouteRequest,
  type Route,
  type RouteConfig,
  type RoutePlacement,
} from './route.js';

export class RtNetlink {
  readonly #channel: NetlinkChannel;
  readonly #trace: Trace | undefined;

  /** Without a channel: a socket of the namespace of the calling thread, opened synchronously. */
  constructor(channel: NetlinkChannel = new NetlinkSocket(NETLINK_ROUTE), trace?: Trace) {
    this.#channel = channel;
    this.#trace = trace;
  }

  close(): void {
    this.#channel.close();
  }

  /** @throws OpError: EEXIST (name taken), EOPNOTSUPP (no such kind) */
  async createLink(link: LinkConfig): Promise<void> {
    this.#trace?.(ipLinkAdd(link));
    await this.#channel.request(newLinkRequest(link), { op: 'creating link', subject: link.name });
  }

  /** @throws OpError: ENODEV */
  async setLink(name: string, change: LinkChange): Promise<void> {
    const op = change.netnsFd === undefined ? 'changing link' : 'moving link';
    this.#trace?.(ipLinkSet(name, change));
    await this.#channel.request(setLinkRequest(name, change), { op, subject: name });
  }

  /** The link of a name, or one as it was read: that one and no other of its name. @throws OpError: ENODEV */
  async deleteLink(link: string | Pick<Link, 'name' | 'index'>): Promise<void> {
    const [name, which] = typeof link === 'string' ? [link, link] : [link.name, link.index];
    this.#trace?.(ipLinkDel(name));
    await this.#channel.request(deleteLinkRequest(which), { op: 'deleting link', subject: name });
  }

  /** The link of a name or index; undefined where there is none. */
  async link(which: string | number): Promise<Link | undefined> {
    try {
      const purpose = { op: 'reading link', subject: String(which) };
      const [reply] = await this.#channel.request(getLinkRequest(which), purpose);
      return reply && decodeLink(reply.payload);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }

  /** Every link of the namespace. */
  async links(): Promise<Link[]> {
    const replies = await this.#channel.request(getLinkRequest(), { op: 'listing', subject: 'links' });
    return replies.map(({ payload }) => decodeLink(payload));
  }

  /** @throws OpError: EEXIST */
  async addAddress(address: LinkAddress): Promise<void> {
    const subject = formatPrefix(address.prefix);
    await this.#channel.request(newAddressRequest(address), { op: 'adding address', subject });
  }

  /** @throws OpError: EADDRNOTAVAIL */
  async deleteAddress(address: LinkAddress): Promise<void> {
    const subject = formatPrefix(address.prefix);
    await this.#channel.request(deleteAddressRequest(address), { op: 'deleting address', subject });
  }

  /** Every address of every link. */
  async addresses(): Promise<LinkAddress[]> {
    const purpose = { op: 'listing', subject: 'addresses' };
    const replies = await this.#channel.request(getAddressesRequest(), purpose);
    return replies.map(({ payload }) => decodeAddress(payload));
  }

  /** @throws OpError: EEXIST (`exclusive`), ENETUNREACH (gateway not on-link) */
  async addRoute(route: RouteConfig, placement?: RoutePlacement): Promise<void> {
    const subject = formatPrefix(route.destination);
    await this.#channel.request(newRouteRequest(route, placement), { op: 'adding route', subject });
  }

  /** @throws OpError: ESRCH */
  async deleteRoute(route: RouteConfig): Promise<void> {
    const subject = formatPrefix(route.destination);
    await this.#channel.request(deleteRouteRequest(route), { op: 'deleting route', subject });
  }

  /** Every IPv4 and IPv6 route of every table. */
  async routes(): Promise<Route[]> {
    const replies = await this.#channel.request(getRoutesRequest(), { op: 'listing', subject: 'routes' });
    return replies.flatMap(({ payload }) => decodeRoute(payload) ?? []);
  }

  /** The route that a packet to the address would take. @throws OpError: ENETUNREACH */
  async routeTo(address: Address): Promise<Route | undefined> {
    const purpose = { op: 'finding the route to', subject: formatAddress(address) };
    const [reply] = await this.#channel.request(getRouteToRequest(address), purpose);
    return reply && decodeRoute(reply.payload);
  }
}

/** Tells of links that appear, change and go. */
export interface LinkWatch {
  close(): void;
}

/**
 * Watches the links of the namespace of the calling thread. Where thousands change while nobody reads, some may go
 * unsaid: look at all of them from time to time.
 * @param changed called with the link and whether it is there
 */
export function watchLinks(changed: (link: Link, present: boolean) => void): LinkWatch {
  const socket = new NetlinkSocket(NETLINK_ROUTE);
  socket.subscribe(RTNLGRP_LINK, ({ type, payload }) => {
    if (type === RTM_NEWLINK || type === RTM_DELLINK) changed(decodeLink(payload), type === RTM_NEWLINK);
  });
  return socket;
}

// The verbs of ip(8) on one rtnetlink connection: links, addresses, routes and policy rules of the namespace it was
// opened in. Not here: the bytes (link.ts, address.ts, route.ts, policy-rule.ts).

import { isNotFound, OpError } from '../../base/errors.js';
import { type Address, type Family, formatAddress, formatPrefix, isDefault } from '../../base/ip.js';
import { faultPoint } from '../../fault/fault-point.js';
import { type Connection, type OpContext, openConnection } from '../connection.js';
import { NETLINK_ROUTE, type Request } from '../message.js';
import type { Trace } from '../trace.js';
import {
  decodeAddress,
  deleteAddressRequest,
  getAddressesRequest,
  type LinkAddress,
  newAddressRequest,
} from './address.js';
import { ipLinkAdd, ipLinkDel, ipLinkRename, ipLinkSet, ipRouteAdd, ipRouteDel, ipRule } from './describe.js';
import {
  decodeLink,
  deleteLinkRequest,
  getLinkRequest,
  type Link,
  type LinkChange,
  type LinkConfig,
  newLinkRequest,
  renameLinkRequest,
  setLinkRequest,
} from './link.js';
import { decodeNeighbour, getNeighboursRequest, type Neighbour } from './neighbour.js';
import { decodeForwarding, getNetconfRequest } from './netconf.js';
import { deleteRuleRequest, getPolicyRulesRequest, newRuleRequest, type Rule } from './policy-rule.js';
import {
  decodeRoute,
  deleteRouteRequest,
  getMainRoutesRequest,
  getRoutesRequest,
  getRouteToRequest,
  newRouteRequest,
  type Route,
  type RouteConfig,
  type RoutePlacement,
  RT_TABLE_MAIN,
  readRoutes,
} from './route.js';

/**
 * How the kernel says that a packet would not leave: no route, or unreachable (ENETUNREACH, EHOSTUNREACH), prohibit (EACCES),
 * blackhole (EINVAL), and no such family (EAFNOSUPPORT, EOPNOTSUPP).
 */
const NO_ROUTE: ReadonlySet<string> = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EACCES',
  'EINVAL',
  'EAFNOSUPPORT',
  'EOPNOTSUPP',
]);

/** Whatever lists throws ChannelError beyond the limits of the connection. */
export class RtNetlink {
  readonly #connection: Connection;
  readonly #trace: Trace | undefined;

  /**
   * Without a connection: one of the namespace of the calling thread, opened now.
   * @param trace is told each change before it is made
   */
  constructor(connection: Connection = openConnection(NETLINK_ROUTE), trace?: Trace) {
    this.#connection = connection;
    this.#trace = trace;
  }

  close(): void {
    this.#connection.close();
  }

  /** @throws OpError: EEXIST (name taken), EOPNOTSUPP (no such kind) */
  createLink(link: LinkConfig): void {
    this.#trace?.(ipLinkAdd(link));
    this.#change(newLinkRequest(link), { op: 'creating link', subject: link.name });
  }

  /** @throws OpError: ENODEV */
  setLink(name: string, change: LinkChange): void {
    const op = change.netnsFd === undefined ? 'changing link' : 'moving link';
    this.#trace?.(ipLinkSet(name, change));
    this.#change(setLinkRequest(name, change), { op, subject: name });
  }

  /** @throws OpError: ENODEV, EEXIST (name taken) */
  renameLink({ name, index }: Pick<Link, 'name' | 'index'>, newName: string): void {
    this.#trace?.(ipLinkRename(name, newName));
    this.#change(renameLinkRequest(index, newName), { op: 'renaming link', subject: name });
  }

  /** The link of a name, or one as it was read: that one and no other of its name. @throws OpError: ENODEV */
  deleteLink(link: string | Pick<Link, 'name' | 'index'>): void {
    const [name, which] = typeof link === 'string' ? [link, link] : [link.name, link.index];
    this.#trace?.(ipLinkDel(name));
    this.#change(deleteLinkRequest(which), { op: 'deleting link', subject: name });
  }

  /** The link of a name or index; undefined where there is none. */
  link(which: string | number): Link | undefined {
    const context = { op: 'reading link', subject: String(which) };
    const payload = this.#first(getLinkRequest(which), context, isNotFound);
    return payload && decodeLink(payload);
  }

  /** Every link of the namespace. */
  links(): Link[] {
    return this.#list(getLinkRequest(), 'links').map(decodeLink);
  }

  /** @throws OpError: EEXIST */
  addAddress(address: LinkAddress): void {
    const subject = formatPrefix(address.prefix);
    this.#change(newAddressRequest(address), { op: 'adding address', subject });
  }

  /** @throws OpError: EADDRNOTAVAIL */
  deleteAddress(address: LinkAddress): void {
    const subject = formatPrefix(address.prefix);
    this.#change(deleteAddressRequest(address), { op: 'deleting address', subject });
  }

  /** Every address of every link. */
  addresses(): LinkAddress[] {
    return this.#list(getAddressesRequest(), 'addresses').map(decodeAddress);
  }

  /** The neighbours of every link. */
  neighbours(): Neighbour[] {
    return this.#list(getNeighboursRequest(), 'neighbours').flatMap(
      payload => decodeNeighbour(payload) ?? [],
    );
  }

  /** @throws OpError: EEXIST (`exclusive`), ENETUNREACH (gateway not on-link) */
  addRoute(route: RouteConfig, placement?: RoutePlacement): void {
    this.#trace?.(ipRouteAdd(route, placement));
    const context = { op: 'adding route', subject: describe(route) };
    this.#change(newRouteRequest(route, placement), context);
  }

  /** @throws OpError: ESRCH */
  deleteRoute(route: RouteConfig): void {
    this.#trace?.(ipRouteDel(route));
    this.#change(deleteRouteRequest(route), { op: 'deleting route', subject: describe(route) });
  }

  /**
   * The routes of both families in every table, in the kernel's order.
   * @param protocol only those that it (RTPROT_*) made
   */
  routes(protocol?: number): Route[] {
    return readRoutes(this.listRoutes(protocol), protocol);
  }

  /** The same as the kernel says it, for readRoutes(). */
  listRoutes(protocol?: number): Buffer[] {
    return this.#list(getRoutesRequest(protocol), 'routes');
  }

  /** Whether table main has a default route. */
  hasMainDefault(family: Family): boolean {
    return this.#list(getMainRoutesRequest(family), 'routes of main').some(payload => {
      const route = decodeRoute(payload);
      // Kernels that do not filter give all.
      return route?.table === RT_TABLE_MAIN && isDefault(route.destination);
    });
  }

  /** The route that a packet to the address would take. @throws OpError: ENETUNREACH */
  routeTo(address: Address): Route | undefined {
    return this.#routeTo(address, () => false);
  }

  /** The index of the link by which a packet to the address would leave; undefined where there is no way to it. */
  indexTo(address: Address): number | undefined {
    return this.#routeTo(address, isNoRoute)?.index;
  }

  /** The same link's name. */
  linkTo(address: Address): string | undefined {
    const index = this.indexTo(address);
    return index === undefined ? undefined : this.link(index)?.name;
  }

  /**
   * `net.ipv4.ip_forward` or `net.ipv6.conf.all.forwarding`; undefined where the kernel does not say, as without that family.
   * @throws OpError, ChannelError
   */
  forwarding(family: Family): number | undefined {
    const context = { op: 'reading forwarding of', subject: `IPv${family}` };
    const payload = this.#first(getNetconfRequest(family), context, isNoFamily);
    return payload && decodeForwarding(payload);
  }

  /** All policy rules of both families, in the kernel's order, as it says them: for readRules(). */
  listRules(): Buffer[] {
    return this.#list(getPolicyRulesRequest(), 'policy rules');
  }

  /** @throws OpError: EEXIST */
  addRule(rule: Rule): void {
    this.#trace?.(ipRule('add', rule));
    const context = { op: 'adding policy rule', subject: String(rule.priority) };
    this.#change(newRuleRequest(rule), context);
  }

  /** @throws OpError: ENOENT */
  deleteRule(rule: Rule): void {
    this.#trace?.(ipRule('del', rule));
    const context = { op: 'deleting policy rule', subject: String(rule.priority) };
    this.#change(deleteRuleRequest(rule), context);
  }

  #change(request: Request, context: OpContext): void {
    faultPoint('rtnetlink');
    this.#connection.request(request, context);
  }

  #list(request: Request, subject: string): Buffer[] {
    return this.#connection.request(request, { op: 'listing', subject }).map(({ payload }) => payload);
  }

  #routeTo(address: Address, isNone: (err: unknown) => boolean): Route | undefined {
    const context = { op: 'finding the route to', subject: formatAddress(address) };
    const payload = this.#first(getRouteToRequest(address), context, isNone);
    return payload && decodeRoute(payload);
  }

  /** The first answer; undefined where there is none. */
  #first(request: Request, context: OpContext, isNone: (err: unknown) => boolean): Buffer | undefined {
    try {
      return this.#connection.request(request, context)[0]?.payload;
    } catch (err) {
      if (isNone(err)) return undefined;
      throw err;
    }
  }
}

function describe({ destination, gateway }: RouteConfig): string {
  return gateway ? `${formatPrefix(destination)} via ${formatAddress(gateway)}` : formatPrefix(destination);
}

function isNoFamily(err: unknown): boolean {
  return err instanceof OpError && (err.code === 'EAFNOSUPPORT' || err.code === 'EOPNOTSUPP');
}

function isNoRoute(err: unknown): boolean {
  return err instanceof OpError && NO_ROUTE.has(err.code);
}

// The verbs of ip(8) on routes and policy rules within one synchronous moment, in the namespace of the calling thread.
// Not here: links and addresses, and all that can wait (client.ts).

import { OpError } from '../../base/errors.js';
import { type Address, formatAddress, formatPrefix, isDefault } from '../../base/ip.js';
import type { Trace } from '../../base/trace.js';
import { GUARDED, SyncNetlinkSocket } from '../connection.js';
import { NETLINK_ROUTE, type OpContext } from '../event-socket.js';
import type { Message, Request } from '../message.js';
import { decodeAddress, getAddressesRequest, type LinkAddress } from './address.js';
import { ipRouteAdd, ipRouteDel, ipRule } from './describe.js';
import { decodeLink, getLinkRequest, type Link } from './link.js';
import { deleteRuleRequest, getRulesRequest, newRuleRequest, type Rule } from './policy-rule.js';
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

export class SyncRtNetlink {
  readonly #socket: SyncNetlinkSocket;
  readonly #trace: Trace | undefined;

  /**
   * Opens a socket, which pins the namespace: close it in the same window.
   * @param buffer where answers are read to
   * @param trace is told each change before it is made
   * @throws OpError
   */
  constructor(buffer?: Buffer, trace?: Trace) {
    this.#socket = new SyncNetlinkSocket(NETLINK_ROUTE, buffer, GUARDED);
    this.#socket.filterDumps();
    this.#trace = trace;
  }

  close(): void {
    this.#socket.close();
  }

  /**
   * The routes of both families that somebody (RTPROT_*) made, in every table, in the kernel's order.
   * @throws ChannelError when there are more than MOST_ANSWERS
   */
  routes(protocol: number): Route[] {
    return readRoutes(this.listRoutes(protocol), protocol);
  }

  /** The same as the kernel says it, for readRoutes(). Throws as `routes` does. */
  listRoutes(protocol: number): Buffer[] {
    return this.#list(getRoutesRequest(protocol), { op: 'listing', subject: 'routes' });
  }

  /**
   * Whether table main has a default route.
   * @throws ChannelError when it has more than MOST_ANSWERS routes
   */
  hasMainDefault(family: 4 | 6): boolean {
    return this.#list(getMainRoutesRequest(family), { op: 'listing', subject: 'routes of main' }).some(
      payload => {
        const route = decodeRoute(payload);
        // Kernels that do not filter give all.
        return route?.table === RT_TABLE_MAIN && isDefault(route.destination);
      },
    );
  }

  /** Every link. @throws ChannelError when there are more than MOST_ANSWERS */
  links(): Link[] {
    return this.#list(getLinkRequest(), { op: 'listing', subject: 'links' }).map(decodeLink);
  }

  /** Every address of every link. Throws as `links` does. */
  addresses(): LinkAddress[] {
    return this.#list(getAddressesRequest(), { op: 'listing', subject: 'addresses' }).map(decodeAddress);
  }

  /**
   * All policy rules of both families, in the kernel's order, as it says them: for readRules().
   * @throws ChannelError when there are more than MOST_ANSWERS
   */
  listRules(): Buffer[] {
    return this.#list(getRulesRequest(), { op: 'listing', subject: 'policy rules' });
  }

  /** @throws OpError: EEXIST, ENETUNREACH (gateway not on-link) */
  addRoute(route: RouteConfig, placement: RoutePlacement): void {
    this.#trace?.(ipRouteAdd(route, placement));
    const purpose = { op: 'adding route', subject: describe(route) };
    this.#socket.request(newRouteRequest(route, placement), purpose);
  }

  /** @throws OpError: ESRCH */
  deleteRoute(route: RouteConfig): void {
    this.#trace?.(ipRouteDel(route));
    this.#socket.request(deleteRouteRequest(route), { op: 'deleting route', subject: describe(route) });
  }

  /** @throws OpError: EEXIST */
  addRule(rule: Rule): void {
    this.#trace?.(ipRule('add', rule));
    const purpose = { op: 'adding policy rule', subject: String(rule.priority) };
    this.#socket.request(newRuleRequest(rule), purpose);
  }

  /** @throws OpError: ENOENT */
  deleteRule(rule: Rule): void {
    this.#trace?.(ipRule('del', rule));
    const purpose = { op: 'deleting policy rule', subject: String(rule.priority) };
    this.#socket.request(deleteRuleRequest(rule), purpose);
  }

  /** The index of the link by which a packet to the address would leave; undefined where there is no way to it. */
  indexTo(address: Address): number | undefined {
    const purpose = { op: 'finding the route to', subject: formatAddress(address) };
    const [found] = this.#ask(getRouteToRequest(address), purpose);
    return found && decodeRoute(found.payload)?.index;
  }

  /** The same link's name. */
  linkTo(address: Address): string | undefined {
    const index = this.indexTo(address);
    if (index === undefined) return undefined;
    const [link] = this.#ask(getLinkRequest(index), { op: 'reading link', subject: String(index) });
    return link && decodeLink(link.payload).name;
  }

  #list(request: Request, purpose: OpContext): Buffer[] {
    return this.#socket.request(request, purpose).map(({ payload }) => payload);
  }

  /** Nothing where the kernel refuses: ENETUNREACH, or what the packet would meet: EHOSTUNREACH, EACCES, EINVAL. */
  #ask(request: Request, purpose: OpContext): Message[] {
    try {
      return this.#socket.request(request, purpose);
    } catch (err) {
      if (err instanceof OpError) return [];
      throw err;
    }
  }
}

function describe({ destination, gateway }: RouteConfig): string {
  return gateway ? `${formatPrefix(destination)} via ${formatAddress(gateway)}` : formatPrefix(destination);
}

// A network namespace as the way of a packet depends on it: links, addresses and rules, read at once, and look-ups, asked one by
// one. Sockets belong to the namespace for good, so only their opening is done inside. Its owner may mean harm: all is bounded.
// Not here: what follows from it (machine/walk.ts).

import { existsSync, readFileSync } from 'node:fs';
import { ChannelError, OpError, TooManyError } from '../base/errors.js';
import { type Address, formatAddress, isLoopback } from '../base/ip.js';
import { RTPROT_DWGD } from '../base/ownership.js';
import type { NetnsRef } from '../labels/discovery/container.js';
import type { Connection } from '../netlink/connection.js';
import { Netns, type NetnsSwitch } from '../netlink/netns.js';
import type { LinkAddress } from '../netlink/route/address.js';
import { RtNetlink } from '../netlink/route/client.js';
import { isLinkName, type Link } from '../netlink/route/link.js';
import {
  decodeFoundRoute,
  type FoundRoute,
  type RouteQuery,
  routeLookupRequest,
} from '../netlink/route/lookup.js';
import { type Route, RTN_LOCAL, RTN_UNREACHABLE } from '../netlink/route/route.js';
import { WgCtrl } from '../netlink/wireguard/client.js';
import type { WgPeer } from '../netlink/wireguard/device.js';
import { getElementsRequest } from '../nft/messages.js';
import type { Looking } from './looking.js';
import { decodeElements } from './machine/decode.js';
import type { LinkRef, Packet } from './machine/first-packet.js';
import {
  type ListedRule,
  type ListedSet,
  placeKey,
  type Ruleset,
  type SetElement,
} from './machine/instruction.js';
import { lookUpInSet } from './machine/sets.js';
import type { NetnsView, RouteAnswer } from './machine/walk.js';
import { type Connections, type NetnsFacts, readFacts } from './namespace-facts.js';

const LISTING = { op: 'listing nftables', subject: 'elements' };
const [RTN_MULTICAST, RTN_UNICAST] = [5, 1] as const;
/** Questions for one packet: rules could change its mark any number of times. */
const MAX_LOOK_UPS = 500;

export class KernelView implements NetnsView {
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly LinkAddress[];
  readonly ruleset: Ruleset;
  readonly unfollowed: readonly string[];
  readonly lookUp = lookUpInSet;
  readonly #entry: NetnsSwitch;
  readonly #netns: Netns;
  readonly #connections: Connections;
  readonly #route: Connection;
  readonly #sets: Connection;
  readonly #rt: RtNetlink;
  readonly #wg: WgCtrl;
  #room: number;
  #comparisons: number;
  #lookUps = MAX_LOOK_UPS;
  readonly #elements = new Map<string, readonly SetElement[] | undefined>();
  readonly #types = new Map<string, number | undefined>();

  private constructor({ entry, effort }: Looking, netns: Netns, facts: NetnsFacts) {
    [this.#room, this.#comparisons] = [effort.elements, effort.comparisons];
    this.#entry = entry;
    this.#netns = netns;
    this.#connections = facts.connections;
    const { route, sets, generic } = facts.connections;
    [this.#route, this.#sets] = [route, sets];
    this.#rt = new RtNetlink(route);
    this.#wg = new WgCtrl(generic);
    this.links = facts.links;
    this.addresses = facts.addresses;
    this.ruleset = facts.ruleset;
    this.unfollowed = facts.unfollowed;
  }

  /**
   * @returns undefined where the namespace is gone, or its path leads to another one by now
   * @throws OpError when it cannot be entered; ChannelError where it has more than is read; DecodeError
   */
  static async open(looking: Looking, ref: NetnsRef, family: 4 | 6): Promise<KernelView | undefined> {
    const netns = openNetns(ref);
    if (!netns) return undefined;
    try {
      return new KernelView(looking, netns, await readFacts(looking, netns, family));
    } catch (err) {
      netns.close();
      throw err;
    }
  }

  close(): void {
    for (const connection of Object.values(this.#connections)) connection.close();
    this.#netns.close();
  }

  route(query: RouteQuery): RouteAnswer {
    const context = { op: 'finding the way to', subject: formatAddress(query.to) };
    if (--this.#lookUps < 0)
      throw new TooManyError(`${context.op} ${context.subject}: rules change it too often`);
    const ask = (isFibMatch: boolean): FoundRoute | undefined => {
      const [answer] = this.#route.request(routeLookupRequest(query, isFibMatch), context);
      return answer && decodeFoundRoute(answer.payload);
    };
    try {
      const route = ask(false);
      if (!route) throw new ChannelError(`${context.op} ${context.subject}: no answer`);
      // The kernel tells IPv6 packets of such a route by its type alone.
      if (route.type === RTN_UNREACHABLE) return { error: 'EHOSTUNREACH' };
      const matched = this.#matched(ask);
      return { route, ...(matched && { matched }) };
    } catch (err) {
      if (err instanceof OpError) return { error: err.code };
      throw err;
    }
  }

  /** Kernels before 5.2 do not tell it of IPv6. */
  #matched(ask: (isFibMatch: boolean) => Route | undefined): Route | undefined {
    try {
      return ask(true);
    } catch (err) {
      if (err instanceof OpError) return undefined;
      throw err;
    }
  }

  forwards({ family }: Packet, { name }: LinkRef): boolean {
    const own = family === 4 ? 'ipv4/conf/NAME/forwarding' : 'ipv6/conf/NAME/force_forwarding';
    const paths = [
      // Of IPv6, kernels from 6.17 on have one link's, which holds whatever `all` has.
      ...(isLinkName(name) ? [own.replace('NAME', () => name)] : []),
      ...(family === 6 ? ['ipv6/conf/all/forwarding'] : []),
    ];
    return this.#entry.within<{ isOn: boolean }>(this.#netns, () => ({
      isOn: paths.some(path => isOn(`/proc/sys/net/${path}`)),
    })).isOn;
  }

  typeOf(address: Address): number | undefined {
    if (isLoopback(address)) return RTN_LOCAL;
    const first = address.bytes[0]!;
    if (address.family === 4 ? first >= 224 && first < 240 : first === 0xff) return RTN_MULTICAST;
    const key = formatAddress(address);
    if (!this.#types.has(key)) this.#types.set(key, this.#lookUpType(address));
    return this.#types.get(key);
  }

  #lookUpType(address: Address): number | undefined {
    const answer = this.route({ to: address, mark: 0, protocol: 17 });
    if ('error' in answer) return undefined;
    return answer.route.type === 0 ? RTN_UNICAST : answer.route.type;
  }

  elements({ family, table }: ListedRule, name: string) {
    const key = placeKey(family, table, name);
    const set = this.ruleset.sets.get(key);
    if (!set) return undefined;
    if (!this.#elements.has(key)) this.#elements.set(key, this.#readElements(set));
    const elements = this.#elements.get(key);
    this.#comparisons -= elements?.length ?? 0;
    return elements && this.#comparisons >= 0 ? { set, elements } : undefined;
  }

  /** Of a WireGuard link, the peers; undefined where it is none. */
  peers(link: string): readonly WgPeer[] | undefined {
    try {
      return this.#wg.device(link).peers;
    } catch (err) {
      if (err instanceof OpError) return undefined;
      throw err;
    }
  }

  /** Routes that were made for labels. */
  labelRoutes(): readonly Route[] {
    return this.#rt.routes(RTPROT_DWGD);
  }

  #readElements({ family, table, name }: ListedSet): readonly SetElement[] | undefined {
    if (this.#room < 0) return undefined;
    try {
      const request = getElementsRequest(family, table, name);
      const found = this.#sets.request(request, LISTING).flatMap(({ payload }) => decodeElements(payload));
      this.#room -= found.length;
      return this.#room < 0 ? undefined : found;
    } catch (err) {
      if (err instanceof OpError) return undefined;
      if (!(err instanceof ChannelError)) throw err;
      // More than is read, or not at an end in time: what is left of the answer is in the way of the next.
      this.#room = -1;
      return undefined;
    }
  }
}

function openNetns({ path, key }: NetnsRef): Netns | undefined {
  let netns: Netns;
  try {
    netns = new Netns(path);
  } catch {
    return undefined;
  }
  if (netns.key === key) return netns;
  netns.close();
  return undefined;
}

/** Whether a sysctl of the namespace of the calling thread is there and not 0. */
function isOn(path: string): boolean {
  return existsSync(path) && readFileSync(path, 'latin1').trim() !== '0';
}

// A network namespace as the way of a packet depends on it: links, addresses and rules, read at once, and look-ups, asked one by
// one. Sockets belong to the namespace for good, so only their opening is done inside. Its owner may mean harm: all is bounded.
// Not here: what follows from it (machine/walk.ts).

import { existsSync, readFileSync } from 'node:fs';
import { ChannelError, OpError } from '../base/errors.js';
import { type Address, formatAddress, isLoopback } from '../base/ip.js';
import { RTPROT_DWGD } from '../base/ownership.js';
import { type AnswerLimits, type Connection, GUARDED, openConnection } from '../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE, type Request } from '../netlink/message.js';
import type { Netns, NetnsSwitch } from '../netlink/netns.js';
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
import {
  getAllRequest,
  getChainsRequest,
  getElementsRequest,
  getTablesRequest,
  NETLINK_NETFILTER,
} from '../nft/messages.js';
import { decodeChain, decodeDormant, decodeElements, decodeListedRule, decodeSet } from './machine/decode.js';
import {
  type ListedRule,
  type ListedSet,
  placeKey,
  type Ruleset,
  type SetElement,
} from './machine/instruction.js';
import type { LinkRef, Packet } from './machine/packet.js';
import { lookUpInSet } from './machine/sets.js';
import type { NetnsView, RouteAnswer } from './machine/walk.js';

const LIMITS: AnswerLimits = { ...GUARDED, bytes: 8 * 1024 * 1024 };
const [RTN_MULTICAST, RTN_UNICAST] = [5, 1] as const;
/** Elements of all sets together, and how many are looked through for one packet: their owner could make any number. */
const [MAX_ELEMENTS, MAX_COMPARED] = [200_000, 2_000_000] as const;
/** Names of the tables that the iptables before nf_tables has there. */
const LEGACY = {
  4: '/proc/thread-self/net/ip_tables_names',
  6: '/proc/thread-self/net/ip6_tables_names',
} as const;

export class KernelView implements NetnsView {
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses;
  readonly ruleset: Ruleset;
  /** What is there and not followed, a clause each, by family; it may change everything. */
  readonly unfollowed: readonly string[];
  readonly lookUp = lookUpInSet;
  readonly #connections: Connection[] = [];
  readonly #route: Connection;
  readonly #nft: Connection;
  readonly #rt: RtNetlink;
  readonly #wg: WgCtrl;
  readonly #forwarding: ReadonlySet<string>;
  #room: number = MAX_ELEMENTS;
  #comparisons: number = MAX_COMPARED;
  readonly #elements = new Map<string, readonly SetElement[] | undefined>();

  /** @throws OpError when it cannot be entered; ChannelError where it has more than is read; DecodeError */
  constructor(entry: NetnsSwitch, netns: Netns, family: 4 | 6) {
    const [opened, legacy, forwarding] = entry.within(netns, () => {
      const all = [NETLINK_ROUTE, NETLINK_NETFILTER, NETLINK_GENERIC].map(protocol =>
        openConnection(protocol, { limits: LIMITS }),
      );
      return [all, namesIn(LEGACY[family]), forwardingLinks()] as const;
    }) as readonly [Connection[], readonly string[], ReadonlySet<string>];
    this.#connections.push(...opened);
    [this.#route, this.#nft] = opened as [Connection, Connection];
    this.#rt = new RtNetlink(this.#route);
    this.#wg = new WgCtrl(opened[2]!);
    this.#forwarding = forwarding;
    try {
      this.links = new Map(this.#rt.links().map(link => [link.index, link]));
      this.addresses = this.#rt.addresses();
      const [ruleset, hasOthers] = this.#readRuleset();
      this.ruleset = ruleset;
      this.unfollowed = [
        ...(legacy.length > 0 ? [`the rules of the old iptables there (${legacy.join(', ')})`] : []),
        ...(hasOthers ? ['the chains at hooks of links there'] : []),
      ];
    } catch (err) {
      this.close();
      throw err;
    }
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  route(query: RouteQuery): RouteAnswer {
    const context = { op: 'finding the way to', subject: formatAddress(query.to) };
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

  forwards({ family }: Packet, link: LinkRef): boolean {
    return this.#forwarding.has(`${family} ${link.name}`) || (family === 6 && this.#forwarding.has('6 all'));
  }

  typeOf(address: Address): number | undefined {
    if (isLoopback(address)) return RTN_LOCAL;
    const first = address.bytes[0]!;
    if (address.family === 4 ? first >= 224 && first < 240 : first === 0xff) return RTN_MULTICAST;
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
      const found = this.#list(getElementsRequest(family, table, name), 'elements').flatMap(decodeElements);
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

  #readRuleset(): readonly [Ruleset, hasOthers: boolean] {
    const chains = this.#list(getChainsRequest(), 'chains');
    const rules = new Map<string, ListedRule[]>();
    for (const payload of this.#list(getAllRequest('rules'), 'rules')) {
      const rule = decodeListedRule(payload);
      if (!rule) continue;
      const key = placeKey(rule.family, rule.table, rule.chain);
      const list = rules.get(key) ?? [];
      rules.set(key, list);
      list.push({ ...rule, number: list.length + 1 });
    }
    const dormant = new Set(
      this.#list(getTablesRequest(), 'tables').flatMap(each => decodeDormant(each) ?? []),
    );
    const decoded = chains
      .map(payload => decodeChain(payload))
      .filter(chain => !chain || !dormant.has(placeKey(chain.family, chain.table, '')));
    const sets = this.#list(getAllRequest('sets'), 'sets').flatMap(payload => decodeSet(payload) ?? []);
    const ruleset = {
      ...{ chains: decoded.flatMap(chain => chain ?? []), rules },
      sets: new Map(sets.map(set => [placeKey(set.family, set.table, set.name), set])),
    };
    return [ruleset, decoded.some(chain => chain === undefined || chain.isElsewhere === true)];
  }

  #list(request: Request, what: string): Buffer[] {
    const context = { op: 'listing nftables', subject: what };
    return this.#nft.request(request, context).map(({ payload }) => payload);
  }
}

function namesIn(path: string): readonly string[] {
  try {
    return readFileSync(path, 'latin1')
      .split('\n')
      .filter(name => /^[a-z]{1,16}$/.test(name))
      .slice(0, 8);
  } catch {
    // Without the module there is no such file.
    return [];
  }
}

/** Of the namespace of the calling thread: `4 eth0` and `6 eth0` for links that forward, and `6 all`. */
function forwardingLinks(): ReadonlySet<string> {
  const isOn = (path: string): boolean => existsSync(path) && readFileSync(path, 'latin1').trim() !== '0';
  const links = new RtNetlink(openConnection(NETLINK_ROUTE, { limits: LIMITS }));
  try {
    const names = links
      .links()
      .map(({ name }) => name)
      .filter(isLinkName);
    const four = names.filter(name => isOn(`/proc/sys/net/ipv4/conf/${name}/forwarding`));
    return new Set([
      ...four.map(name => `4 ${name}`),
      // Of kernels from 6.17 on: one link's, whatever `all` has.
      ...names
        .filter(name => isOn(`/proc/sys/net/ipv6/conf/${name}/force_forwarding`))
        .map(name => `6 ${name}`),
      ...(isOn('/proc/sys/net/ipv6/conf/all/forwarding') ? ['6 all'] : []),
    ]);
  } finally {
    links.close();
  }
}

// The host: its network namespace, even when dwgd is in a container with `pid: host`, and its addresses.
// Not here: the host's routes (labels/namespace/sandbox.ts).

import { readFileSync } from 'node:fs';
import {
  type Address,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
  prefixContains,
  sameAddress,
} from '../../base/ip.js';
import { RTPROT_DWGD } from '../../base/ownership.js';
import { whyUnusable } from '../../base/special-addresses.js';
import { openConnection } from '../../netlink/connection.js';
import { NETLINK_ROUTE } from '../../netlink/message.js';
import { Netns, type NetnsSwitch, type Synchronous } from '../../netlink/netns.js';
import { RtNetlink } from '../../netlink/route/client.js';
import { macOf, type Neighbour } from '../../netlink/route/neighbour.js';
import type { Route } from '../../netlink/route/route.js';
import type { Nft } from '../../nft/client.js';
import type { HostForwarding, HostInterfaceAddress, NetnsRef, NextHop } from './container.js';
import { netnsAt } from './proc-netns.js';

const SYSCTLS = { 4: '/proc/sys/net/ipv4/ip_forward', 6: '/proc/sys/net/ipv6/conf/all/forwarding' } as const;
/** Docker's own, where its firewall is not iptables. */
const DOCKER_TABLES = [
  { family: 'ip', name: 'docker-bridges' },
  { family: 'ip6', name: 'docker-bridges' },
] as const;
/** Sysctls of br_netfilter: whether frames that a bridge forwards pass the host's firewall. */
const BRIDGE_NF = {
  4: '/proc/sys/net/bridge/bridge-nf-call-iptables',
  6: '/proc/sys/net/bridge/bridge-nf-call-ip6tables',
} as const;

export class Host {
  readonly ref: NetnsRef;
  readonly #entry: NetnsSwitch;
  readonly #netns: Netns;
  readonly #rt: RtNetlink;

  /** @throws OpError when it cannot be entered */
  constructor(entry: NetnsSwitch) {
    this.ref = hostNetns();
    this.#entry = entry;
    this.#netns = new Netns(this.ref.path);
    this.#rt = this.within(() => new RtNetlink(openConnection(NETLINK_ROUTE)));
  }

  close(): void {
    this.#rt.close();
    this.#netns.close();
  }

  /** Runs a synchronous function in the host's network namespace. */
  within<T>(fn: () => Synchronous<T>): Synchronous<T> {
    return this.#entry.within(this.#netns, fn);
  }

  /** What it forwards, and whose firewall decides. */
  forwarding(nft: Pick<Nft, 'has'>): HostForwarding {
    return this.within(() => ({
      isOn: { 4: isOn(SYSCTLS[4]), 6: isOn(SYSCTLS[6]) },
      isNftables: DOCKER_TABLES.some(table => isThere(nft, table)),
    }));
  }

  /** The addresses of the host's links, each with its prefix length. */
  async addresses(): Promise<Prefix[]> {
    return (await this.#rt.addresses()).map(({ prefix }) => prefix);
  }

  /** The families of which the host's firewall filters what only passes a bridge. */
  bridgeFiltered(): Family[] {
    return this.within(() => ([4, 6] as const).filter(family => isOn(BRIDGE_NF[family])));
  }

  /** The gateways of all routes but ours, each once for each network. */
  async nextHops(): Promise<NextHop[]> {
    return nextHopsOf(await this.#rt.routes());
  }

  /** The addresses of the host's Ethernet-like links, with their link-layer addresses. */
  async interfaceAddresses(): Promise<HostInterfaceAddress[]> {
    // The host's end of every veth pair has a link-local one.
    const addresses = (await this.#rt.addresses()).filter(
      ({ prefix }) => whyUnusable(prefix.address) === undefined,
    );
    const links = await Promise.all(
      [...new Set(addresses.map(({ index }) => index))].map(index => this.#rt.link(index)),
    );
    return addresses.flatMap(({ index, prefix }) => {
      const mac = links.find(link => link?.index === index)?.mac;
      return mac === undefined ? [] : [{ prefix, mac }];
    });
  }

  /** Routers of these addresses beside the host. */
  async routers(wanted: readonly Address[]): Promise<HostInterfaceAddress[]> {
    return routersAmong(this.#rt, wanted);
  }
}

/** The gateways of routes of others, each once for each network. */
export function nextHopsOf(routes: readonly Route[]): NextHop[] {
  const all = routes
    .filter(({ protocol }) => protocol !== RTPROT_DWGD)
    .flatMap(({ destination: network, gateway, gateways = [] }) =>
      [...(gateway ? [gateway] : []), ...gateways].map((gateway): NextHop => ({ network, gateway })),
    );
  const keyOf = ({ network, gateway }: NextHop): string =>
    `${formatPrefix(network)} ${formatAddress(gateway)}`;
  return [...new Map(all.map(hop => [keyOf(hop), hop])).values()];
}

/** Neighbours with these addresses, as far as their link-layer ones are known, each with all of its addresses. */
export function routersAmong(
  rt: Pick<RtNetlink, 'addresses' | 'neighbours'>,
  wanted: readonly Address[],
): HostInterfaceAddress[] {
  const addresses = rt.addresses();
  const neighbours = rt.neighbours().flatMap(one => {
    const mac = macOf(one);
    return mac === undefined ? [] : [{ ...one, mac }];
  });
  const isWanted = ({ address }: Neighbour): boolean => wanted.some(one => sameAddress(one, address));
  const macs = new Set(neighbours.filter(isWanted).map(({ mac }) => mac));
  return neighbours.flatMap(({ index, address, mac }): HostInterfaceAddress[] => {
    const own = addresses.find(one => one.index === index && prefixContains(one.prefix, address));
    return own && macs.has(mac)
      ? [{ prefix: { address, length: own.prefix.length }, mac, isNeighbour: true }]
      : [];
  });
}

/** Whether a table is there; not where the kernel has no nf_tables. */
function isThere(nft: Pick<Nft, 'has'>, table: Parameters<Nft['has']>[0]): boolean {
  try {
    return nft.has(table);
  } catch {
    return false;
  }
}

/** Whether a sysctl of the namespace of the calling thread is there and 1. */
function isOn(path: string): boolean {
  try {
    return readFileSync(path, 'latin1').trim() === '1';
  } catch {
    return false;
  }
}

/** The namespace of process 1, which is the host's even for a dwgd in a container with `pid: host`. */
function hostNetns(): NetnsRef {
  const own = netnsAt('/proc/self/ns/net')!;
  try {
    return netnsAt('/proc/1/ns/net') ?? own;
  } catch {
    // Not readable, as in some containers: then that container counts as the host.
    return own;
  }
}

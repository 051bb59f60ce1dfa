// The router of an exit network: reads its namespace, compares, changes what differs, all of it within one synchronous moment.
// Not here: what it is to hold (desired-router.ts), the way from the one to the other (diff-router.ts).

import { randomBytes } from 'node:crypto';
import { ChannelError, ignoring, isNotFound, OpError, UserError } from '../../base/errors.js';
import { BRIDGE_TABLE, LINK_NAME_PREFIX, RTPROT_DWGD_TUNNEL } from '../../base/ownership.js';
import { faultPoint } from '../../fault/fault-point.js';
import { openConnection } from '../../netlink/connection.js';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../../netlink/message.js';
import type { Netns, NetnsSwitch, Synchronous } from '../../netlink/netns.js';
import { RtNetlink } from '../../netlink/route/client.js';
import type { Link } from '../../netlink/route/link.js';
import { RT_TABLE_MAIN, RTPROT_KERNEL } from '../../netlink/route/route.js';
import type { Trace } from '../../netlink/trace.js';
import { WgCtrl } from '../../netlink/wireguard/client.js';
import {
  formatSocketAddress,
  type WgDevice,
  type WgDeviceConfig,
  type WgPeer,
} from '../../netlink/wireguard/device.js';
import type { Nft } from '../../nft/client.js';
import { type NftTable, replaceTable } from '../../nft/table.js';
import { BRIDGE, type DesiredRouter, TUNNEL } from './desired-router.js';
import { diffRouter, type ObservedRouter, type RouterChange } from './diff-router.js';
import { routerSysctl, setRouterSysctl } from './router-sysctls.js';
import { changeBindings, type PortBinding } from './router-tables.js';
import { isFormerForward } from './ways-in.js';

export interface RouterParts {
  readonly netnsSwitch: NetnsSwitch;
  /** Of the host's namespace, where tunnels' UDP sockets are to be. */
  readonly rt: Pick<RtNetlink, 'createLink'>;
  /** Loads libnftables, which nothing but exit networks needs here. @throws UserError where it is missing */
  readonly nft: () => Nft;
  readonly trace?: Trace | undefined;
}

/** Sockets of the router's namespace. */
interface Inside {
  readonly rt: RtNetlink;
  readonly wg: WgCtrl;
}

export class ExitRouter {
  readonly #parts: RouterParts;
  readonly #netns: Netns;
  /** The tables that were put in place last, as texts, and the generation that this made. */
  #tables:
    | {
        readonly texts: readonly string[];
        readonly ports: readonly PortBinding[];
        readonly generation: number;
      }
    | undefined;
  /** Of UDP, as flows were compared with them last. */
  #forwards: string | undefined;
  #ports: ReadonlySet<string> = new Set();
  /** Of the peers as they were configured last. */
  #endpoints: string | undefined;
  #peers: readonly WgPeer[] = [];

  /** @param netns which is its own from here on */
  constructor(parts: RouterParts, netns: Netns) {
    this.#parts = parts;
    this.#netns = netns;
  }

  /** For links that are made in there. */
  get netnsFd(): number {
    return this.#netns.fd;
  }

  /** The names of the ports that there are, as they were looked at last. */
  get ports(): ReadonlySet<string> {
    return this.#ports;
  }

  /** Looks at them, and changes nothing. @throws OpError, ChannelError */
  readPorts(): ReadonlySet<string> {
    return this.#parts.netnsSwitch.within(this.#netns, () => {
      const rt = new RtNetlink(openConnection(NETLINK_ROUTE));
      try {
        return portsAmong(rt.links());
      } finally {
        rt.close();
      }
    });
  }

  /** Peers of the tunnel as the last look found them, before anything was changed; none where there was no tunnel. */
  get peers(): readonly WgPeer[] {
    return this.#peers;
  }

  /** By which this process can open the namespace, as long as it is held. */
  get netns(): { readonly key: string; readonly path: string } {
    return { key: this.#netns.key, path: `/proc/self/fd/${this.#netns.fd}` };
  }

  close(): void {
    this.#netns.close();
  }

  /** Runs a function in the namespace: sockets that it makes stay there. @throws OpError */
  within<T>(fn: () => Synchronous<T>): Synchronous<T> {
    return this.#parts.netnsSwitch.within(this.#netns, fn);
  }

  /** The tunnel as the kernel has it now; undefined where there is none. @throws OpError, ChannelError */
  device(): WgDevice | undefined {
    return this.#parts.netnsSwitch.within(this.#netns, () => {
      const wg = new WgCtrl(openConnection(NETLINK_GENERIC));
      try {
        return wg.device(TUNNEL);
      } catch (err) {
        if (isNotFound(err)) return undefined;
        throw err;
      } finally {
        wg.close();
      }
    });
  }

  /**
   * Brings the namespace to what is desired.
   * @returns what was changed
   * @throws UserError where the kernel has no WireGuard; OpError, NftError, ChannelError for a change that it refuses, before
   *   which all the others were made
   */
  reconcile(desired: DesiredRouter): RouterChange[] {
    const changes: RouterChange[] = [];
    this.#parts.netnsSwitch.within(this.#netns, () => {
      const rt = new RtNetlink(openConnection(NETLINK_ROUTE), this.#parts.trace);
      const wg = new WgCtrl(openConnection(NETLINK_GENERIC), this.#parts.trace);
      try {
        const inside = { rt, wg };
        for (const change of diffRouter(desired, this.#observe(desired, inside))) {
          faultPoint('router');
          this.#apply(change, desired, inside);
          changes.push(change);
        }
        this.#endpoints = endpointsOf(desired.tunnel?.device);
      } finally {
        rt.close();
        wg.close();
      }
    });
    return changes;
  }

  #observe(desired: DesiredRouter, { rt, wg }: Inside): ObservedRouter {
    const links = rt.links();
    this.#ports = portsAmong(links);
    const isThere = links.some(({ name, kind }) => name === TUNNEL && kind === 'wireguard');
    const device = isThere ? wg.device(TUNNEL) : undefined;
    this.#peers = device?.peers ?? [];
    return {
      links,
      addresses: rt.addresses(),
      routes: rt.routes(RTPROT_DWGD_TUNNEL),
      connected: rt.routes(RTPROT_KERNEL).filter(({ table }) => table === RT_TABLE_MAIN),
      sysctls: new Map(
        desired.sysctls.flatMap(({ name }) => {
          const value = routerSysctl(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      ...(device && { device }),
      areTablesWhole:
        this.#changedTables(desired).length === 0 &&
        this.#parts.nft().generation() === this.#tables?.generation,
      areEndpointsTold: this.#endpoints === endpointsOf(desired.tunnel?.device),
    };
  }

  #apply(change: RouterChange, desired: DesiredRouter, { rt, wg }: Inside): void {
    switch (change.op) {
      case 'sysctl':
        setRouterSysctl(change.sysctl);
        break;
      case 'tables':
        this.#replaceTables(desired);
        break;
      case 'create-bridge':
        rt.createLink({ name: BRIDGE, kind: 'bridge', mac: desired.bridge.mac });
        break;
      case 'create-tunnel':
        this.#createTunnel(rt);
        break;
      case 'delete-link':
        rt.deleteLink(change.link);
        break;
      case 'configure':
        wg.configure(TUNNEL, change.device);
        break;
      case 'flush-flows':
        this.#parts.nft().conntrack.flush(this.#parts.trace);
        break;
      case 'enslave':
        rt.setLink(change.link, { master: indexOf(rt, BRIDGE) });
        break;
      case 'mtu':
        rt.setLink(change.link, { mtu: change.mtu });
        break;
      case 'up':
        rt.setLink(change.link, { up: true });
        break;
      case 'add-address':
        rt.addAddress({ index: indexOf(rt, change.link), prefix: change.prefix });
        break;
      case 'delete-address':
        rt.deleteAddress({ index: indexOf(rt, change.link), prefix: change.prefix });
        break;
      case 'add-route':
      case 'delete-route': {
        const { destination } = change;
        const route = { destination, index: indexOf(rt, TUNNEL), protocol: RTPROT_DWGD_TUNNEL };
        if (change.op === 'delete-route') rt.deleteRoute(route);
        else rt.addRoute(route, 'replace');
        break;
      }
    }
  }

  /** All of them where somebody else was at the ruleset; else what is new. */
  #replaceTables(desired: DesiredRouter): void {
    const nft = this.#parts.nft();
    const before = nft.generation();
    const known = before === this.#tables?.generation ? this.#tables : undefined;
    const changed = known ? this.#changedTables(desired) : desired.tables;
    // Whatever fails, the next look finds out anew.
    this.#tables = undefined;
    const commits = this.#putInPlace(desired, changed, known?.ports);
    const generation = nft.generation();
    this.#endFormerForwards(desired);
    // Of two transactions one was somebody else's: then the next look replaces them again.
    const isOurs = generation === ((before + commits) & 0xffff);
    const { tables, ports } = desired;
    this.#tables = isOurs ? { texts: tables.map(textOf), ports, generation } : undefined;
  }

  /** @param known the ports of the table that is there @returns how many transactions it took */
  #putInPlace(desired: DesiredRouter, tables: readonly NftTable[], known?: readonly PortBinding[]): number {
    const { trace } = this.#parts;
    const nft = this.#parts.nft();
    const changes = known ? changeBindings(known, desired.ports) : [];
    if (changes.length > 0 && tables.every(({ family }) => family === BRIDGE_TABLE.family)) {
      // Without libnftables, which would read all that is there: somebody waits for the container.
      for (const { what, set } of changes) trace?.(`nft ${what} element bridge dwgd ${set} …`);
      nft.changeElements(BRIDGE_TABLE, changes);
      return 1;
    }
    const transactions = tables.map(replaceTable);
    const late = transactions.find(transaction => transaction.late)?.late;
    const nftables = transactions.flatMap(transaction => transaction.nftables);
    nft.apply({ nftables, ...(late && { late }) }, 'the router of an exit network', trace);
    return late ? 2 : 1;
  }

  /** Those that were not put in place last. */
  #changedTables({ tables }: DesiredRouter): readonly NftTable[] {
    return tables.filter((table, n) => this.#tables?.texts[n] !== textOf(table));
  }

  /** Flows of UDP whose forward has gone. */
  #endFormerForwards({ opens: { ways, subnets } }: DesiredRouter): void {
    const forwards = JSON.stringify(ways.forwards.filter(({ protocol }) => protocol === 'udp'));
    if (forwards === this.#forwards) return;
    const { trace } = this.#parts;
    const { conntrack } = this.#parts.nft();
    try {
      for (const flow of conntrack.flows().filter(one => isFormerForward(one, ways, subnets)))
        ignoring(isNotFound, () => conntrack.deleteFlow(flow, trace));
    } catch (err) {
      // More than can be listed. Of those that an earlier daemon left it is not known that one is wrong.
      if (!(err instanceof ChannelError)) throw err;
      if (this.#forwards !== undefined) conntrack.flush(trace);
    }
    this.#forwards = forwards;
  }

  /**
   * Asked for from the host's namespace, where its UDP socket stays. There the kernel looks for the name, too: it is one that nobody
   * has until the link is in the router. One that is not renamed has the name of a port that nobody wants, and goes at the next look.
   */
  #createTunnel(rt: RtNetlink): void {
    const name = `${LINK_NAME_PREFIX}${randomBytes(6).toString('hex')}`;
    try {
      this.#parts.rt.createLink({ name, kind: 'wireguard', netnsFd: this.#netns.fd });
    } catch (err) {
      if (!(err instanceof OpError && err.code === 'EOPNOTSUPP')) throw err;
      throw new UserError('this kernel has no WireGuard: load the module (modprobe wireguard)', {
        cause: err,
      });
    }
    rt.renameLink({ name, index: indexOf(rt, name) }, TUNNEL);
  }
}

function portsAmong(links: readonly Link[]): ReadonlySet<string> {
  return new Set(links.map(({ name }) => name).filter(name => name.startsWith(LINK_NAME_PREFIX)));
}

function indexOf(rt: RtNetlink, name: string): number {
  const link: Link | undefined = rt.link(name);
  if (!link) throw new OpError('reading link', name, ENODEV);
  return link.index;
}

const ENODEV = 19;

function textOf(table: NftTable): string {
  return JSON.stringify(table);
}

function endpointsOf(device: WgDeviceConfig | undefined): string {
  const peers = device?.peers ?? [];
  return peers
    .map(({ publicKey, endpoint }) => `${publicKey} ${endpoint ? formatSocketAddress(endpoint) : ''}`)
    .join();
}

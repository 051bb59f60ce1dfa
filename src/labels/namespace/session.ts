// A session in a namespace: what the namespace holds of ours, read and changed by the thread that is inside. It leaves no
// socket open, which would keep the namespace alive. Not here: how the thread gets there (session-opener.ts), what is to
// be changed (labels/diff/diff.ts).

import { ChannelError, ignoring, isExists, isNotFound, OpError } from '../../base/errors.js';
import type { Address, Family } from '../../base/ip.js';
import { PROBE_TABLE, ROUTERS_TABLE, RTPROT_DWGD, STAMP_CHAIN, TABLE } from '../../base/ownership.js';
import { type Connection, type ConnectionOpener, GUARDED } from '../../netlink/connection.js';
import { NETLINK_ROUTE } from '../../netlink/message.js';
import { RtNetlink } from '../../netlink/route/client.js';
import { Deletions, UnfinishedError } from '../../netlink/route/deletions.js';
import type { Route } from '../../netlink/route/route.js';
import { sysctlWrite, type Trace } from '../../netlink/trace.js';
import { type Nft, NftError } from '../../nft/client.js';
import { decodeStampedTable } from '../../nft/messages.js';
import { deleteTable, type NftTable, type NftTransaction } from '../../nft/table.js';
import type { TableSnapshot } from '../../nft/table-snapshot.js';
import { changeNeighbour, readRouters } from '../answers/answering.js';
import { groupOf, isDeletion, isPrerequisite, preventsLeak, putsTable } from '../diff/change-groups.js';
import { isStale, portsToList } from '../diff/stale-flows.js';
import type {
  Change,
  DesiredRoute,
  DesiredSysctl,
  ObservedSysctl,
  PutTable,
  UdpForward,
} from '../diff/state.js';
import { expandSysctls, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';
import type { SysctlFiles, SysctlTeller } from '../sysctls/sysctl-files.js';
import type { AppliedChanges } from './applied-changes.js';
import { adviseOnGateway, findIgnoredGateways } from './gateway-links.js';
import { putRouterTable, putTable, type Refusal } from './put-table.js';
import type { RawState } from './raw-state.js';

/** The ways to the kernel, each in the namespace of the calling thread. */
export interface SessionParts {
  readonly nft: Nft;
  readonly open: ConnectionOpener;
  readonly sysctls: SysctlFiles;
  /** Where answers are read to. */
  readonly buffer: Buffer;
}

/** Tables that are taken away, by the changes that do it. */
const TABLES = { deleteTable: TABLE, deleteProbe: PROBE_TABLE, deleteRouters: ROUTERS_TABLE } as const;

/** What is in our table, or why it cannot be read; neither where there is none. */
export interface TableRead {
  readonly snapshot?: TableSnapshot | undefined;
  readonly unreadable?: Error;
}

export class NetnsSession {
  /** To rtnetlink; it ends with the session. */
  readonly connection: Connection;
  readonly #rt: RtNetlink;
  readonly #nft: Nft;
  readonly #another: () => RtNetlink;
  readonly #sysctls: SysctlFiles;
  readonly #teller: SysctlTeller | undefined;
  readonly #subject: string;
  readonly #trace: Trace | undefined;

  /**
   * Opens a connection in the namespace of the calling thread.
   * @param subject whose namespace it is, for errors @param trace is told each change before it is made
   * @param netns its key; absent: the host's
   */
  constructor(
    { nft, open, sysctls, buffer }: SessionParts,
    subject: string,
    trace: Trace | undefined,
    netns?: string,
  ) {
    this.connection = open(NETLINK_ROUTE, { buffer, limits: GUARDED });
    this.#rt = new RtNetlink(this.connection, trace);
    this.#another = () => new RtNetlink(open(NETLINK_ROUTE, { limits: GUARDED }));
    [this.#nft, this.#sysctls] = [nft, sysctls];
    [this.#subject, this.#trace] = [subject, trace];
    const [forwarding, flows] = [
      (family: Family) => this.#rt.forwarding(family),
      () => nft.conntrack.count(),
    ];
    this.#teller = netns === undefined ? undefined : { netns, forwarding, flows };
  }

  close(): void {
    this.#rt.close();
  }

  /** The routes that the kernel can hold: one without IPv6 none of that family. */
  supportedRoutes(routes: readonly DesiredRoute[]): readonly DesiredRoute[] {
    const six = routes.some(({ network }) => network.address.family === 6);
    return !six || this.#sysctls.hasIPv6()
      ? routes
      : routes.filter(({ network }) => network.address.family === 4);
  }

  /** Routes of ours. @throws OpError, ChannelError */
  routes(): Route[] {
    return this.#rt.routes(RTPROT_DWGD);
  }

  /**
   * @param search whether to look for a leftover probe table
   * @param gateways whose links are checked @param withRouters whether answers go by routers
   * @throws OpError, ChannelError
   */
  readState(
    sysctls: readonly DesiredSysctl[],
    loopbackTowards: readonly Address[] = [],
    search = false,
    gateways: readonly Address[] = [],
    withRouters = false,
  ): RawState {
    const links = loopbackTowards.flatMap(address => this.#rt.indexTo(address) ?? []);
    const [nft, rules] = [this.#nft.readStampChain(TABLE, STAMP_CHAIN, search), this.#rt.listRules()];
    return {
      nft,
      routes: this.#rt.listRoutes(RTPROT_DWGD),
      rules,
      ...(withRouters &&
        nft.rules.length > 0 && { routers: readRouters(this.#rt, this.#nft, rules, this.#another) }),
      sysctls: this.#observeSysctls(sysctls),
      loopbackLinks: [...new Set(links)],
      ignoredGateways: findIgnoredGateways(this.#rt, gateways),
    };
  }

  /** Reads our table; it is unreadable where the namespace has too much beside it. */
  readTable(): TableRead {
    try {
      return { snapshot: this.#nft.snapshot(TABLE) };
    } catch (err) {
      if (!isRefusal(err)) throw err;
      this.#trace?.(`# ${err.message}`);
      return { unreadable: err };
    }
  }

  /** Whether the namespace has so many tables and chains that no table can be put beside them. @throws OpError */
  isCrowded(): boolean {
    return this.#nft.isCrowded();
  }

  /** The generation of the ruleset now; undefined where there is no table of ours. @throws OpError, ChannelError */
  generation(): number | undefined {
    return decodeStampedTable(this.#nft.readStampChain(TABLE, STAMP_CHAIN), TABLE.name).generation;
  }

  #observeSysctls(sysctls: readonly DesiredSysctl[]): ObservedSysctl[] {
    const wanted = expandSysctls(sysctls, address => this.#rt.linkTo(address));
    return wanted.flatMap(({ name, value: wanted }) => {
      const value = this.#sysctls.read(name, this.#teller);
      return value === undefined ? [] : [{ name, value, wanted }];
    });
  }

  /**
   * Makes changes in order. What depends on a change that failed is skipped: the gateway of a network whose unreachable
   * fallback is missing, policy rules behind one that is missing, sysctls that only a table makes safe. All others are made.
   * @param isStrict whether no table is installed once a change has failed
   */
  apply(changes: readonly Change[], isStrict = false): AppliedChanges {
    const failures: Error[] = [];
    const refused: Refusal[] = [];
    let placed: NftTable | undefined;
    let [mayLeak, isTableRefused, isUnfinished] = [false, false, false];
    const blocked = new Set<string>();
    const deletions = new Deletions();
    for (const change of changes) {
      const group = groupOf(change);
      if (isUnfinished && isDeletion(change)) continue;
      if (isStrict && failures.length > 0 && putsTable(change)) blocked.add(group);
      if (blocked.has(group)) continue;
      try {
        if (putsTable(change)) {
          const put = putTable(change, transaction => this.#run(transaction));
          placed = put.table;
          refused.push(...put.refused);
        } else if (change.kind === 'putRouters') {
          refused.push(...putRouterTable(change.table, transaction => this.#run(transaction)));
        } else {
          if (isDeletion(change)) deletions.next();
          this.#apply(change);
        }
      } catch (err) {
        if (!isRefusal(err)) throw err;
        isUnfinished ||= err instanceof UnfinishedError;
        failures.push(err);
        mayLeak ||= preventsLeak(change);
        isTableRefused ||= putsTable(change);
        if (isPrerequisite(change)) blocked.add(group);
      }
    }
    return {
      failures,
      refused,
      ...(placed && { placed }),
      ...(mayLeak && { mayLeak }),
      ...(isTableRefused && { isTableRefused }),
    };
  }

  /** Deletes the flows that lead elsewhere than their forward does now; those that cannot be listed time out. */
  deleteStaleFlows(forwards: readonly UdpForward[]): void {
    // Listing flows takes the kernel milliseconds, as it walks those of all namespaces. A new container has none.
    if (forwards.length === 0) return;
    try {
      if (this.#sysctls.read(NF_CONNTRACK_COUNT, this.#teller) === '0') return;
      for (const port of portsToList(forwards)) {
        const stale = this.#nft.conntrack.flows(port).filter(flow => isStale(flow, forwards));
        for (const flow of stale)
          ignoring(isNotFound, () => this.#nft.conntrack.deleteFlow(flow, this.#trace));
      }
    } catch (err) {
      if (!isRefusal(err)) throw err;
      this.#trace?.(`# ${err.message}`);
    }
  }

  #run(transaction: NftTransaction): void {
    this.#nft.apply(transaction, this.#subject, this.#trace);
  }

  #apply(change: Exclude<Change, PutTable | { readonly kind: 'putRouters' }>): void {
    switch (change.kind) {
      case 'setSysctl': {
        const { name, value } = change.sysctl;
        this.#trace?.(sysctlWrite(name, value));
        // Where there is no such sysctl any more, its link is gone.
        this.#sysctls.write(name, value, this.#teller);
        return;
      }
      case 'deleteTable':
      case 'deleteProbe':
      case 'deleteRouters':
        this.#run(deleteTable(TABLES[change.kind]));
        return;
      case 'addRoute':
        adviseOnGateway(() => this.#rt.addRoute(change.route, 'prepend'));
        return;
      case 'deleteRoute':
        ignoring(isNotFound, () => this.#rt.deleteRoute(change.route));
        return;
      case 'addNeighbour':
      case 'deleteNeighbour':
        changeNeighbour(this.connection, change, this.#trace);
        return;
      case 'addRule':
        ignoring(isExists, () => this.#rt.addRule(change.rule));
        return;
      case 'deleteRule':
        ignoring(isNotFound, () => this.#rt.deleteRule(change.rule));
        return;
    }
  }
}

function isRefusal(err: unknown): err is Error {
  return err instanceof OpError || err instanceof NftError || err instanceof ChannelError;
}

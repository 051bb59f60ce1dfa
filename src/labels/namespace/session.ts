// What a namespace holds of ours, read and changed by the thread that is in it. Nothing of it outlives the window: an
// open socket would keep the namespace. Not here: how the thread gets there (sandbox.ts), what is to change
// (labels/diff/diff.ts).

import { ChannelError, isExists, isNotFound, OpError } from '../../base/errors.js';
import type { Address } from '../../base/ip.js';
import { PROBE_TABLE, RTPROT_DWGD, STAMP_CHAIN, TABLE } from '../../base/ownership.js';
import { sysctlWrite, type Trace } from '../../base/trace.js';
import { type ConnectionOpener, GUARDED } from '../../netlink/connection.js';
import { NETLINK_ROUTE } from '../../netlink/message.js';
import { RtNetlink } from '../../netlink/route/client.js';
import type { Route } from '../../netlink/route/route.js';
import { type Nft, NftError } from '../../nft/client.js';
import { decodeStampedTable } from '../../nft/messages.js';
import { deleteTable, type NftTable, type NftTransaction } from '../../nft/table.js';
import type { TableSnapshot } from '../../nft/table-snapshot.js';
import { groupOf, keepsClosed, othersBuildOn, putsTable } from '../diff/change-groups.js';
import { isStale } from '../diff/stale-flows.js';
import type { Change, DesiredRoute, DesiredSysctl, ObservedSysctl, UdpForward } from '../diff/state.js';
import { expandSysctls, NF_CONNTRACK_COUNT } from '../diff/sysctls.js';
import { putTable, type Refusal } from './put-table.js';
import type { RawState } from './raw-state.js';
import type { SysctlFiles } from './sysctl-files.js';

/** What the kernel says of a gateway that no link leads to, in IPv4 and in IPv6. */
const UNREACHABLE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH']);

/** The ways to the kernel, each in the namespace of the calling thread. */
export interface SessionParts {
  readonly nft: Nft;
  readonly open: ConnectionOpener;
  readonly sysctls: SysctlFiles;
  /** Where answers are read to. */
  readonly buffer: Buffer;
}

export class NetnsSession {
  /** Rules of labels that were left out of a table because the kernel refuses them. */
  readonly refused: Refusal[] = [];
  /** Whether something was refused without which packets may go by Docker's own routes. */
  isUnguarded = false;
  /** Whether the kernel took no part of a table. */
  isTableRefused = false;
  /** The table that was put in place last. */
  placed: NftTable | undefined;
  /** Why it could not be told what is in the table of ours. */
  unreadable: Error | undefined;
  readonly #rt: RtNetlink;
  readonly #nft: Nft;
  readonly #sysctls: SysctlFiles;
  readonly #subject: string;
  readonly #trace: Trace | undefined;

  /**
   * Opens a connection in the namespace of the calling thread.
   * @param subject whose namespace it is, for errors
   * @param trace is told each change before it is made
   */
  constructor({ nft, open, sysctls, buffer }: SessionParts, subject: string, trace: Trace | undefined) {
    this.#rt = new RtNetlink(open(NETLINK_ROUTE, { buffer, limits: GUARDED }), trace);
    this.#nft = nft;
    this.#sysctls = sysctls;
    this.#subject = subject;
    this.#trace = trace;
  }

  close(): void {
    this.#rt.close();
  }

  /** Without what a kernel without IPv6 could not hold. */
  possible(routes: readonly DesiredRoute[]): readonly DesiredRoute[] {
    const six = routes.some(({ network }) => network.address.family === 6);
    if (!six || this.#sysctls.hasIPv6()) return routes;
    return routes.filter(({ network }) => network.address.family === 4);
  }

  /** Routes of ours. @throws OpError, ChannelError */
  routes(): Route[] {
    return this.#rt.routes(RTPROT_DWGD);
  }

  /** @param search whether a trial's table is looked for, too @throws OpError, ChannelError */
  readState(
    sysctls: readonly DesiredSysctl[],
    loopbackTowards: readonly Address[] = [],
    search = false,
  ): RawState {
    const links = loopbackTowards.flatMap(address => this.#rt.indexTo(address) ?? []);
    return {
      nft: this.#nft.readStampChain(TABLE, STAMP_CHAIN, search),
      routes: this.#rt.listRoutes(RTPROT_DWGD),
      rules: this.#rt.listRules(),
      sysctls: this.#observeSysctls(sysctls),
      loopbackLinks: [...new Set(links)],
    };
  }

  /** What is in the table of ours; undefined where there is none, or the namespace has too much to be read. */
  readTable(): TableSnapshot | undefined {
    try {
      return this.#nft.snapshot(TABLE);
    } catch (err) {
      if (!isRefusal(err)) throw err;
      this.#trace?.(`# ${err.message}`);
      this.unreadable = err;
      return undefined;
    }
  }

  /** The generation of the ruleset now; undefined where there is no table of ours. @throws OpError, ChannelError */
  generation(): number | undefined {
    return decodeStampedTable(this.#nft.readStampChain(TABLE, STAMP_CHAIN), TABLE.name).generation;
  }

  #observeSysctls(sysctls: readonly DesiredSysctl[]): ObservedSysctl[] {
    const wanted = expandSysctls(sysctls, address => this.#rt.linkTo(address));
    return wanted.flatMap(({ name, value: wanted }) => {
      const value = this.#sysctls.read(name);
      return value === undefined ? [] : [{ name, value, wanted }];
    });
  }

  /**
   * Makes changes in their order. What builds on one that was refused is left out: the routes of a network without its
   * guard, policy rules behind one that is missing, sysctls that a table makes safe. Everything else goes on.
   * @param isStrict whether no table is put in place any more when something was refused
   * @returns what was refused
   */
  apply(changes: readonly Change[], isStrict = false): Error[] {
    const failures: Error[] = [];
    const blocked = new Set<string>();
    for (const change of changes) {
      const group = groupOf(change);
      if (isStrict && failures.length > 0 && putsTable(change)) blocked.add(group);
      if (blocked.has(group)) continue;
      try {
        this.#apply(change);
      } catch (err) {
        if (!isRefusal(err)) throw err;
        failures.push(err);
        if (keepsClosed(change)) this.isUnguarded = true;
        if (putsTable(change)) this.isTableRefused = true;
        if (othersBuildOn(change)) blocked.add(group);
      }
    }
    return failures;
  }

  /** Lets go of the flows that go elsewhere than their forward; those that cannot be read end by themselves. */
  deleteStaleFlows(forwards: readonly UdpForward[]): void {
    // To list flows the kernel walks those of all namespaces, for milliseconds. A container that starts has none.
    if (forwards.length === 0 || this.#sysctls.read(NF_CONNTRACK_COUNT) === '0') return;
    try {
      for (const forward of forwards) {
        const stale = this.#nft.conntrack.flows(forward.port).filter(flow => isStale(flow, forward));
        for (const flow of stale) unless(isNotFound, () => this.#nft.conntrack.deleteFlow(flow, this.#trace));
      }
    } catch (err) {
      if (!isRefusal(err)) throw err;
      this.#trace?.(`# ${err.message}`);
    }
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'setSysctl': {
        const { name, value } = change.sysctl;
        this.#trace?.(sysctlWrite(name, value));
        // One that is gone went with its link.
        this.#sysctls.write(name, value);
        return;
      }
      case 'createTable':
      case 'replaceTable': {
        const run = (transaction: NftTransaction): void =>
          this.#nft.apply(transaction, this.#subject, this.#trace);
        const { table, refused } = putTable(change, run);
        this.placed = table;
        this.refused.push(...refused);
        return;
      }
      case 'deleteTable':
        this.#nft.apply(deleteTable(TABLE), this.#subject, this.#trace);
        return;
      case 'deleteTrial':
        this.#nft.apply(deleteTable(PROBE_TABLE), this.#subject, this.#trace);
        return;
      case 'addRoute':
        advised(() => this.#rt.addRoute(change.route, 'prepend'));
        return;
      case 'deleteRoute':
        unless(isNotFound, () => this.#rt.deleteRoute(change.route));
        return;
      case 'addRule':
        unless(isExists, () => this.#rt.addRule(change.rule));
        return;
      case 'deleteRule':
        unless(isNotFound, () => this.#rt.deleteRule(change.rule));
        return;
    }
  }
}

/** Does something, unless it is done already. */
function unless(done: (err: unknown) => boolean, fn: () => void): void {
  try {
    fn();
  } catch (err) {
    if (!done(err)) throw err;
  }
}

/** Says what can be done about a route that the kernel refuses because it knows no way to the gateway. */
function advised(add: () => void): void {
  try {
    add();
  } catch (err) {
    if (!(err instanceof OpError) || !UNREACHABLE.has(err.code)) throw err;
    const { op, subject, errno } = err;
    throw new OpError(op, subject, errno, {
      cause: err,
      advice: 'give a gateway on a network of the container',
    });
  }
}

function isRefusal(err: unknown): err is Error {
  return err instanceof OpError || err instanceof NftError || err instanceof ChannelError;
}

// Brings a network namespace to what the labels of its containers ask for: looks at what it holds of ours and changes
// what differs, in one synchronous window. Not here: what is done in the window (session.ts), what a namespace
// shall hold (labels/planner/plan.ts), what that changes (labels/diff/diff.ts), when to look (labels/controller/reconciler.ts).

import { isNotFound, messageOf, UserError } from '../../base/errors.js';
import type { Trace } from '../../base/trace.js';
import { type ConnectionOpener, DUMP_BUFFER_BYTES, openConnection } from '../../netlink/connection.js';
import { Netns, type NetnsSwitch } from '../../netlink/netns.js';
import { readRules } from '../../netlink/route/policy-rule.js';
import { RT_TABLE_MAIN } from '../../netlink/route/route.js';
import type { Nft } from '../../nft/client.js';
import type { NftTable } from '../../nft/table.js';
import { whyBypassed } from '../diff/bypass.js';
import { diff } from '../diff/diff.js';
import { diffRoutes } from '../diff/diff-routes.js';
import { nothingIn } from '../diff/digest.js';
import { stampedTable, stampOf } from '../diff/stamp.js';
import type { Change, DesiredRoute, DesiredSysctl, SandboxDesired, SandboxObserved } from '../diff/state.js';
import { CLOSED_STAMP, CLOSED_TABLE } from '../diff/strict.js';
import type { NetnsRef } from '../discovery/container.js';
import { isSameProcess } from '../discovery/proc-netns.js';
import { type ApplyResult, closeAfter, outcomeOf } from './outcome.js';
import { cacheKey, decodeState, type RawState } from './raw-state.js';
import { NetnsSession, type SessionParts } from './session.js';
import { PROC_SYSCTLS, type SysctlFiles } from './sysctl-files.js';
import { TamperCheck } from './tamper-check.js';

export interface SandboxParts {
  readonly netnsSwitch: Pick<NetnsSwitch, 'hostKey' | 'within'>;
  readonly nft: Nft;
  /** Opens connections to rtnetlink in the namespace of the calling thread; absent: to the kernel. */
  readonly open?: ConnectionOpener;
  /** Absent: the files below /proc/sys/net. */
  readonly sysctls?: SysctlFiles;
  /** The host's namespace, which is never touched; absent: the one that this process is in. */
  readonly host?: NetnsRef;
  /** Is told each change before it is made, as a command that would do the same. */
  readonly trace?: Trace;
}

/** What makes other rules. */
const TABLE_CHANGES: ReadonlySet<Change['kind']> = new Set(['createTable', 'replaceTable', 'deleteTable']);
/** Docker has made rules of its own by then, which make the ruleset another. */
const BASELINE_DELAY_MS = 250;
/** How long others may have to wait for it at a time. */
const MAX_BASELINE_MS = 2;
/** The second look is at what routes have moved: which interface leads where. */
const LOOKS = 2;

/** A namespace in which nothing was to be changed. */
interface Settled {
  /** Of what it shall hold. */
  readonly digest: string;
  /** Of what it holds. */
  readonly cacheKey: string;
  /** What was wrong all the same. */
  readonly told: Pick<ApplyResult, 'warnings'>;
}

export class Sandboxes {
  readonly #switch: SandboxParts['netnsSwitch'];
  readonly #session: SessionParts;
  readonly #host: NetnsRef | undefined;
  readonly #trace: Trace | undefined;
  readonly #tamperCheck = new TamperCheck();
  /** What was observed the last time, where nothing was to be changed; by the keys of the namespaces. */
  readonly #settled = new Map<string, Settled>();
  /** Keys of namespaces in which what a daemon before us may have left was searched for. */
  readonly #searched = new Set<string>();
  /** Tables that were put in place, and not looked at since; by the keys of their namespaces. */
  readonly #pendingBaselines = new Map<string, { readonly netns: NetnsRef; readonly table: NftTable }>();
  #timer: NodeJS.Timeout | undefined;

  constructor({
    netnsSwitch,
    nft,
    open = openConnection,
    sysctls = PROC_SYSCTLS,
    host,
    trace,
  }: SandboxParts) {
    this.#switch = netnsSwitch;
    // Windows are never open at once.
    this.#session = { nft, open, sysctls, buffer: Buffer.allocUnsafe(DUMP_BUFFER_BYTES) };
    this.#host = host;
    this.#trace = trace;
  }

  /** Leaves the namespaces as they are. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** Forgets what is known of all other namespaces: the kernel may give one's number to another. */
  retainOnly(keys: ReadonlySet<string>): void {
    this.#tamperCheck.retainOnly(keys);
    for (const key of this.#settled.keys()) if (!keys.has(key)) this.#settled.delete(key);
    for (const key of this.#searched) if (!keys.has(key)) this.#searched.delete(key);
  }

  /**
   * Looks, and changes what differs. Undefined when the namespace is gone, or another is in its place by now.
   * @throws UserError for the host's own namespace; OpError or ChannelError when it cannot be entered or looked at
   */
  reconcile(desired: SandboxDesired): ApplyResult | undefined {
    return this.#within(desired.netns, session => {
      const possible = { ...desired, routes: session.possible(desired.routes) };
      const { key } = desired.netns;
      const { loopbackTowards = [] } = desired;
      const towards = loopbackTowards.length > 0 || desired.sysctls.some(sysctl => sysctl.towards);
      const changes: Change[] = [];
      for (let look = 1; ; look++) {
        const rawState = this.#look(session, desired);
        const observedKey = cacheKey(rawState);
        const settled = this.#settled.get(key);
        if (settled?.digest === desired.digest && settled.cacheKey === observedKey)
          return { changes, failures: [], ...settled.told };
        const observed = decodeState(rawState);
        const bypassed = whyBypassed(desired, () => readRules(rawState.rules));
        const told = bypassed === undefined ? {} : { warnings: [bypassed] };
        const isDamaged = this.#isTampered(desired, observed, session);
        const next = diff(possible, { ...observed, isTampered: isDamaged });
        changes.push(...next);
        const failures = session.apply(next, desired.isStrict);
        const closing = closeAfter(failures, desired, observed, session);
        changes.push(...closing);
        if (next.length === 0)
          this.#settled.set(key, { digest: desired.digest, cacheKey: observedKey, told });
        else this.#settled.delete(key);
        if (failures.length === 0) this.#searched.add(key);
        const rulesChanged = [...next, ...closing].some(({ kind }) => TABLE_CHANGES.has(kind));
        if (rulesChanged) this.#recordBaselineLater(desired.netns, session.placed);
        if (rulesChanged && session.unreadable && failures.length === 0) this.#trustNow(key, session);
        if (rulesChanged && failures.length === 0) session.deleteStaleFlows(desired.udpForwards ?? []);
        const moved = towards && next.some(({ kind }) => kind === 'addRoute' || kind === 'deleteRoute');
        if (failures.length > 0 || !moved || look === LOOKS) {
          return { changes, failures, ...told, ...outcomeOf(desired, session, failures) };
        }
      }
    });
  }

  /** A strict namespace that cannot be looked at is closed, unless there is a table of ours. */
  #look(session: NetnsSession, { netns, sysctls, loopbackTowards, isStrict }: SandboxDesired): RawState {
    try {
      return session.readState(sysctls, loopbackTowards, !this.#searched.has(netns.key));
    } catch (err) {
      if (isStrict)
        session.apply([{ kind: 'createTable', table: stampedTable(CLOSED_TABLE, [], CLOSED_STAMP) }]);
      throw err;
    }
  }

  /** Takes away all that is ours; sysctls become what they were. Otherwise like `converge`. */
  clear(netns: NetnsRef): ApplyResult | undefined {
    return this.reconcile(nothingIn(netns, []));
  }

  /** What a namespace holds of ours; undefined when it is gone. Throws as `converge` does. */
  observe(netns: NetnsRef, sysctls: readonly DesiredSysctl[] = []): SandboxObserved | undefined {
    return this.#within(netns, session => decodeState(session.readState(sysctls)));
  }

  /** Makes changes without a look. Undefined when the namespace is gone. Throws as `converge` does. */
  apply(netns: NetnsRef, changes: readonly Change[]): ApplyResult | undefined {
    this.#tamperCheck.forget(netns.key);
    return this.#within(netns, session => ({ changes, failures: session.apply(changes) }));
  }

  /**
   * Looks at what the kernel has made of the tables that were put in place of late, to know them again: done by itself
   * soon after, when nobody waits for a namespace.
   * @param within milliseconds, after which the rest is left for later
   */
  recordBaselines(within = Number.POSITIVE_INFINITY): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const began = performance.now();
    for (const [key, { netns, table }] of this.#pendingBaselines) {
      this.#pendingBaselines.delete(key);
      try {
        this.#within(netns, session => this.#tamperCheck.recordBaseline(key, table, session.readTable()));
      } catch (err) {
        // The next look says so, if it stays.
        this.#trace?.(`# ${messageOf(err)}`);
      }
      if (performance.now() - began >= within) break;
    }
    if (this.#pendingBaselines.size > 0)
      this.#timer = setTimeout(() => this.recordBaselines(MAX_BASELINE_MS), MAX_BASELINE_MS);
  }

  /**
   * Brings the host's own routes of ours to what they shall be: routes in its main table, and nothing else of it.
   * @param keep whether those stay that are not wanted
   * @throws OpError or ChannelError when it cannot be looked at
   */
  reconcileHostRoutes(routes: readonly DesiredRoute[], keep = false): ApplyResult {
    const session = new NetnsSession(this.#session, 'the host', this.#trace);
    try {
      // The host has no policy rules of ours: what is not in its main table would not count.
      const mainTable = () => RT_TABLE_MAIN;
      const { fallbacks, gateways, removals } = diffRoutes(
        session.possible(routes),
        session.routes(),
        mainTable,
      );
      const changes = [...fallbacks, ...gateways, ...(keep ? [] : removals)];
      const failures = session.apply(changes);
      return { changes, failures, ...(session.isUnguarded && { isUnguarded: true }) };
    } finally {
      session.close();
    }
  }

  #isTampered(
    { netns, table, stamp }: SandboxDesired,
    observed: SandboxObserved,
    session: NetnsSession,
  ): boolean {
    // Another one is replaced anyway.
    if (!table || observed.stamp !== (stamp ?? stampOf(table))) return false;
    const { key } = netns;
    const placed = this.#pendingBaselines.get(key)?.table ?? table;
    return this.#tamperCheck.isTampered(key, observed.generation, placed, () => session.readTable());
  }

  /** A table that cannot be read is whole as long as nobody changes the ruleset from here on. */
  #trustNow(key: string, session: NetnsSession): void {
    const generation = session.generation();
    if (generation !== undefined) this.#tamperCheck.trust(key, generation);
  }

  /** What the kernel made of a table is looked at when nobody waits: a look before that compares with the plan. */
  #recordBaselineLater(netns: NetnsRef, table: NftTable | undefined): void {
    this.#tamperCheck.forget(netns.key);
    if (table) this.#pendingBaselines.set(netns.key, { netns, table });
    else this.#pendingBaselines.delete(netns.key);
    if (this.#pendingBaselines.size > 0)
      this.#timer ??= setTimeout(() => this.recordBaselines(MAX_BASELINE_MS), BASELINE_DELAY_MS);
  }

  #within<T>(ref: NetnsRef, use: (session: NetnsSession) => T): T | undefined {
    const netns = openNetns(ref.path);
    if (!netns) return undefined;
    try {
      const { key } = netns;
      if (key === (this.#host?.key ?? this.#switch.hostKey)) {
        throw new UserError(`${ref.path} is the host's own network namespace, which labels never change`);
      }
      if (key !== ref.key || !isSameProcess(ref)) return undefined;
      return this.#switch.within<{ value: T }>(netns, () => {
        const session = new NetnsSession(this.#session, ref.path, this.#traceIn(ref.path));
        try {
          return { value: use(session) };
        } finally {
          session.close();
        }
      }).value;
    } finally {
      netns.close();
    }
  }

  #traceIn(path: string): Trace | undefined {
    const trace = this.#trace;
    return trace && (command => trace(`nsenter --net=${path} ${command}`));
  }
}

function openNetns(path: string): Netns | undefined {
  try {
    return new Netns(path);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

// Reconciles a network namespace with what the labels of its containers ask for: reads what it holds of ours and changes
// what differs, in one synchronous session. Not here: the session (session.ts), what a namespace is to hold
// (labels/planner/plan.ts), which changes that takes (labels/diff/diff.ts), when (labels/controller/reconciler.ts).

import type { Address } from '../../base/ip.js';
import { faultPoint } from '../../fault/fault-point.js';
import { type ConnectionOpener, DUMP_BUFFER_BYTES, openConnection } from '../../netlink/connection.js';
import type { NetnsSwitch } from '../../netlink/netns.js';
import type { Trace } from '../../netlink/trace.js';
import { WallClock } from '../../netlink/wireguard/wall-clock.js';
import type { Nft } from '../../nft/client.js';
import { legacyForwardChains } from '../../nft/legacy-tables.js';
import { answerByRouters, NO_ANSWERS, readSenders, withNotices } from '../answers/answering.js';
import { diffAll, diffLabels, hasUnreadRouters } from '../answers/diff-routers.js';
import { altersRuleset, isOfRouting, needsSecondRound } from '../diff/change-groups.js';
import { diffHostRoutes } from '../diff/diff-routes.js';
import { nothingIn } from '../diff/digest.js';
import type {
  Change,
  DesiredRoute,
  DesiredSysctl,
  SandboxDesired,
  SandboxObserved,
  Sender,
} from '../diff/state.js';
import type { NetnsRef } from '../discovery/container.js';
import { KeptSysctls } from '../sysctls/kept-sysctls.js';
import type { SysctlFiles } from '../sysctls/sysctl-files.js';
import { joinApplied, NOTHING_APPLIED } from './applied-changes.js';
import { Baselines } from './baselines.js';
import { type FirewallReader, readFirewalls, withFirewalls } from './firewalls.js';
import { probeGateways, probeTunnels, type Standing } from './gateway-probe.js';
import { heldIn, orClosed } from './held.js';
import { type ApplyResult, type ComparedSandbox, closeAfter, outcomeOf } from './outcome.js';
import { cacheKey, decodeState, type RawState } from './raw-state.js';
import type { NetnsSession } from './session.js';
import { SessionOpener } from './session-opener.js';
import { TamperCheck } from './tamper-check.js';

interface SandboxParts {
  readonly netnsSwitch: Pick<NetnsSwitch, 'hostKey' | 'within'>;
  readonly nft: Nft;
  /** Opens connections to rtnetlink in the namespace of the calling thread; absent: to the kernel. */
  readonly open?: ConnectionOpener;
  /** Absent: the kernel's. */
  readonly sysctls?: SysctlFiles;
  /** Reads the old iptables' tables; absent: the kernel's. */
  readonly legacy?: typeof legacyForwardChains;
  /** The host's namespace, which is never touched; absent: the one that this process is in. */
  readonly host?: NetnsRef;
  /** Is told each change before it is made, as the command that would make it. */
  readonly trace?: Trace;
}

/** The second round sees what the first has altered: by which interface an address is reached, a table that was flushed. */
const MAX_ROUNDS = 2;

type ToldOfSandbox = Pick<ApplyResult, 'warnings' | 'notices' | 'isClosed'>;

/** A namespace in which nothing had to be changed. */
interface Settled {
  /** Of the desired state. */
  readonly digest: string;
  /** Of the observed state. */
  readonly cacheKey: string;
  /** What was wrong even so. */
  readonly warned: ToldOfSandbox;
}

export class Sandboxes {
  readonly #sessions: SessionOpener;
  readonly #open: ConnectionOpener;
  readonly #sysctls: SysctlFiles;
  readonly #nft: Nft;
  readonly #clock = new WallClock();
  readonly #tamperCheck = new TamperCheck();
  readonly #baselines: Baselines;
  readonly #readFirewalls: FirewallReader;
  /** The last state that needed no change; by the keys of the namespaces. */
  readonly #settled = new Map<string, Settled>();
  /** Keys of namespaces that were searched for leftovers of an earlier daemon. */
  readonly #searched = new Set<string>();

  constructor(parts: SandboxParts) {
    const { netnsSwitch, nft, open = openConnection, sysctls = new KeptSysctls(), host, trace } = parts;
    const { legacy = legacyForwardChains } = parts;
    // Only one session is open at a time, so one buffer serves all.
    const session = { nft, open, sysctls, buffer: Buffer.allocUnsafe(DUMP_BUFFER_BYTES) };
    this.#open = open;
    this.#sysctls = sysctls;
    this.#nft = nft;
    this.#sessions = new SessionOpener({ netnsSwitch, session, host, trace });
    this.#readFirewalls = families => readFirewalls(nft, legacy, families, trace);
    this.#baselines = new Baselines(this.#tamperCheck, this.#sessions, trace);
  }

  /** Leaves the namespaces as they are. */
  close(): void {
    this.#baselines.close();
    this.#sysctls.close?.();
  }

  /** Forgets what is known of all other namespaces: the kernel reuses their inode numbers. */
  retainOnly(keys: ReadonlySet<string>): void {
    this.#tamperCheck.retainOnly(keys);
    this.#sysctls.retainOnly?.(keys);
    for (const key of this.#settled.keys()) if (!keys.has(key)) this.#settled.delete(key);
    for (const key of this.#searched) if (!keys.has(key)) this.#searched.delete(key);
  }

  /**
   * Reads the namespace and changes what differs. Undefined when it is gone, or its path leads to another one by now.
   * @throws UserError for the host's own namespace; OpError or ChannelError when it cannot be entered or read
   */
  reconcile(desired: SandboxDesired): ApplyResult | undefined {
    return this.#sessions.within(desired.netns, session => this.#reconcile(session, desired));
  }

  #reconcile(session: NetnsSession, planned: SandboxDesired): ApplyResult {
    const { key } = planned.netns;
    const routes = session.supportedRoutes(planned.routes);
    const changes: Change[] = [];
    let applied = NOTHING_APPLIED;
    let unreadable: Error | undefined;
    for (let round = 1; ; round++) {
      const rawState = orClosed(session, planned, () => this.#readState(session, { ...planned, routes }));
      faultPoint('namespace-read');
      const observedKey = cacheKey(rawState);
      const settled = this.#settled.get(key);
      if (settled?.digest === planned.digest && settled.cacheKey === observedKey)
        return { changes, failures: [], ...settled.warned };
      const { desired, warned, observed, tampering, next } = orClosed(session, planned, () => {
        const observed = decodeState(rawState);
        const held = heldIn(rawState, observed, { ...planned, routes }, session);
        const tampering = this.#baselines.check(held.desired, observed, session);
        const next = diffLabels(held.desired, { ...observed, isTampered: tampering.isTampered });
        return { ...held, observed, tampering, next };
      });
      unreadable = tampering.unreadable ?? unreadable;
      const closing = closeAfter(session.apply(next, desired.isStrict), desired, observed, session);
      faultPoint('namespace-changed');
      applied = joinApplied(applied, closing.applied);
      const isDone = applied.failures.length === 0;
      const isSecondDue = needsSecondRound(desired, next) || hasUnreadRouters(desired, observed);
      const isLast = !isDone || round === MAX_ROUNDS || !isSecondDue;
      const answers = isLast && isDone ? answerByRouters(session, desired, observed) : NO_ANSWERS;
      const told: ToldOfSandbox = isLast ? withFirewalls(desired, warned, this.#readFirewalls) : warned;
      for (const change of [...next, ...closing.changes, ...answers.changes]) changes.push(change);
      if (next.length + answers.changes.length === 0)
        this.#settled.set(key, { digest: planned.digest, cacheKey: observedKey, warned: told });
      else this.#settled.delete(key);
      if (isDone) this.#searched.add(key);
      if ([...next, ...closing.changes].some(altersRuleset)) {
        this.#baselines.recordLater(desired.netns, applied.placed);
        // What cannot be read counts as intact as long as nobody changes the ruleset from here on.
        if (unreadable && isDone) this.#tamperCheck.trust(key, session.generation());
        if (isDone) session.deleteStaleFlows(desired.udpForwards ?? []);
      }
      if (isLast)
        return {
          changes,
          failures: applied.failures,
          ...(isDone && withNotices(told, answers.notices)),
          ...outcomeOf(desired, applied, unreadable),
        };
    }
  }

  #readState(session: NetnsSession, desired: SandboxDesired): RawState {
    const { netns, sysctls, loopbackTowards, routes, routersOn } = desired;
    const gateways = routes.flatMap(({ gateway }) => gateway ?? []);
    const search = !this.#searched.has(netns.key);
    return session.readState(sysctls, loopbackTowards, search, gateways, routersOn !== undefined);
  }

  /** Whether the namespace has the desired routes already, and nothing leads past them. Nothing is changed. */
  holdsRoutes(desired: SandboxDesired): boolean {
    const found = this.compare(desired, false);
    return found?.warnings === undefined && found?.changes.some(isOfRouting) === false;
  }

  /**
   * The namespace as it is beside its desired state, and the changes that would be made; undefined when it is gone. Nothing is
   * changed. Throws as `reconcile` does.
   * @param withTable whether its table is read, too
   */
  compare(planned: SandboxDesired, withTable = true): ComparedSandbox | undefined {
    return this.#sessions.within(planned.netns, session => {
      const wanted = { ...planned, routes: session.supportedRoutes(planned.routes) };
      const rawState = this.#readState(session, wanted);
      const observed = decodeState(rawState);
      const { desired, warned } = heldIn(rawState, observed, wanted, session);
      const isTampered = withTable && this.#baselines.check(desired, observed, session).isTampered;
      const changes = (withTable ? diffAll : diffLabels)(desired, { ...observed, isTampered });
      return { desired, observed, changes, ...(warned.warnings && { warnings: warned.warnings }) };
    });
  }

  /** Removes all that is ours, and restores sysctls. Throws as `reconcile` does. */
  clear(netns: NetnsRef): ApplyResult | undefined {
    return this.reconcile(nothingIn(netns, []));
  }

  /** What a namespace holds of ours; undefined when it is gone. Throws as `reconcile` does. */
  observe(netns: NetnsRef, sysctls: readonly DesiredSysctl[] = []): SandboxObserved | undefined {
    return this.#sessions.within(netns, session => decodeState(session.readState(sysctls)));
  }

  /** Whether gateways answer; undefined when the namespace is gone. Throws as `reconcile` does. */
  probeGateways(netns: NetnsRef, gateways: readonly Address[]): readonly Standing[] | undefined {
    return this.#sessions.within(netns, ({ connection }) => probeGateways(connection, gateways));
  }

  /** Whether a gateway's tunnels of ours are up; undefined when its namespace is gone as well. Throws as `reconcile` does. */
  probeTunnels(netns: NetnsRef): Standing {
    return this.#sessions.within(netns, () => probeTunnels(this.#open, this.#clock));
  }

  /** As readSenders() has them; undefined when the namespace is gone as well. Throws as `reconcile` does. */
  senders(netns: NetnsRef): readonly Sender[] | undefined {
    return this.#sessions.within(netns, () => readSenders(this.#nft));
  }

  /** Makes changes without reading first. Undefined when the namespace is gone. Throws as `reconcile` does. */
  apply(netns: NetnsRef, changes: readonly Change[]): ApplyResult | undefined {
    this.#tamperCheck.forget(netns.key);
    return this.#sessions.within(netns, session => ({ changes, failures: session.apply(changes).failures }));
  }

  /** Records at once what the kernel has made of the tables that were installed last. */
  recordBaselines(): void {
    this.#baselines.record();
  }

  /**
   * Reconciles the host's own routes of ours: routes in its main table, and nothing else of it.
   * @param prune whether those go that are not wanted
   * @throws OpError or ChannelError when they cannot be read
   */
  reconcileHostRoutes(routes: readonly DesiredRoute[], prune = true): ApplyResult {
    return this.#sessions.here(session => {
      const next = diffHostRoutes(session.supportedRoutes(routes), session.routes());
      const changes = [...next.fallbacks, ...next.gateways, ...(prune ? next.removals : [])];
      const { failures, mayLeak } = session.apply(changes);
      return { changes, failures, ...(mayLeak && { mayLeak }) };
    });
  }

  /** The changes that would be made to the host's own routes of ours. Throws alike. */
  hostRouteChanges(routes: readonly DesiredRoute[]): readonly Change[] {
    const next = this.#sessions.here(one => diffHostRoutes(one.supportedRoutes(routes), one.routes()));
    return Object.values(next).flat();
  }
}

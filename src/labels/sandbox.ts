// Brings a network namespace to what the labels of its containers ask for: looks at what it holds of ours and changes
// what differs, in one synchronous window. Not here: what is done in the window (sandbox-window.ts), what a namespace
// shall hold (plan.ts), what that changes (diff.ts), when to look (reconcile.ts).

import { isNotFound, messageOf, UserError } from '../errors.js';
import type { Trace } from '../netlink/commands.js';
import { Netns, type NetnsSwitch } from '../netlink/netns.js';
import { RT_TABLE_MAIN } from '../netlink/route.js';
import { readRules } from '../netlink/rule.js';
import { DUMP_BUFFER_BYTES } from '../netlink/sync-socket.js';
import type { Nft } from '../nft/libnftables.js';
import type { NftTable } from '../nft/ruleset.js';
import { diff } from './diff.js';
import { whyBypassed } from './openings.js';
import { type Converged, closeAfter, outcomeOf } from './outcome.js';
import { isSameProcess } from './proc-netns.js';
import { diffRoutes } from './routes.js';
import { SandboxWindow } from './sandbox-window.js';
import { printOf, readSight, type Sight } from './sight.js';
import { stampedTable, stampOf } from './stamp.js';
import { CLOSED_STAMP, CLOSED_TABLE } from './strict.js';
import { Wholeness } from './wholeness.js';
import type {
  Change,
  DesiredRoute,
  DesiredSysctl,
  NetnsRef,
  SandboxDesired,
  SandboxObserved,
} from './words.js';

export interface SandboxParts {
  readonly netnsSwitch: NetnsSwitch;
  readonly nft: Nft;
  /** The host's namespace, which is never touched; absent: the one that this process is in. */
  readonly host?: NetnsRef;
  /** Is told each change before it is made, as a command that would do the same. */
  readonly trace?: Trace;
}

/** What makes other rules. */
const TABLE_CHANGES: ReadonlySet<Change['kind']> = new Set(['createTable', 'replaceTable', 'deleteTable']);
/** Docker has made rules of its own by then, which make the ruleset another. */
const LEARNT_AFTER_MS = 250;
/** How long others may have to wait for it at a time. */
const LEARNING_MS = 2;
/** The second look is at what routes have moved: which interface leads where. */
const LOOKS = 2;

export class Sandboxes {
  readonly #switch: NetnsSwitch;
  readonly #nft: Nft;
  readonly #host: NetnsRef | undefined;
  readonly #trace: Trace | undefined;
  readonly #wholeness = new Wholeness();
  /** What the last look has found, where nothing was to be changed; and what was wrong all the same. */
  readonly #settled = new WeakMap<SandboxDesired, { print: string; told: Pick<Converged, 'warnings'> }>();
  /** Keys of namespaces in which what a daemon before us may have left was searched for. */
  readonly #searched = new Set<string>();
  /** Windows are never open at once. */
  readonly #buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES);
  /** Tables that were put in place, and not looked at since; by the keys of their namespaces. */
  readonly #unlearned = new Map<string, { readonly netns: NetnsRef; readonly table: NftTable }>();
  #timer: NodeJS.Timeout | undefined;

  constructor({ netnsSwitch, nft, host, trace }: SandboxParts) {
    this.#switch = netnsSwitch;
    this.#nft = nft;
    this.#host = host;
    this.#trace = trace;
  }

  /** Leaves the namespaces as they are. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Looks, and changes what differs. Undefined when the namespace is gone, or another is in its place by now.
   * @throws UserError for the host's own namespace; OpError or ChannelError when it cannot be entered or looked at
   */
  converge(desired: SandboxDesired): Converged | undefined {
    return this.#within(desired.netns, window => {
      const possible = { ...desired, routes: window.possible(desired.routes) };
      const { key } = desired.netns;
      const { loopbackTowards = [] } = desired;
      const towards = loopbackTowards.length > 0 || desired.sysctls.some(sysctl => sysctl.towards);
      const changes: Change[] = [];
      for (let look = 1; ; look++) {
        const sight = this.#look(window, desired);
        const print = printOf(sight);
        const settled = this.#settled.get(desired);
        if (settled?.print === print) return { changes, failures: [], ...settled.told };
        const observed = readSight(sight);
        const bypassed = whyBypassed(desired.routes, () => readRules(sight.rules));
        const told = bypassed === undefined ? {} : { warnings: [bypassed] };
        const isDamaged = this.#isDamaged(desired, observed, window);
        const next = diff(possible, { ...observed, isDamaged });
        changes.push(...next);
        const failures = window.apply(next, desired.isStrict);
        const closing = closeAfter(failures, desired, observed, window);
        changes.push(...closing);
        if (next.length === 0) this.#settled.set(desired, { print, told });
        if (failures.length === 0) this.#searched.add(key);
        const rulesChanged = [...next, ...closing].some(({ kind }) => TABLE_CHANGES.has(kind));
        if (rulesChanged) this.#learnLater(desired.netns, window.placed);
        if (rulesChanged && window.unreadable && failures.length === 0) this.#trustNow(key, window);
        if (rulesChanged && failures.length === 0) window.forgetFlows(desired.udpForwards ?? []);
        const moved = towards && next.some(({ kind }) => kind === 'addRoute' || kind === 'deleteRoute');
        if (failures.length > 0 || !moved || look === LOOKS) {
          return { changes, failures, ...told, ...outcomeOf(desired, window, failures) };
        }
      }
    });
  }

  /** A strict namespace that cannot be looked at is closed, unless there is a table of ours. */
  #look(window: SandboxWindow, { netns, sysctls, loopbackTowards, isStrict }: SandboxDesired): Sight {
    try {
      return window.look(sysctls, loopbackTowards, !this.#searched.has(netns.key));
    } catch (err) {
      if (isStrict)
        window.apply([{ kind: 'createTable', table: stampedTable(CLOSED_TABLE, [], CLOSED_STAMP) }]);
      throw err;
    }
  }

  /** Takes away all that is ours; sysctls become what they were. Otherwise like `converge`. */
  clear(netns: NetnsRef): Converged | undefined {
    return this.converge({ netns, containers: [], routes: [], sysctls: [] });
  }

  /** What a namespace holds of ours; undefined when it is gone. Throws as `converge` does. */
  observe(netns: NetnsRef, sysctls: readonly DesiredSysctl[] = []): SandboxObserved | undefined {
    return this.#within(netns, window => readSight(window.look(sysctls)));
  }

  /** Makes changes without a look. Undefined when the namespace is gone. Throws as `converge` does. */
  apply(netns: NetnsRef, changes: readonly Change[]): Converged | undefined {
    this.#wholeness.forget(netns.key);
    return this.#within(netns, window => ({ changes, failures: window.apply(changes) }));
  }

  /**
   * Looks at what the kernel has made of the tables that were put in place of late, to know them again: done by itself
   * soon after, when nobody waits for a namespace.
   * @param within milliseconds, after which the rest is left for later
   */
  learn(within = Number.POSITIVE_INFINITY): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const began = performance.now();
    for (const [key, { netns, table }] of this.#unlearned) {
      this.#unlearned.delete(key);
      try {
        this.#within(netns, window => this.#wholeness.remember(key, table, window.inventory()));
      } catch (err) {
        // The next look says so, if it stays.
        this.#trace?.(`# ${messageOf(err)}`);
      }
      if (performance.now() - began >= within) break;
    }
    if (this.#unlearned.size > 0) this.#timer = setTimeout(() => this.learn(LEARNING_MS), LEARNING_MS);
  }

  /**
   * Brings the host's own routes of ours to what they shall be: routes in its main table, and nothing else of it.
   * @param keep whether those stay that are not wanted
   * @throws OpError or ChannelError when it cannot be looked at
   */
  convergeHostRoutes(routes: readonly DesiredRoute[], keep = false): Converged {
    const window = new SandboxWindow(this.#nft, 'the host', this.#buffer, this.#trace);
    try {
      // The host has no policy rules of ours: what is not in its main table would not count.
      const mainTable = () => RT_TABLE_MAIN;
      const { guards, gateways, removals } = diffRoutes(window.possible(routes), window.routes(), mainTable);
      const changes = [...guards, ...gateways, ...(keep ? [] : removals)];
      const failures = window.apply(changes);
      return { changes, failures, ...(window.isUnguarded && { isUnguarded: true }) };
    } finally {
      window.close();
    }
  }

  #isDamaged(
    { netns, table, stamp }: SandboxDesired,
    observed: SandboxObserved,
    window: SandboxWindow,
  ): boolean {
    // Another one is replaced anyway.
    if (!table || observed.stamp !== (stamp ?? stampOf(table))) return false;
    const { key } = netns;
    const placed = this.#unlearned.get(key)?.table ?? table;
    return this.#wholeness.isDamaged(key, observed.generation, placed, () => window.inventory());
  }

  /** A table that cannot be read is whole as long as nobody changes the ruleset from here on. */
  #trustNow(key: string, window: SandboxWindow): void {
    const generation = window.generation();
    if (generation !== undefined) this.#wholeness.trust(key, generation);
  }

  /** What the kernel made of a table is looked at when nobody waits: a look before that compares with the plan. */
  #learnLater(netns: NetnsRef, table: NftTable | undefined): void {
    this.#wholeness.forget(netns.key);
    if (table) this.#unlearned.set(netns.key, { netns, table });
    else this.#unlearned.delete(netns.key);
    if (this.#unlearned.size > 0) this.#timer ??= setTimeout(() => this.learn(LEARNING_MS), LEARNT_AFTER_MS);
  }

  #within<T>(ref: NetnsRef, use: (window: SandboxWindow) => T): T | undefined {
    const netns = open(ref.path);
    if (!netns) return undefined;
    try {
      const { key } = netns;
      if (key === (this.#host?.key ?? this.#switch.hostKey)) {
        throw new UserError(`${ref.path} is the host's own network namespace, which labels never change`);
      }
      if (key !== ref.key || !isSameProcess(ref)) return undefined;
      return this.#switch.within<{ value: T }>(netns, () => {
        const window = new SandboxWindow(this.#nft, ref.path, this.#buffer, this.#traceIn(ref.path));
        try {
          return { value: use(window) };
        } finally {
          window.close();
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

function open(path: string): Netns | undefined {
  try {
    return new Netns(path);
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  }
}

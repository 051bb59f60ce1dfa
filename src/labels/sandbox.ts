// Brings a network namespace to what the labels of its containers ask for: looks at what it holds of ours and changes
// what differs, in one synchronous window. Not here: what is done in the window (sandbox-window.ts), what a namespace
// shall hold (plan.ts), what that changes (diff.ts), when to look (reconcile.ts).

import { isNotFound, UserError } from '../errors.js';
import type { Trace } from '../netlink/commands.js';
import { Netns, type NetnsSwitch } from '../netlink/netns.js';
import { RT_TABLE_MAIN } from '../netlink/route.js';
import { DUMP_BUFFER_BYTES } from '../netlink/sync-socket.js';
import type { Nft } from '../nft/libnftables.js';
import { diff } from './diff.js';
import { diffRoutes } from './routes.js';
import { SandboxWindow } from './sandbox-window.js';
import { stampOf } from './stamp.js';
import { Wholeness } from './wholeness.js';
import type {
  Change,
  DesiredRoute,
  DesiredSysctl,
  Mistake,
  NetnsRef,
  SandboxDesired,
  SandboxObserved,
} from './words.js';

/** What was done. */
export interface Converged {
  /** In their order, those that were refused and those that build on them too; empty when nothing differed. */
  readonly changes: readonly Change[];
  /** What was refused, each an error that says what; try again later. */
  readonly failures: readonly Error[];
  /** Rules of labels that were left out because the kernel refuses them; they are not tried again. */
  readonly refused?: readonly Mistake[];
}

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
/** The second look is at what routes have moved: which interface leads where. */
const LOOKS = 2;

export class Sandboxes {
  readonly #switch: NetnsSwitch;
  readonly #nft: Nft;
  readonly #host: NetnsRef | undefined;
  readonly #trace: Trace | undefined;
  readonly #wholeness = new Wholeness();
  /** Keys of namespaces in which what a daemon before us may have left was searched for. */
  readonly #searched = new Set<string>();
  /** Windows are never open at once. */
  readonly #buffer = Buffer.allocUnsafe(DUMP_BUFFER_BYTES);

  constructor({ netnsSwitch, nft, host, trace }: SandboxParts) {
    this.#switch = netnsSwitch;
    this.#nft = nft;
    this.#host = host;
    this.#trace = trace;
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
        const observed = window.observe(desired.sysctls, loopbackTowards, !this.#searched.has(key));
        const isDamaged = this.#isDamaged(desired, observed, window);
        const next = diff(possible, { ...observed, isDamaged });
        changes.push(...next);
        const failures = window.apply(next);
        if (failures.length === 0) this.#searched.add(key);
        const rulesChanged = next.some(({ kind }) => TABLE_CHANGES.has(kind));
        if (rulesChanged) this.#remember(key, window);
        if (rulesChanged && failures.length === 0) window.forgetFlows(desired.udpForwards ?? []);
        const moved = towards && next.some(({ kind }) => kind === 'addRoute' || kind === 'deleteRoute');
        if (failures.length > 0 || !moved || look === LOOKS) {
          const { refused } = window;
          return { changes, failures, ...(refused.length > 0 && { refused }) };
        }
      }
    });
  }

  /** Takes away all that is ours; sysctls become what they were. Otherwise like `converge`. */
  clear(netns: NetnsRef): Converged | undefined {
    return this.converge({ netns, containers: [], routes: [], sysctls: [] });
  }

  /** What a namespace holds of ours; undefined when it is gone. Throws as `converge` does. */
  observe(netns: NetnsRef, sysctls: readonly DesiredSysctl[] = []): SandboxObserved | undefined {
    return this.#within(netns, window => window.observe(sysctls));
  }

  /** Makes changes without a look. Undefined when the namespace is gone. Throws as `converge` does. */
  apply(netns: NetnsRef, changes: readonly Change[]): Converged | undefined {
    this.#wholeness.forget(netns.key);
    return this.#within(netns, window => ({ changes, failures: window.apply(changes) }));
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
      return { changes, failures: window.apply(changes) };
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
    return this.#wholeness.isDamaged(netns.key, observed.generation, table, () => window.inventory());
  }

  #remember(key: string, window: SandboxWindow): void {
    if (window.placed) this.#wholeness.remember(key, window.placed, window.inventory());
    else this.#wholeness.forget(key);
  }

  #within<T>(ref: NetnsRef, use: (window: SandboxWindow) => T): T | undefined {
    const netns = open(ref.path);
    if (!netns) return undefined;
    try {
      const { key } = netns;
      if (key === (this.#host?.key ?? this.#switch.hostKey)) {
        throw new UserError(`${ref.path} is the host's own network namespace, which labels never change`);
      }
      if (key !== ref.key) return undefined;
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

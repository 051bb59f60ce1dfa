// Which namespaces are known to have the routes of their labels, and nothing that leads past them: what others may rely on.
// Not here: what they rely on it for (labels/planner/ways-back.ts), applying routes (reconciler.ts).

import { type BackoffLimits, backoffMs } from '../../base/backoff.js';
import { namespaceRoutes } from '../diff/digest.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ApplyResult } from '../namespace/outcome.js';

/**
 * How long routes that were lost again count as lost, whatever is seen of them: the first, and the longest. What relies on them
 * is planned anew each time, so a container must not say how often that is.
 */
const HOLD: BackoffLimits = { firstMs: 2_000, longestMs: 600_000 };

/** Of a namespace whose routes were in force, and then were not. */
interface Loss {
  readonly times: number;
  /** By the clock that record() is given. */
  readonly until: number;
}

/** Routes as namespaceRoutes() has them. */
export class RoutesInForce {
  /** By the keys of their namespaces. */
  readonly #routes = new Map<string, string>();
  readonly #losses = new Map<string, Loss>();
  /** As it was when the last plan was made, and whether that may be another now. */
  #planned: ReadonlySet<string> = new Set();
  #mayDiffer = false;
  #isFirst = true;

  /** Those that a plan is made with. */
  inForce(): ReadonlySet<string> {
    this.#planned = new Set(this.#routes.values());
    this.#mayDiffer = false;
    return this.#planned;
  }

  /**
   * Records what came of applying a desired state; undefined where the namespace is gone.
   * @param now in milliseconds, of any clock that goes forward
   */
  record(desired: SandboxDesired, outcome: ApplyResult | undefined, now: number): void {
    const { key } = desired.netns;
    const holds = outcome && outcome.failures.length === 0 && !outcome.warnings && !desired.isFrozen;
    if (!holds || desired.routes.length === 0) {
      if (!this.#routes.delete(key)) return;
      this.#mayDiffer = true;
      if (outcome && desired.routes.length > 0) this.#lost(key, now);
    } else if (now >= (this.#losses.get(key)?.until ?? now)) {
      const routes = namespaceRoutes(desired);
      this.#mayDiffer ||= this.#routes.get(key) !== routes;
      this.#routes.set(key, routes);
    }
  }

  /** The first loss costs nothing: a container may start again, or be mended. One long ago is none. */
  #lost(key: string, now: number): void {
    const { times, until } = this.#losses.get(key) ?? { times: 0, until: now };
    const again = now - until > HOLD.longestMs ? 1 : times + 1;
    const hold = again === 1 ? 0 : backoffMs(again - 1, HOLD);
    this.#losses.set(key, { times: again, until: now + hold });
  }

  /**
   * Of the first plan: finds what an earlier daemon has left in force.
   * @returns whether there is any
   */
  adopt(
    { sandboxes, routesAsked }: { sandboxes: readonly SandboxDesired[]; routesAsked?: ReadonlySet<string> },
    holdsRoutes: (desired: SandboxDesired) => boolean,
  ): boolean {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!isFirst || !routesAsked) return false;
    for (const desired of sandboxes)
      if (routesAsked.has(namespaceRoutes(desired)) && holds(desired, holdsRoutes))
        this.#routes.set(desired.netns.key, namespaceRoutes(desired));
    this.#mayDiffer = true;
    return this.#routes.size > 0;
  }

  /** Whether one of them is in force now and was not when the last plan was made, or the other way round. */
  haveChangedFor(asked: ReadonlySet<string> = new Set()): boolean {
    if (asked.size === 0 || !this.#mayDiffer) return false;
    const now = new Set(this.#routes.values());
    return [...asked].some(routes => now.has(routes) !== this.#planned.has(routes));
  }

  /** Forgets all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#losses.keys()) if (!keys.has(key)) this.#losses.delete(key);
    for (const key of this.#routes.keys()) if (!keys.has(key)) this.#mayDiffer = this.#routes.delete(key);
  }
}

/** One that cannot be read now is reported when it is reconciled. */
function holds(desired: SandboxDesired, holdsRoutes: (desired: SandboxDesired) => boolean): boolean {
  try {
    return holdsRoutes(desired);
  } catch {
    return false;
  }
}

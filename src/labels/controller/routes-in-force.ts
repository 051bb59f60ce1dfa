// Which namespaces are known to have the routes of their labels, and nothing that leads past them: what others may rely on.
// Not here: what they rely on it for (labels/planner/ways-back.ts), applying routes (reconciler.ts).

import { namespaceRoutes } from '../diff/digest.js';
import type { SandboxDesired } from '../diff/state.js';
import type { ApplyResult } from '../namespace/outcome.js';

/** Routes as namespaceRoutes() has them. */
export class RoutesInForce {
  /** By the keys of their namespaces. */
  readonly #routes = new Map<string, string>();
  /** As it was when the last plan was made. */
  #planned: ReadonlySet<string> = new Set();
  #isFirst = true;

  /** Those that a plan is made with. */
  inForce(): ReadonlySet<string> {
    this.#planned = new Set(this.#routes.values());
    return this.#planned;
  }

  /** Records what came of applying a desired state; undefined where the namespace is gone. */
  record(desired: SandboxDesired, outcome: ApplyResult | undefined): void {
    const { key } = desired.netns;
    const holds = outcome && outcome.failures.length === 0 && !outcome.warnings && !desired.isFrozen;
    if (holds && desired.routes.length > 0) this.#routes.set(key, namespaceRoutes(desired));
    else this.#routes.delete(key);
  }

  /**
   * Of the first plan: finds what an earlier daemon has left in force.
   * @returns whether there is any
   */
  learn(
    { sandboxes, routesAsked }: { sandboxes: readonly SandboxDesired[]; routesAsked?: ReadonlySet<string> },
    holdsRoutes: (desired: SandboxDesired) => boolean,
  ): boolean {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (!isFirst || !routesAsked) return false;
    for (const desired of sandboxes)
      if (routesAsked.has(namespaceRoutes(desired)) && holds(desired, holdsRoutes))
        this.#routes.set(desired.netns.key, namespaceRoutes(desired));
    return this.#routes.size > 0;
  }

  /** Whether one of them is in force now and was not when the last plan was made, or the other way round. */
  haveChangedFor(asked: ReadonlySet<string> = new Set()): boolean {
    if (asked.size === 0) return false;
    const now = new Set(this.#routes.values());
    return [...asked].some(routes => now.has(routes) !== this.#planned.has(routes));
  }

  /** Forgets all other namespaces. */
  retainOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#routes.keys()) if (!keys.has(key)) this.#routes.delete(key);
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

// When those who are held are let go: by the plan that was made of a later listing, and by what came of it. Not here: events
// that end it (hold.ts), whom an earlier daemon held (inherited.ts).

import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import { type ApplyResult, isClosedOrInForce } from '../namespace/outcome.js';
import type { HeldContainers } from './held-containers.js';
import { Inherited } from './inherited.js';

export class HoldEnds {
  readonly #held: HeldContainers;
  readonly #inherited: Inherited;
  /** When the last listing was begun. */
  #listedAt = Number.NEGATIVE_INFINITY;

  /** @param letGo of all whom an earlier daemon held, but for those that start now */
  constructor(held: HeldContainers, letGo: () => void) {
    this.#held = held;
    this.#inherited = new Inherited(letGo);
  }

  /** @param known settles when those that start now are known */
  starting(known: Promise<void>): void {
    this.#inherited.starting(known);
  }

  /** Takes note of when the listing was begun of which plans are made from now on. */
  listed(began: number): void {
    this.#listedAt = began;
  }

  /** Takes note of the last listing, and of what is to be in force: in other namespaces it is nothing. */
  planned(containers: readonly ContainerView[], sandboxes: readonly Pick<SandboxDesired, 'netns'>[]): void {
    this.#inherited.planned(sandboxes);
    if (this.#held.size === 0) return;
    const wanted = new Set(sandboxes.map(({ netns }) => netns.key));
    const views = new Map(containers.map(view => [view.id, view]));
    for (const [id, held] of this.#held) {
      if (held.since > this.#listedAt) continue;
      const view = views.get(id);
      const key = view?.netns?.key;
      held.netns = key;
      held.isRunning = key !== undefined || view?.unverifiedLabelKeys !== undefined;
      const hasNothing = key !== undefined && !wanted.has(key) && !view?.isIndeterminate;
      if (!view || view.hostNetwork || hasNothing) this.#held.release(id, held);
    }
  }

  /** Takes note of what came of applying what is to be in force in a namespace; undefined where it is gone. */
  programmed(key: string, outcome: ApplyResult | undefined): void {
    this.#inherited.programmed(key);
    if (!outcome || !isClosedOrInForce(outcome)) return;
    for (const [id, held] of this.#held) if (held.netns === key) this.#held.release(id, held);
  }
}

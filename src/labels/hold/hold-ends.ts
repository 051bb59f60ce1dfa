// When those who are held are let go: by the plan that was made of a later listing, and by what came of it. Not here: events
// that end it (hold.ts), whom an earlier daemon held (inherited.ts).

import type { SandboxDesired } from '../diff/state.js';
import type { ContainerView } from '../discovery/container.js';
import { type ApplyResult, isClosedOrInForce } from '../namespace/outcome.js';
import type { Held, HeldContainers } from './held-containers.js';
import { Inherited } from './inherited.js';

interface HoldEndsParts {
  /** Whether nothing has to hold up a container any more. */
  readonly mayPass: (id: string) => boolean;
  /** Told of one whose labels are in force, or ask for nothing; before it is let go, if it is held. */
  readonly inForce: (id: string, held: Held | undefined) => void;
  /** Does something when what was sent before labels came into force has passed the host's hooks. */
  readonly drained: (work: () => void) => void;
}

export class HoldEnds {
  readonly #held: HeldContainers;
  readonly #inherited: Inherited;
  /** When the last listing was begun. */
  #listedAt = Number.NEGATIVE_INFINITY;

  readonly #ends: HoldEndsParts;
  /** Of the last plan by namespace those who run there, were to be held, and were not. */
  readonly #unheld = new Map<string, string[]>();
  /** Whose labels are in force, while what they sent before may be on its way. */
  readonly #passing = new Set<string>();

  constructor(held: HeldContainers, ends: HoldEndsParts, letGo: () => void) {
    this.#held = held;
    this.#ends = ends;
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
    const wanted = new Set(sandboxes.map(({ netns }) => netns.key));
    const views = this.#held.size > 0 ? new Map(containers.map(view => [view.id, view])) : undefined;
    for (const [id, held] of this.#held) {
      if (held.since > this.#listedAt) continue;
      const view = views?.get(id);
      const key = view?.netns?.key;
      held.netns = key;
      held.isRunning = key !== undefined || view?.unverifiedLabelKeys !== undefined;
      const hasNothing = key !== undefined && !wanted.has(key) && !view?.isIndeterminate;
      if (hasNothing) this.#ends.inForce(id, held);
      if (!view || view.hostNetwork || hasNothing) this.#held.release(id, held);
    }
    this.#unheld.clear();
    for (const { id, netns, isIndeterminate } of containers) {
      if (netns === undefined || this.#held.get(id) || this.#ends.mayPass(id)) continue;
      if (wanted.has(netns.key)) this.#unheld.set(netns.key, [...(this.#unheld.get(netns.key) ?? []), id]);
      else if (!isIndeterminate) this.#ends.inForce(id, undefined);
    }
  }

  /** Takes note of what came of applying what is to be in force in a namespace; undefined where it is gone. */
  programmed(key: string, outcome: ApplyResult | undefined): void {
    this.#inherited.programmed(key);
    if (!outcome || !isClosedOrInForce(outcome)) return;
    const due = [...this.#held].filter(([, held]) => held.netns === key);
    for (const [id, held] of due) {
      const { since } = held;
      this.#ends.drained(() => {
        // Meanwhile it may have ended, or be on a further network.
        if (this.#held.get(id) !== held || held.since !== since) return;
        this.#ends.inForce(id, held);
        this.#held.release(id, held);
      });
    }
    for (const id of this.#unheld.get(key) ?? []) this.#letPass(id);
    this.#unheld.delete(key);
  }

  /** One that only its guarded bridge kept back. */
  #letPass(id: string): void {
    this.#passing.add(id);
    this.#ends.drained(() => {
      if (this.#passing.delete(id) && !this.#held.get(id)) this.#ends.inForce(id, undefined);
    });
  }

  /** One has ended, or is about to start: what was in force for it is over. */
  begins(id: string): void {
    this.#passing.delete(id);
  }
}

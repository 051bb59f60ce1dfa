// Revisions: a number for the state of a thing, which changes whenever that state may have changed. What is derived from
// things is recomputed when the list of their revisions differs, as with Kubernetes' `resourceVersion`. Not here: when a
// snapshot is taken anew (containers.ts).

import { addTo } from '../../base/group-by.js';
import type { ContainerView } from './container.js';
import type { ContainerSnapshot } from './snapshot.js';

/** Whether the lists are equal. */
export function sameRevisions(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((revision, n) => revision === b[n]);
}

/** The revisions of the containers in each namespace, sorted: the order in which Docker lists them may change. */
export function revisionsByNamespace(containers: readonly ContainerView[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { netns, revision } of containers) if (netns) addTo(found, netns.key, revision);
  for (const revisions of found.values()) if (revisions.length > 1) revisions.sort((a, b) => a - b);
  return found;
}

/** The views of containers. One that is as it was has the same revision. */
export class Views {
  /** The last ones, with the revisions of the snapshots that these were made from. */
  readonly #views = new Map<string, { readonly madeFrom: number; readonly view: ContainerView }>();
  /** The last revision that was given to a view. */
  #revision = 0;

  /** @param hostNetwork and `isIndeterminate`: what other containers' snapshots tell of this one */
  get(current: ContainerSnapshot, hostNetwork: boolean, isIndeterminate: boolean): ContainerView {
    const { madeFrom, view: known } = this.#views.get(current.view.id) ?? {};
    const isSame = known?.hostNetwork === hostNetwork && (known.isIndeterminate ?? false) === isIndeterminate;
    if (known && madeFrom === current.revision && isSame) return known;
    const view = {
      ...current.view,
      revision: ++this.#revision,
      hostNetwork,
      ...(isIndeterminate && { isIndeterminate }),
    };
    this.#views.set(current.view.id, { madeFrom: current.revision, view });
    return view;
  }

  /** Forgets all others. */
  retainOnly(present: Pick<ReadonlySet<string>, 'has'>): void {
    for (const id of this.#views.keys()) if (!present.has(id)) this.#views.delete(id);
  }
}

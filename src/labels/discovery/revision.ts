// Revisions: a number for the state of a thing, which changes whenever that state may have changed. What is derived from
// things is recomputed when the list of their revisions differs, as with Kubernetes' `resourceVersion`. Pure.

/** Whether the lists are equal. */
export function sameRevisions(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((revision, n) => revision === b[n]);
}

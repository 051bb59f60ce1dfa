// Revisions: a number for what is known of a thing, another one whenever something of it may have changed. What depends
// on things is made anew when the list of their revisions is another one, as with Kubernetes' `resourceVersion`. Pure.

/** Whether the lists are the same, number by number. */
export function sameRevisions(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((revision, n) => revision === b[n]);
}

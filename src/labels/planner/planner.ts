// The plan for the world as it is now, computed anew only when something has changed: in most passes nothing has.
// Not here: the plan itself (plan.ts), what the world looks like (labels/discovery/world.ts).

import { type Prefix, sameAddress } from '../../base/ip.js';
import { sameRevisions } from '../discovery/views.js';
import type { WorldSnapshot } from '../discovery/world.js';
import { ParseCache } from '../spec/parse-cache.js';
import { TableCache } from '../table/table-cache.js';
import { type Plan, planWorld } from './plan.js';

export class Planner {
  readonly #allowHostRoutes: readonly Prefix[];
  readonly #isStrict: boolean;
  readonly #intents: ParseCache;
  readonly #tables = new TableCache();
  #last: { readonly snapshot: WorldSnapshot; readonly plan: Plan } | undefined;

  /**
   * @param isStrict whether every labelled container is, whatever its labels say
   * @param intents a cache in which labels may have been decoded ahead of time
   */
  constructor(allowHostRoutes: readonly Prefix[], isStrict = false, intents = new ParseCache()) {
    this.#intents = intents;
    this.#allowHostRoutes = allowHostRoutes;
    this.#isStrict = isStrict;
  }

  /** The desired state, with the mistakes of the labels' syntax; made anew only where something has changed. */
  plan(snapshot: WorldSnapshot): Plan {
    const last = this.#last;
    if (last && isSame(last.snapshot, snapshot)) return last.plan;
    const { intents, unverified, diagnostics } = this.#intents.getAll(snapshot.containers);
    const [allowHostRoutes, isStrict] = [this.#allowHostRoutes, this.#isStrict];
    const plan = planWorld({ ...snapshot, intents, unverified, allowHostRoutes, isStrict }, this.#tables);
    const all = { ...plan, diagnostics: [...diagnostics, ...plan.diagnostics] };
    this.#last = { snapshot, plan: all };
    return all;
  }
}

function isSame(a: WorldSnapshot, b: WorldSnapshot): boolean {
  return (
    a.externalRevision === b.externalRevision &&
    a.silentRevision === b.silentRevision &&
    sameRevisions(revisionsOf(a), revisionsOf(b)) &&
    sameList(a.hostAddresses, b.hostAddresses, sameWithHostBits) &&
    sameList(a.bridgeFiltered, b.bridgeFiltered, Object.is) &&
    sameList(a.nextHops, b.nextHops, sameAddress) &&
    sameList(
      a.hostInterfaceAddresses,
      b.hostInterfaceAddresses,
      (a, b) => a.mac === b.mac && sameWithHostBits(a.prefix, b.prefix),
    )
  );
}

function revisionsOf({ containers }: WorldSnapshot): number[] {
  return containers.map(({ revision }) => revision);
}

/** With their host bits. */
function sameWithHostBits(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && sameAddress(a.address, b.address);
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((one, i) => same(one, b[i]!));
}

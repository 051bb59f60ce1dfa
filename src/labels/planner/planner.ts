// The plan for the world as it is now, computed anew only when something has changed: in most passes nothing has.
// Not here: the plan itself (plan.ts), what the world looks like (labels/discovery/world.ts).

import { type Prefix, sameAddress } from '../../base/ip.js';
import { finish, type Work } from '../../netlink/work.js';
import type { HostForwarding, NextHop } from '../discovery/container.js';
import { sameRevisions } from '../discovery/views.js';
import type { WorldSnapshot } from '../discovery/world.js';
import { ParseCache } from '../spec/parse-cache.js';
import { TableCache } from '../table/table-cache.js';
import { type Plan, type PlanMemory, planning } from './plan.js';

/** As namespaceRoutes() has them. */
type Routes = ReadonlySet<string>;

/** The last plan, and what it was made of. */
interface Last {
  readonly snapshot: WorldSnapshot;
  readonly plan: Plan;
  readonly inForce: Routes;
  readonly memory: PlanMemory;
}

export class Planner {
  readonly #allowHostRoutes: readonly Prefix[];
  readonly #isStrict: boolean;
  readonly #isPartial: boolean;
  readonly #intents: ParseCache;
  readonly #tables = new TableCache();
  #last: Last | undefined;

  /**
   * @param isStrict whether every labelled container is, whatever its labels say
   * @param intents a cache in which labels may have been decoded ahead of time
   * @param isPartial whether of some containers no more is known than the listing has
   */
  constructor(
    allowHostRoutes: readonly Prefix[],
    isStrict = false,
    intents = new ParseCache(),
    isPartial = false,
  ) {
    this.#intents = intents;
    this.#isPartial = isPartial;
    this.#allowHostRoutes = allowHostRoutes;
    this.#isStrict = isStrict;
  }

  /** As planning() has it, at once. */
  plan(snapshot: WorldSnapshot, routesInForce: Routes = new Set()): Plan {
    return finish(this.planning(snapshot, routesInForce));
  }

  /**
   * The desired state, with the mistakes of the labels' syntax; made anew only where something has changed. It counts as the
   * last one when it is done, whatever was planned in between.
   * @param routesInForce those of namespaces that are known to have them
   */
  *planning(snapshot: WorldSnapshot, routesInForce: Routes = new Set()): Work<Plan> {
    const last = this.#last;
    const isSurrounded = last !== undefined && sameSurroundings(last.snapshot, snapshot);
    const isInForce = (route: string): boolean => routesInForce.has(route);
    if (
      isSurrounded &&
      sameRevisions(revisionsOf(last.snapshot), revisionsOf(snapshot)) &&
      [...last.plan.routesAsked].every(route => last.inForce.has(route) === isInForce(route))
    )
      return last.plan;
    const { intents, unverified, diagnostics } = this.#intents.getAll(snapshot.containers);
    yield;
    const own = {
      allowHostRoutes: this.#allowHostRoutes,
      isStrict: this.#isStrict,
      isPartial: this.#isPartial,
    };
    // A plan of a partial world tells of whom it depends: all of it is made anew for that.
    const memory = isSurrounded && !this.#isPartial ? last.memory : undefined;
    const world = { ...snapshot, ...own, intents, unverified, routesInForce };
    const made = yield* planning(world, this.#tables, memory);
    const plan = { ...made.plan, diagnostics: [...diagnostics, ...made.plan.diagnostics] };
    const inForce = new Set([...plan.routesAsked].filter(isInForce));
    this.#last = { snapshot, plan, inForce, memory: made.memory };
    return plan;
  }
}

/** Whether both worlds are the same but for their containers. */
function sameSurroundings(a: WorldSnapshot, b: WorldSnapshot): boolean {
  return (
    a.externalRevision === b.externalRevision &&
    a.silentRevision === b.silentRevision &&
    sameList(a.hostAddresses, b.hostAddresses, sameWithHostBits) &&
    sameList(a.bridgeFiltered, b.bridgeFiltered, Object.is) &&
    sameList(a.nextHops, b.nextHops, sameNextHop) &&
    sameForwarding(a.forwarding, b.forwarding) &&
    sameList(
      a.hostInterfaceAddresses,
      b.hostInterfaceAddresses,
      (a, b) => a.mac === b.mac && sameWithHostBits(a.prefix, b.prefix),
    )
  );
}

function sameForwarding(a: HostForwarding | undefined, b: HostForwarding | undefined): boolean {
  return a?.isOn[4] === b?.isOn[4] && a?.isOn[6] === b?.isOn[6] && a?.isNftables === b?.isNftables;
}

function revisionsOf({ containers }: WorldSnapshot): number[] {
  return containers.map(({ revision }) => revision);
}

function sameNextHop(a: NextHop, b: NextHop): boolean {
  return sameAddress(a.gateway, b.gateway) && sameWithHostBits(a.network, b.network);
}

/** With their host bits. */
function sameWithHostBits(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && sameAddress(a.address, b.address);
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return a.length === b.length && a.every((one, i) => same(one, b[i]!));
}

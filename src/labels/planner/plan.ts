// The desired state of every namespace and of the host, from all containers and all their labels. Pure: the whole world
// goes in, plain data comes out. Not here: reading labels (labels/spec/parse.ts), one namespace (sandbox-plan.ts), what
// is there already (labels/diff/diff.ts).

import { groupBy } from '../../base/group-by.js';
import type { Address, Family } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import { finish, type Work } from '../../netlink/work.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView, HostInterfaceAddress } from '../discovery/container.js';
import type { SilentGateways } from '../discovery/world.js';
import { limitDiagnostics } from '../spec/diagnostics.js';
import type { ContainerIntent, Diagnostic } from '../spec/intent.js';
import { refused } from '../spec/refused-labels.js';
import { RuleBudget } from '../spec/rule-budget.js';
import { TableCache } from '../table/table-cache.js';
import { isFrozen, planFrozen } from './frozen.js';
import { type HostRouteRequest, type HostView, planHostRoutes } from './host-routes.js';
import { diagnosticOf, groupByNamespace, type SandboxMembers } from './merge.js';
import { NameHolders } from './name-holders.js';
import { NameIndex } from './name-index.js';
import { type WatchedGateways, watchedIn } from './preference.js';
import { type Outcome, type Requester, resolveForwards, resolveRoutes, resolving } from './resolve.js';
import { gatewaysBeforeUsers, type ResolvedRoute, type Router, reportLoops } from './routing-loops.js';
import {
  acceptRules,
  intentsOf,
  type PlanContext,
  planSandbox,
  type Requested,
  type ResolvedSandbox,
  requestOf,
  type Sandbox,
  unmetKeys,
} from './sandbox-plan.js';
import { type Places, PlanSteps, Reliances } from './steps.js';
import { findFiltered, findLostAnswers } from './warnings.js';
import { WaysBack } from './ways-back.js';

/** Everything that is known. */
export interface PlanInput extends HostView {
  readonly containers: readonly ContainerView[];
  /** By container id, of those that have labels. */
  readonly intents: ReadonlyMap<string, ContainerIntent>;
  /** The same of labels that may be the image's. */
  readonly unverified?: ReadonlyMap<string, ContainerIntent>;
  /** DNS answers by host name, in lower case and without a trailing dot; an empty answer is one, too. */
  readonly external: ReadonlyMap<string, readonly Address[]>;
  /** The host's own addresses on its containers' networks. */
  readonly hostInterfaceAddresses: readonly HostInterfaceAddress[];
  /** Absent: all gateways answer. */
  readonly silent?: SilentGateways;
  /** Families of which the host's firewall filters what only passes a bridge. */
  readonly bridgeFiltered?: readonly Family[];
  /** Whether every labelled container is strict, whatever its labels say. */
  readonly isStrict?: boolean;
  /** Routes that are known to be in force, as namespaceRoutes() has them. */
  readonly routesInForce?: ReadonlySet<string>;
  /** Whether of some containers no more is known than the listing has: then it is told of which the plan depends. */
  readonly isPartial?: boolean;
}

export interface Plan {
  /** One for every namespace with a labelled container, even if its labels come to nothing. */
  readonly sandboxes: readonly SandboxDesired[];
  readonly hostRoutes: readonly DesiredRoute[];
  /** What the labels of each namespace lead to, but for frozen ones. */
  readonly resolved: readonly ResolvedSandbox[];
  readonly diagnostics: readonly Diagnostic[];
  /** Those of them that do not mean that a label is not in force. */
  readonly warnings: ReadonlySet<Diagnostic>;
  /** Labels that wait for an answer of the DNS, without a message. */
  readonly waiting: readonly Diagnostic[];
  /** Host names that `external` should have. A label that waits for one that it does not have yet is no mistake. */
  readonly externalNames: readonly string[];
  /** Gateways for which there are others if they do not answer. */
  readonly watchedGateways: readonly WatchedGateways[];
  /** Routes on which the plan depends: with them in force, or not any more, it is another. */
  readonly routesAsked: ReadonlySet<string>;
  /** Of which containers it depends; of a partial world. */
  readonly relied?: Reliances | undefined;
}

/** What of a plan the next one may take over: its steps, as long as nothing has changed for them. */
export interface PlanMemory {
  readonly holders: NameHolders;
  readonly groups: PlanSteps<SandboxMembers>;
  readonly requests: PlanSteps<Requested>;
  readonly routes: PlanSteps<Outcome<readonly ResolvedRoute[]>>;
  readonly resolved: PlanSteps<Outcome<ResolvedSandbox>>;
  readonly desired: PlanSteps<{
    readonly desired: SandboxDesired;
    readonly diagnostics: readonly Diagnostic[];
  }>;
}

/** Namespaces that are planned in one piece. */
const PIECE = 16;

/** @param tables those built for an earlier plan, to be reused */
export function planWorld(world: PlanInput, tables = new TableCache()): Plan {
  return finish(planning(world, tables)).plan;
}

/**
 * The plan in pieces, with the event loop free in between.
 * @param before of a plan of a world that was another in nothing but its containers, their intents and routes in force
 */
export function* planning(
  world: PlanInput,
  tables: TableCache,
  before?: PlanMemory,
): Work<{ readonly plan: Plan; readonly memory: PlanMemory }> {
  const groupSteps = new PlanSteps(before?.groups);
  const groups = groupByNamespace(world.containers).map(group =>
    groupSteps.take(group.key, group.members, () => group),
  );
  yield;
  const { hostInterfaceAddresses } = world;
  const hosts = [...hostInterfaceAddresses.map(({ prefix }) => prefix), ...world.hostAddresses];
  const relied = world.isPartial ? new Reliances() : undefined;
  const memory: PlanMemory = {
    holders: new NameHolders(groups, before?.holders),
    groups: groupSteps,
    requests: new PlanSteps(before?.requests),
    routes: new PlanSteps(before?.routes),
    resolved: new PlanSteps(before?.resolved),
    desired: new PlanSteps(before?.desired),
  };
  yield;
  const names = new NameIndex(
    memory.holders,
    world.external,
    hosts.map(({ address }) => address),
    world.silent,
    relied,
  );
  const diagnostics: Diagnostic[] = [];
  // These do not mean that a label is not in force.
  const warnings: Diagnostic[] = [];
  const sandboxes: Sandbox[] = [];
  const frozen: SandboxDesired[] = [];
  const requests: HostRouteRequest[] = [];
  const leaks: Diagnostic[] = [];
  for (const [n, members] of groups.entries()) {
    if (n % PIECE === 0) yield;
    if (!isProgrammed(members)) continue;
    const asked = memory.requests.take(members.key, [members, ...intentsOf(members, world.intents)], () =>
      requestOf(members, world.intents, world.isStrict === true),
    );
    warnings.push(...asked.beside);
    requests.push({ sandbox: members, intent: asked.sandbox.intent });
    if (isFrozen(members)) {
      const maps = [world.intents, world.unverified];
      const all = ({ id }: ContainerView) => maps.flatMap(intents => intents?.get(id) ?? []);
      frozen.push(planFrozen(members, all, world.isStrict === true));
      continue;
    }
    diagnostics.push(...asked.diagnostics);
    leaks.push(...asked.leaks);
    sandboxes.push(asked.sandbox);
  }
  warnings.push(...leaks);
  const places: Places = {
    named: key => memory.holders.named(key),
    placed: key => waysBack.placed(key),
    routes: key => waysBack.routes(key),
    inForce: key => waysBack.isInForce(key),
  };
  const outcomes: Outcome<unknown>[] = [];
  const routers: (Router & Requester)[] = [];
  for (const [n, sandbox] of sandboxes.entries()) {
    if (n % PIECE === 0) yield;
    const outcome = memory.routes.take(
      sandbox.members.key,
      [sandbox],
      lookups => resolving(names, lookups, context => resolveRoutes(sandbox, context)),
      places,
    );
    outcomes.push(outcome);
    routers.push({ ...sandbox, routes: outcome.found });
  }
  const waysBack = new WaysBack(groups, routers, world.routesInForce, world.bridgeFiltered, relied);
  const resolved: ResolvedSandbox[] = [];
  for (const [n, { routes, members }] of routers.entries()) {
    if (n % PIECE === 0) yield;
    const sandbox = sandboxes[n]!;
    const outcome = memory.resolved.take(
      members.key,
      [sandbox, routes],
      lookups =>
        resolving(names, lookups, context => {
          const budget = new RuleBudget();
          const rules = acceptRules(sandbox.intent.rules, budget, context.diagnostics);
          const forwards = resolveForwards(sandbox, budget, context, waysBack);
          return { ...sandbox, routes, forwards, rules };
        }),
      places,
    );
    outcomes.push(outcome);
    resolved.push(outcome.found);
  }
  for (const outcome of outcomes) {
    diagnostics.push(...outcome.diagnostics);
    warnings.push(...outcome.warnings);
  }
  yield;
  warnings.push(...findFiltered(routers, world.bridgeFiltered ?? []));
  warnings.push(...findLostAnswers(routers, requests, world.nextHops));
  yield;
  diagnostics.push(...reportLoops(routers));
  yield;
  const host = planHostRoutes(requests, groups, world);
  diagnostics.push(...host.diagnostics);
  // Labels that are not in force, by their containers' names as diagnostics have them.
  const waiting = outcomes.flatMap(({ awaited }) => awaited).map(attributed => diagnosticOf(attributed, ''));
  const unmet = groupBy([...diagnostics, ...waiting], ({ container }) => container);
  const desired: SandboxDesired[] = [];
  for (const [n, sandbox] of resolved.entries()) {
    if (n % PIECE === 0) yield;
    const keys = sandbox.isStrict ? unmetKeys(sandbox, unmet) : [];
    const planned = memory.desired.take(sandbox.members.key, [sandbox, ...keys], () => {
      const own: Diagnostic[] = [];
      const context: PlanContext = { tables, hostInterfaceAddresses, diagnostics: own };
      return { desired: planSandbox(sandbox, keys, context), diagnostics: own };
    });
    diagnostics.push(...planned.diagnostics);
    desired.push(planned.desired);
  }
  tables.retainOnly(new Set(resolved.map(({ members }) => members.key)));
  yield;
  const ordered = gatewaysBeforeUsers(desired, resolved);
  yield;
  const unapplied = world.containers
    .map(container => ({ name: container.name, mistakes: refused(container) }))
    .filter(({ mistakes }) => mistakes.length > 0)
    .sort((a, b) => naturalCompare(a.name, b.name))
    .flatMap(({ mistakes }) => mistakes);
  const plan: Plan = {
    sandboxes: [...frozen, ...ordered],
    hostRoutes: host.routes,
    resolved,
    diagnostics: limitDiagnostics([...unapplied, ...warnings, ...diagnostics, ...host.notices]),
    warnings: new Set([...warnings, ...host.notices]),
    waiting,
    externalNames: [...new Set(outcomes.flatMap(({ asked }) => asked))].sort(naturalCompare),
    watchedGateways: routers.flatMap(({ members }, n) => watchedIn(members, outcomes[n]!.watched)),
    routesAsked: new Set(outcomes.flatMap(({ lookups }) => lookups.keysOf('inForce'))),
    relied,
  };
  return { plan, memory };
}

/** Whether it is running, a container in it has labels, and it is not the host's. */
function isProgrammed({ members }: SandboxMembers): boolean {
  const [first] = members;
  return (
    first?.netns !== undefined &&
    members.some(({ labels, unverified }) => labels.size > 0 || unverified) &&
    !members.some(({ hostNetwork }) => hostNetwork)
  );
}

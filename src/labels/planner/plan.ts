// The desired state of every namespace and of the host, from all containers and all their labels. Pure: the whole world
// goes in, plain data comes out. Not here: reading labels (labels/spec/parse.ts), one namespace (sandbox-plan.ts), what
// is there already (labels/diff/diff.ts).

import { groupBy } from '../../base/group-by.js';
import { type Address, addressKey, type Family } from '../../base/ip.js';
import { naturalCompare } from '../../base/plain-text.js';
import type { DesiredRoute, SandboxDesired } from '../diff/state.js';
import type { ContainerView, HostInterfaceAddress } from '../discovery/container.js';
import type { SilentGateways } from '../discovery/world.js';
import { diagnostic, limitDiagnostics } from '../spec/diagnostics.js';
import type { ContainerIntent, Diagnostic } from '../spec/intent.js';
import { ownStackBeside, refused } from '../spec/refused-labels.js';
import { RuleBudget } from '../spec/rule-budget.js';
import { TableCache } from '../table/table-cache.js';
import { isFrozen, planFrozen } from './frozen.js';
import { type HostRouteRequest, type HostView, planHostRoutes } from './host-routes.js';
import { diagnosticOf, groupByNamespace, mergeIntents, type SandboxMembers } from './merge.js';
import { Reliances } from './name-holders.js';
import { NameIndex } from './name-index.js';
import type { WatchedGateways } from './preference.js';
import { resolveForwards, resolveRoutes } from './resolve.js';
import { reportLoops } from './routing-loops.js';
import {
  acceptRules,
  type PlanContext,
  planSandbox,
  type ResolvedSandbox,
  type Sandbox,
} from './sandbox-plan.js';
import { findFiltered, findLeaks, findLostAnswers } from './warnings.js';
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

/** @param tables those built for an earlier plan, to be reused */
export function planWorld(world: PlanInput, tables = new TableCache()): Plan {
  const groups = groupByNamespace(world.containers);
  const { hostInterfaceAddresses } = world;
  const diagnostics: Diagnostic[] = [];
  // These do not mean that a label is not in force.
  const warnings: Diagnostic[] = [];
  const hosts = [...hostInterfaceAddresses.map(({ prefix }) => prefix), ...world.hostAddresses];
  const relied = world.isPartial ? new Reliances() : undefined;
  const names = new NameIndex(
    groups,
    world.external,
    hosts.map(({ address }) => address),
    world.silent,
    relied,
  );
  const context: PlanContext = { names, tables, hostInterfaceAddresses, diagnostics, warnings, awaited: [] };
  const sandboxes: Sandbox[] = [];
  const frozen: SandboxDesired[] = [];
  const requests: HostRouteRequest[] = [];
  for (const members of groups) {
    if (!isProgrammed(members)) continue;
    warnings.push(...members.members.flatMap(ownStackBeside));
    const merged = mergeIntents(members, world.intents);
    requests.push({ sandbox: members, intent: merged.intent });
    if (isFrozen(members)) {
      const maps = [world.intents, world.unverified];
      const intentsOf = ({ id }: ContainerView) => maps.flatMap(intents => intents?.get(id) ?? []);
      frozen.push(planFrozen(members, intentsOf, world.isStrict === true));
      continue;
    }
    diagnostics.push(...merged.diagnostics);
    const intents = members.members.flatMap(({ id }) => world.intents.get(id) ?? []);
    const isStrict = world.isStrict === true || merged.intent.isStrict;
    sandboxes.push({ members, intents, intent: merged.intent, isStrict });
  }
  warnings.push(...sandboxes.flatMap(findLeaks));
  const routes = new Map(sandboxes.map(sandbox => [sandbox, resolveRoutes(sandbox, context)]));
  const routers = [...routes].map(([{ members }, routes]) => ({ members, routes }));
  const waysBack = new WaysBack(groups, routers, world.routesInForce, world.bridgeFiltered, relied);
  const resolved = sandboxes.map((sandbox): ResolvedSandbox => {
    const budget = new RuleBudget();
    const rules = acceptRules(sandbox.intent.rules, budget, diagnostics);
    const forwards = resolveForwards(sandbox, budget, context, waysBack);
    return { ...sandbox, routes: routes.get(sandbox)!, forwards, rules };
  });
  warnings.push(...findFiltered(routes, world.bridgeFiltered ?? []));
  warnings.push(...findLostAnswers(routes, requests, world.nextHops));
  diagnostics.push(...reportLoops(routers));
  const host = planHostRoutes(requests, groups, world);
  diagnostics.push(...host.diagnostics);
  // Labels that are not in force, by their containers' names as diagnostics have them.
  const waiting = context.awaited.map(attributed => diagnosticOf(attributed, ''));
  const unmet = groupBy([...diagnostics, ...waiting], ({ container }) => container);
  const desired = resolved.map(sandbox =>
    planSandbox(sandbox, sandbox.isStrict ? unmetKeys(sandbox, unmet) : [], context),
  );
  tables.retainOnly(new Set(resolved.map(({ members }) => members.key)));
  const unapplied = world.containers
    .map(container => ({ name: container.name, mistakes: refused(container) }))
    .filter(({ mistakes }) => mistakes.length > 0)
    .sort((a, b) => naturalCompare(a.name, b.name))
    .flatMap(({ mistakes }) => mistakes);
  return {
    sandboxes: [...frozen, ...gatewaysBeforeUsers(desired, resolved)],
    hostRoutes: host.routes,
    resolved,
    diagnostics: limitDiagnostics([...unapplied, ...warnings, ...diagnostics, ...host.notices]),
    warnings: new Set([...warnings, ...host.notices]),
    waiting,
    externalNames: [...names.asked].sort(naturalCompare),
    watchedGateways: names.watched,
    routesAsked: waysBack.asked,
    relied,
  };
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

/** Keys of a namespace's labels that are not in force, each once. @param unmet by names of containers */
function unmetKeys(
  { members, intents }: Sandbox,
  unmet: ReadonlyMap<string, readonly Diagnostic[]>,
): readonly string[] {
  const own = members.members.flatMap(({ name }) => unmet.get(diagnostic(name, '', '').container) ?? []);
  return [...new Set([...intents.flatMap(({ mistaken = [] }) => mistaken), ...own.map(({ key }) => key)])];
}

/** In the order in which they are brought about: a gateway is ready before its users are routed to it. */
function gatewaysBeforeUsers(
  desired: readonly SandboxDesired[],
  resolved: readonly ResolvedSandbox[],
): SandboxDesired[] {
  const users = desired.map((one, n) => ({ one, n })).filter(({ one }) => one.routes.length > 0);
  const ordered = new Set(desired.filter(({ routes }) => routes.length === 0));
  if (ordered.size === 0 && users.length < 2) return [...desired];
  const owners = new Map(
    users.flatMap(({ n }) =>
      resolved[n]!.members.attachments.flatMap(({ addresses }) =>
        addresses.map(address => [addressKey(address), n] as const),
      ),
    ),
  );
  const begun = new Set<number>();
  const visit = (n: number): void => {
    if (begun.has(n)) return;
    begun.add(n);
    for (const { gateway } of desired[n]!.routes) {
      const owner = gateway && owners.get(addressKey(gateway));
      if (owner !== undefined) visit(owner);
    }
    ordered.add(desired[n]!);
  };
  for (const { n } of users) visit(n);
  return [...ordered];
}

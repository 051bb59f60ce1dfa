// What every namespace and the host shall hold, from all containers and all their labels. Pure: the whole world goes
// in, plain data comes out. Not here: reading labels (labels/spec/parse.ts), where routes and forwards lead (resolve.ts), what is
// there already (labels/diff/diff.ts).

import type { Address } from '../../base/ip.js';
import { RT_TABLE_DWGD } from '../../base/ownership.js';
import { naturalCompare } from '../../base/plain-text.js';
import { findConflict } from '../../nft/iptables/syntax/chains.js';
import { withDigest } from '../diff/digest.js';
import { priorityOf, routingTable } from '../diff/policy-routing.js';
import type { DesiredRoute, DesiredSysctl, LabelledRules, SandboxDesired } from '../diff/state.js';
import { describeWait } from '../diff/strict.js';
import { IP_FORWARD, IPV6_FORWARDING, routeLocalnet } from '../diff/sysctls.js';
import type { ContainerView, HostInterfaceAddress } from '../discovery/container.js';
import { diagnostic, limitDiagnostics } from '../spec/diagnostics.js';
import { groupBy } from '../spec/group-by.js';
import type { ContainerIntent, Diagnostic, InterfacePattern, RuleIntent } from '../spec/intent.js';
import { isLoopback } from '../spec/interface-pattern.js';
import { STRICT } from '../spec/label-keys.js';
import { notHeld, refused } from '../spec/refused-labels.js';
import { RuleBudget, TOO_MANY_RULES } from '../spec/rule-budget.js';
import { type ResolvedForward, udpForwards } from './forward-rules.js';
import { isFrozen, planFrozen } from './frozen.js';
import { type HostRouteRequest, type HostView, planHostRoutes } from './host-routes.js';
import {
  type Attributed,
  diagnosticOf,
  groupByNamespace,
  mergeIntents,
  type SandboxMembers,
} from './merge.js';
import { NameIndex } from './name-index.js';
import { findOpenings } from './openings.js';
import { ingressMacs, REPLY_SYSCTLS } from './reply-routing.js';
import { type Requester, type ResolveContext, resolveForwards, resolveRoutes } from './resolve.js';
import { type ResolvedRoute, reportLoops } from './routing-loops.js';
import { TableCache } from './table-cache.js';

/** Everything that is known. */
export interface PlanInput extends HostView {
  readonly containers: readonly ContainerView[];
  /** By container id, of those that have labels. */
  readonly intents: ReadonlyMap<string, ContainerIntent>;
  /** The same of those labels that may be the image's. */
  readonly unverified?: ReadonlyMap<string, ContainerIntent>;
  /** What the DNS says of host names, lower case, without a dot at the end; an empty answer is one, too. */
  readonly external: ReadonlyMap<string, readonly Address[]>;
  /** Where the host is on its containers' networks. */
  readonly hostPlaces: readonly HostInterfaceAddress[];
  /** Whether every labelled container is strict, whatever its labels say. */
  readonly isStrict?: boolean;
}

export interface Plan {
  /** Of every namespace with a labelled container, also where its labels come to nothing. */
  readonly sandboxes: readonly SandboxDesired[];
  readonly hostRoutes: readonly DesiredRoute[];
  readonly diagnostics: readonly Diagnostic[];
  /** Host names that are wanted in `external`. What waits for those that are not there yet is no mistake yet. */
  readonly externalNames: readonly string[];
}

/** One namespace while it is planned. */
interface Sandbox extends Requester {
  /** Of each member that has labels. */
  readonly intents: readonly ContainerIntent[];
  readonly isStrict: boolean;
}

/** One whose labels' destinations are found. */
interface Placed extends Sandbox {
  readonly routes: readonly ResolvedRoute[];
  readonly forwards: readonly ResolvedForward[];
  readonly rules: readonly Attributed<RuleIntent>[];
}

/** What is known of all namespaces while one is planned. */
interface Planning extends ResolveContext {
  readonly tables: TableCache;
  readonly hostPlaces: readonly HostInterfaceAddress[];
}

/** @param tables what was built for an earlier world, and is used again */
export function planWorld(world: PlanInput, tables = new TableCache()): Plan {
  const groups = groupByNamespace(world.containers);
  const { hostPlaces } = world;
  const diagnostics: Diagnostic[] = [];
  // They leave every label in force.
  const warnings: Diagnostic[] = [];
  const planning: Planning = {
    names: new NameIndex(groups, world.external),
    tables,
    hostPlaces,
    diagnostics,
    awaited: [],
  };
  const sandboxes: Sandbox[] = [];
  const frozen: SandboxDesired[] = [];
  const requests: HostRouteRequest[] = [];
  for (const members of groups) {
    if (!isProgrammed(members)) continue;
    warnings.push(...members.members.flatMap(notHeld));
    const merged = mergeIntents(members, world.intents);
    requests.push({ sandbox: members, intent: merged.intent });
    if (isFrozen(members)) {
      const maps = [world.intents, world.unverified];
      frozen.push(planFrozen(members, ({ id }) => maps.flatMap(intents => intents?.get(id) ?? [])));
      continue;
    }
    diagnostics.push(...merged.diagnostics);
    const intents = members.members.flatMap(({ id }) => world.intents.get(id) ?? []);
    const isStrict = world.isStrict === true || merged.intent.isStrict;
    sandboxes.push({ members, intents, intent: merged.intent, isStrict });
  }
  warnings.push(...sandboxes.flatMap(findOpenings));
  const routes = new Map(sandboxes.map(sandbox => [sandbox, resolveRoutes(sandbox, planning)]));
  const placed = sandboxes.map((sandbox): Placed => {
    const budget = new RuleBudget();
    const rules = planRules(sandbox.intent.rules, budget, diagnostics);
    const forwards = resolveForwards(sandbox, budget, planning);
    return { ...sandbox, routes: routes.get(sandbox)!, forwards, rules };
  });
  diagnostics.push(...reportLoops([...routes].map(([{ members }, routes]) => ({ members, routes }))));
  const host = planHostRoutes(requests, groups, world);
  diagnostics.push(...host.diagnostics);
  // Labels that are not in force, by their containers' names as diagnostics have them.
  const unmet = [...diagnostics, ...planning.awaited.map(owned => diagnosticOf(owned, ''))];
  const missing = groupBy(unmet, ({ container }) => container);
  const desired = placed.map(sandbox =>
    planSandbox(sandbox, sandbox.isStrict ? notInForce(sandbox, missing) : [], planning),
  );
  tables.retainOnly(new Set(placed.map(({ members }) => members.key)));
  const unapplied = [...world.containers].sort((a, b) => naturalCompare(a.name, b.name)).flatMap(refused);
  return {
    // A gateway is ready before its users are led to it.
    sandboxes: [
      ...frozen,
      ...desired.filter(({ routes }) => routes.length === 0),
      ...desired.filter(({ routes }) => routes.length > 0),
    ],
    hostRoutes: host.routes,
    diagnostics: limitDiagnostics([...unapplied, ...warnings, ...diagnostics]),
    externalNames: [...planning.names.asked].sort(naturalCompare),
  };
}

/** A running container of it has labels, and it is not the host's. */
function isProgrammed({ members }: SandboxMembers): boolean {
  const [first] = members;
  return (
    first?.netns !== undefined &&
    members.some(({ labels, unverified }) => labels.size > 0 || unverified) &&
    !members.some(({ hostNetwork }) => hostNetwork)
  );
}

/** Keys of a namespace's labels that are not in force, each once. */
function notInForce(
  { members, intents }: Sandbox,
  missing: ReadonlyMap<string, readonly Diagnostic[]>,
): readonly string[] {
  const own = members.members.flatMap(({ name }) => missing.get(diagnostic(name, '', '').container) ?? []);
  return [...new Set([...intents.flatMap(({ mistaken = [] }) => mistaken), ...own.map(({ key }) => key)])];
}

/** @param missing keys of labels for which it is closed; empty where it is open */
function planSandbox(sandbox: Placed, missing: readonly string[], planning: Planning): SandboxDesired {
  const { intent, intents, routes, forwards, rules, isStrict } = sandbox;
  const { members, attachments } = sandbox.members;
  const isClosed = missing.length > 0;
  if (isClosed) planning.diagnostics.push(diagnostic(members[0]!.name, STRICT, describeWait(missing)));
  const desiredRoutes = routes.flatMap(({ owned, gateway }): DesiredRoute[] => {
    const { network } = owned.intent;
    return [...(gateway ? [{ network, gateway }] : []), { network }];
  });
  const short = desiredRoutes.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  const { table, stamp } = planning.tables.get(sandbox.members.key, intents, {
    natInterfaces: intent.natInterfaces,
    forwards,
    rules: rules.map(({ intent }) => intent),
    isForwardingClosed: intent.isForwardingClosed,
    hasRoutes: routes.length > 0,
    ...(short.length > 0 && { dockerWay: ingressMacs(attachments, short, planning.hostPlaces) }),
    isClosed,
  });
  const udp = udpForwards(
    intent.forwards.map(({ intent }) => intent),
    forwards,
  );
  const hasIPv6 = attachments.some(({ addresses }) => addresses.some(({ family }) => family === 6));
  return withDigest({
    netns: members[0]!.netns!,
    containers: members.map(({ name }) => name),
    ...(table && stamp !== undefined && { table, stamp }),
    ...(rules.length > 0 && { labelled: rules.map(labelledRules) }),
    routes: desiredRoutes,
    ...priorityOf(attachments),
    sysctls: [
      ...planSysctls(intent.natInterfaces, forwards, hasIPv6),
      ...(short.length > 0 ? REPLY_SYSCTLS : []),
    ],
    loopbackTowards: forwards
      .filter(({ pattern }) => isLoopback(pattern))
      .flatMap(({ addresses }) => addresses.filter(({ family }) => family === 6)),
    ...(udp.length > 0 && { udpForwards: udp }),
    ...(isStrict && { isStrict }),
    ...(isClosed && { isClosed }),
  });
}

function planSysctls(
  natInterfaces: readonly InterfacePattern[],
  forwards: readonly ResolvedForward[],
  hasIPv6: boolean,
): DesiredSysctl[] {
  const local = forwards.filter(({ pattern }) => isLoopback(pattern));
  const forwarding = natInterfaces.length > 0 || local.length < forwards.length;
  return [
    ...(forwarding ? [IP_FORWARD] : []),
    ...(forwarding && hasIPv6 ? [IPV6_FORWARDING] : []),
    ...local.flatMap(({ addresses }) => addresses.filter(({ family }) => family === 4).map(routeLocalnet)),
  ];
}

/** The rules that the kernel can take beside each other; one that it could not would take all of the table with it. */
function planRules(
  rules: readonly Attributed<RuleIntent>[],
  budget: RuleBudget,
  diagnostics: Diagnostic[],
): Attributed<RuleIntent>[] {
  const standing: Attributed<RuleIntent>[] = [];
  for (const owned of rules) {
    const conflict = findConflict(
      owned.intent.rule,
      standing.map(({ intent }) => intent.rule),
    );
    if (conflict !== undefined) diagnostics.push(diagnosticOf(owned, conflict));
    else if (budget.take(owned.intent.rule.rules.length)) standing.push(owned);
    else diagnostics.push(diagnosticOf(owned, TOO_MANY_RULES));
  }
  return standing;
}

function labelledRules({ container, intent: { key, rule } }: Attributed<RuleIntent>): LabelledRules {
  return { container: container.name, key, chain: rule.chain, count: rule.rules.length };
}

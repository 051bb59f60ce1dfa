// What every namespace and the host shall hold, from all containers and all their labels. Pure: the whole world goes
// in, plain data comes out. Not here: reading labels (grammar.ts), where routes and forwards lead (placement.ts), what is
// there already (diff.ts).

import type { Address } from '../ip.js';
import { RT_TABLE_DWGD } from '../netlink/route.js';
import { findConflict } from '../nft/iptables-chains.js';
import { udpForwards } from './flows.js';
import type { PlacedForward } from './forwards.js';
import { isFrozen, planFrozen } from './frozen.js';
import { type HostRouteRequest, type HostView, planHostRoutes } from './host-routes.js';
import { STRICT } from './keys.js';
import { type PlacedRoute, reportLoops } from './loops.js';
import { groupByNamespace, mergeIntents, mistakeOf, type Owned } from './merge.js';
import { ALL_LABELS, boundMistakes, mistake } from './mistakes.js';
import { Names, type SandboxMembers } from './names.js';
import { findOpenings } from './openings.js';
import { isLoopback } from './pattern.js';
import { type Asking, type Placing, placeForwards, placeRoutes } from './placement.js';
import { DOCKER_WAY_SYSCTLS, dockerWay } from './replies.js';
import { routingTable } from './routing.js';
import { RuleBudget, TOO_MANY_RULES } from './rule-budget.js';
import { describeWait } from './strict.js';
import { IP_FORWARD, IPV6_FORWARDING, routeLocalnet } from './sysctl.js';
import { Tables } from './tables.js';
import { naturalCompare, plain } from './text.js';
import type {
  ContainerIntent,
  ContainerView,
  DesiredRoute,
  DesiredSysctl,
  HostPlace,
  InterfacePattern,
  LabelledRules,
  Mistake,
  RuleIntent,
  SandboxDesired,
} from './words.js';

/** Everything that is known. */
export interface World extends HostView {
  readonly containers: readonly ContainerView[];
  /** By container id, of those that have labels. */
  readonly intents: ReadonlyMap<string, ContainerIntent>;
  /** The same of those labels that may be the image's. */
  readonly unverified?: ReadonlyMap<string, ContainerIntent>;
  /** What the DNS says of host names, lower case, without a dot at the end; an empty answer is one, too. */
  readonly external: ReadonlyMap<string, readonly Address[]>;
  /** Where the host is on its containers' networks. */
  readonly hostPlaces: readonly HostPlace[];
  /** Whether every labelled container is strict, whatever its labels say. */
  readonly isStrict?: boolean;
}

export interface Plan {
  /** Of every namespace with a labelled container, also where its labels come to nothing. */
  readonly sandboxes: readonly SandboxDesired[];
  readonly hostRoutes: readonly DesiredRoute[];
  readonly mistakes: readonly Mistake[];
  /** Host names that are wanted in `external`. What waits for those that are not there yet is no mistake yet. */
  readonly externalNames: readonly string[];
}

/** One namespace while it is planned. */
interface Sandbox extends Asking {
  /** Of each member that has labels. */
  readonly intents: readonly ContainerIntent[];
  readonly isStrict: boolean;
}

/** One whose labels' destinations are found. */
interface Placed extends Sandbox {
  readonly routes: readonly PlacedRoute[];
  readonly forwards: readonly PlacedForward[];
  readonly rules: readonly Owned<RuleIntent>[];
}

/** What is known of all namespaces while one is planned. */
interface Planning extends Placing {
  readonly tables: Tables;
  readonly hostPlaces: readonly HostPlace[];
}

/** @param tables what was built for an earlier world, and is used again */
export function planWorld(world: World, tables = new Tables()): Plan {
  const groups = groupByNamespace(world.containers);
  const { hostPlaces } = world;
  const mistakes: Mistake[] = [];
  // They leave every label in force.
  const warnings: Mistake[] = [];
  const planning: Planning = {
    names: new Names(groups, world.external),
    tables,
    hostPlaces,
    mistakes,
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
    mistakes.push(...merged.mistakes);
    const intents = members.members.flatMap(({ id }) => world.intents.get(id) ?? []);
    const isStrict = world.isStrict === true || merged.intent.isStrict;
    sandboxes.push({ members, intents, intent: merged.intent, isStrict });
  }
  warnings.push(...sandboxes.flatMap(findOpenings));
  const routes = new Map(sandboxes.map(sandbox => [sandbox, placeRoutes(sandbox, planning)]));
  const placed = sandboxes.map((sandbox): Placed => {
    const budget = new RuleBudget();
    const rules = planRules(sandbox.intent.rules, budget, mistakes);
    const forwards = placeForwards(sandbox, budget, planning);
    return { ...sandbox, routes: routes.get(sandbox)!, forwards, rules };
  });
  mistakes.push(...reportLoops([...routes].map(([{ members }, routes]) => ({ members, routes }))));
  const host = planHostRoutes(requests, groups, world);
  mistakes.push(...host.mistakes);
  const missing = keysByContainer([...mistakes, ...planning.awaited.map(owned => mistakeOf(owned, ''))]);
  const desired = placed.map(sandbox =>
    planSandbox(sandbox, sandbox.isStrict ? notInForce(sandbox, missing) : [], planning),
  );
  const unapplied = [...world.containers].sort((a, b) => naturalCompare(a.name, b.name)).flatMap(refused);
  return {
    // A gateway is ready before its users are led to it.
    sandboxes: [
      ...frozen,
      ...desired.filter(({ routes }) => routes.length === 0),
      ...desired.filter(({ routes }) => routes.length > 0),
    ],
    hostRoutes: host.routes,
    mistakes: boundMistakes([...unapplied, ...warnings, ...mistakes]),
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

/** Labels that do not count, whatever they say. */
function refused(container: ContainerView): Mistake[] {
  const { name, hostNetwork, labels, imageLabels, unverified, ownStack } = container;
  const [first = ALL_LABELS] = labels.keys();
  const ofHost = mistake(
    name,
    labels.size === 1 ? first : ALL_LABELS,
    "the container is in the host's network, so its labels are not applied: they would change the host itself",
  );
  const ofImage = (key: string): Mistake =>
    mistake(
      name,
      key,
      'the label came with the image, so it is not applied: set it on the container, or start the daemon with --trust-image-labels',
    );
  return [
    ...(hostNetwork && labels.size > 0 ? [ofHost] : []),
    ...imageLabels.map(ofImage),
    ...(unverified && !hostNetwork ? [mistake(name, ALL_LABELS, whyFrozen(unverified.why))] : []),
    ...(ownStack && ownStack.keys.length > 0 ? [ofOwnStack(name, ownStack.runtime)] : []),
  ];
}

function whyFrozen(why: string): string {
  return `${why}, so nobody can tell which labels came with it: what is in force stays, where nothing is the networks of its routes are unreachable, and nothing else is applied; make the container anew from an image that is there, or start the daemon with --trust-image-labels`;
}

/** A container beside those with labels, in their namespace. */
function notHeld({ name, ownStack }: ContainerView): Mistake[] {
  return ownStack && ownStack.keys.length === 0 ? [ofOwnStack(name, ownStack.runtime)] : [];
}

function ofOwnStack(name: string, runtime: string): Mistake {
  const message = `the container runs by ${plain(runtime, 40)}, which has a network stack of its own, so labels cannot hold it and its packets leave as Docker leads them: run it by runc`;
  return { ...mistake(name, ALL_LABELS, message), isError: true };
}

/** Keys of labels that are not in force, by their containers' names as they are told. */
function keysByContainer(mistakes: readonly Mistake[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const { container, key } of mistakes) {
    const keys = found.get(container);
    if (keys) keys.push(key);
    else found.set(container, [key]);
  }
  return found;
}

/** Keys of a namespace's labels that are not in force, each once. */
function notInForce(
  { members, intents }: Sandbox,
  missing: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const told = members.members.flatMap(({ name }) => missing.get(mistake(name, '', '').container) ?? []);
  return [...new Set([...intents.flatMap(({ mistaken = [] }) => mistaken), ...told])];
}

/** @param missing keys of labels for which it is closed; empty where it is open */
function planSandbox(sandbox: Placed, missing: readonly string[], planning: Planning): SandboxDesired {
  const { intent, intents, routes, forwards, rules, isStrict } = sandbox;
  const { members, attachments } = sandbox.members;
  const isClosed = missing.length > 0;
  if (isClosed) planning.mistakes.push(mistake(members[0]!.name, STRICT, describeWait(missing)));
  const desiredRoutes = routes.flatMap(({ owned, gateway }): DesiredRoute[] => {
    const { network } = owned.intent;
    return [...(gateway ? [{ network, gateway }] : []), { network }];
  });
  const short = desiredRoutes.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  const { table, stamp } = planning.tables.of(intents, {
    natInterfaces: intent.natInterfaces,
    forwards,
    rules: rules.map(({ intent }) => intent),
    isForwardingClosed: intent.isForwardingClosed,
    hasRoutes: routes.length > 0,
    ...(short.length > 0 && { dockerWay: dockerWay(attachments, short, planning.hostPlaces) }),
    isClosed,
  });
  const udp = udpForwards(
    intent.forwards.map(({ intent }) => intent),
    forwards,
  );
  const hasIPv6 = attachments.some(({ addresses }) => addresses.some(({ family }) => family === 6));
  return {
    netns: members[0]!.netns!,
    containers: members.map(({ name }) => name),
    ...(table && stamp !== undefined && { table, stamp }),
    ...(rules.length > 0 && { labelled: rules.map(labelledRules) }),
    routes: desiredRoutes,
    sysctls: [
      ...planSysctls(intent.natInterfaces, forwards, hasIPv6),
      ...(short.length > 0 ? DOCKER_WAY_SYSCTLS : []),
    ],
    loopbackTowards: forwards
      .filter(({ pattern }) => isLoopback(pattern))
      .flatMap(({ addresses }) => addresses.filter(({ family }) => family === 6)),
    ...(udp.length > 0 && { udpForwards: udp }),
    ...(isStrict && { isStrict }),
    ...(isClosed && { isClosed }),
  };
}

function planSysctls(
  natInterfaces: readonly InterfacePattern[],
  forwards: readonly PlacedForward[],
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
  rules: readonly Owned<RuleIntent>[],
  budget: RuleBudget,
  mistakes: Mistake[],
): Owned<RuleIntent>[] {
  const standing: Owned<RuleIntent>[] = [];
  for (const owned of rules) {
    const conflict = findConflict(
      owned.intent.rule,
      standing.map(({ intent }) => intent.rule),
    );
    if (conflict !== undefined) mistakes.push(mistakeOf(owned, conflict));
    else if (budget.take(owned.intent.rule.rules.length)) standing.push(owned);
    else mistakes.push(mistakeOf(owned, TOO_MANY_RULES));
  }
  return standing;
}

function labelledRules({ container, intent: { key, rule } }: Owned<RuleIntent>): LabelledRules {
  return { container: container.name, key, chain: rule.chain, count: rule.rules.length };
}

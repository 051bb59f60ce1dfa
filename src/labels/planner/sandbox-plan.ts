// The desired state of one namespace, from what its labels ask for and where that leads. Pure. Not here: all namespaces
// together (plan.ts), where routes and forwards lead (resolve.ts), the rules of the table (labels/table/nft-table.ts).

import { RT_TABLE_DWGD } from '../../base/ownership.js';
import { AddressLists } from '../../nft/iptables/syntax/address-lists.js';
import { findConflict } from '../../nft/iptables/syntax/chains.js';
import { withDigest } from '../diff/digest.js';
import type { Forwarding } from '../diff/foreign-firewall.js';
import { priorityOf, routingTable } from '../diff/policy-routing.js';
import type { InstallTerms } from '../diff/stamp.js';
import type { DesiredSysctl, LabelledRules, SandboxDesired } from '../diff/state.js';
import { describeWait } from '../diff/strict.js';
import { IP_FORWARD, IPV6_FORWARDING, routeLocalnet } from '../diff/sysctls.js';
import type { HostInterfaceAddress } from '../discovery/container.js';
import { diagnostic, waiting } from '../spec/diagnostics.js';
import type { ContainerIntent, Diagnostic, RuleIntent } from '../spec/intent.js';
import { ANY, covers, formatPattern, isLoopbackPattern } from '../spec/interface-pattern.js';
import { STRICT } from '../spec/label-keys.js';
import { ownStackBeside } from '../spec/refused-labels.js';
import { type RuleBudget, TOO_MANY_RULES } from '../spec/rule-budget.js';
import { type ResolvedForward, udpForwards } from '../table/forward-rules.js';
import { ingressInterfaces } from '../table/ingress-interfaces.js';
import type { TableParts } from '../table/nft-table.js';
import { findIngress, REPLY_SYSCTLS } from '../table/reply-routing.js';
import type { TableCache } from '../table/table-cache.js';
import {
  type Attributed,
  diagnosticOf,
  type MergedIntent,
  mergeIntents,
  type SandboxMembers,
} from './merge.js';
import type { Requester, ResolveContext } from './resolve.js';
import { desiredRoutes, type ResolvedRoute } from './routing-loops.js';
import { findLeaks } from './warnings.js';

/** One namespace while it is planned. */
export interface Sandbox extends Requester {
  /** Of each member that has labels. */
  readonly intents: readonly ContainerIntent[];
  readonly isStrict: boolean;
}

/** A namespace with its labels' destinations resolved. */
export interface ResolvedSandbox extends Sandbox {
  readonly routes: readonly ResolvedRoute[];
  readonly forwards: readonly ResolvedForward[];
  readonly rules: readonly Attributed<RuleIntent>[];
}

/** What is shared by all namespaces while one is planned. */
export interface PlanContext extends Pick<ResolveContext, 'diagnostics'> {
  readonly tables: TableCache;
  readonly hostInterfaceAddresses: readonly HostInterfaceAddress[];
}

/**
 * A diagnostic is added for a namespace that is closed.
 * @param unmet keys of labels that are not in force and for which it is closed; empty where it is open
 */
export function planSandbox(
  sandbox: ResolvedSandbox,
  unmet: readonly string[],
  context: PlanContext,
): SandboxDesired {
  const { intent, intents, routes, forwards, rules, isStrict } = sandbox;
  const { members, attachments } = sandbox.members;
  const isClosed = unmet.length > 0;
  if (isClosed) context.diagnostics.push(waiting(diagnostic(members[0]!.name, STRICT, describeWait(unmet))));
  const wanted = desiredRoutes(routes);
  const short = wanted.filter(({ network }) => routingTable(network) === RT_TABLE_DWGD);
  const ingress =
    short.length > 0 ? findIngress(attachments, short, context.hostInterfaceAddresses) : undefined;
  const parts: TableParts = {
    natInterfaces: intent.natInterfaces,
    inInterfaces: intent.inInterfaces,
    forwards,
    rules: rules.map(({ intent }) => intent),
    isForwardingClosed: intent.isForwardingClosed,
    hasRoutes: routes.length > 0,
    ...(ingress && { ingress }),
    isClosed,
  };
  const terms: InstallTerms = {
    ...(rules.length > 0 && { labelled: rules.map(labelledRules) }),
    ...(isStrict && { isStrict }),
  };
  const { table, stamp } = context.tables.get(sandbox.members.key, intents, parts, terms);
  const udp = udpForwards(
    intent.forwards.map(({ intent }) => intent),
    forwards,
  );
  const hasIPv6Address = attachments.some(({ addresses }) => addresses.some(({ family }) => family === 6));
  const forwarding = planForwarding(intent, forwards, hasIPv6Address);
  return withDigest({
    netns: members[0]!.netns!,
    containers: members.map(({ name }) => name),
    ...(table && stamp !== undefined && { table, stamp }),
    ...terms,
    routes: wanted,
    ...priorityOf(attachments),
    sysctls: [...planSysctls(forwarding, forwards), ...(short.length > 0 ? REPLY_SYSCTLS : [])],
    ...(forwarding && { forwarding }),
    loopbackTowards: forwards
      .filter(({ pattern }) => isLoopbackPattern(pattern))
      .flatMap(({ addresses }) => addresses.filter(({ family }) => family === 6)),
    ...(udp.length > 0 && { udpForwards: udp }),
    ...(ingress && ingress.near.length > 0 && { routersOn: ingress.near }),
    ...(isClosed && { isClosed }),
  });
}

/** What it forwards; undefined where that is nothing. */
function planForwarding(
  intent: MergedIntent,
  forwards: readonly ResolvedForward[],
  hasIPv6Address: boolean,
): Forwarding | undefined {
  const { natInterfaces, inInterfaces } = intent;
  const outside = natInterfaces.filter(pattern => !isLoopbackPattern(pattern));
  const incoming = forwards.filter(({ pattern }) => !isLoopbackPattern(pattern));
  if (outside.length + incoming.length === 0) return undefined;
  // Also of those whose destination is not there yet: what a firewall drops of them is told once, and not again.
  const patterns = intent.forwards.flatMap(({ intent: forward }) =>
    isLoopbackPattern(forward.pattern ?? ANY) ? [] : ingressInterfaces(forward, intent),
  );
  return {
    families: hasIPv6Address ? [4, 6] : [4],
    outside: outside.filter(pattern => !inInterfaces.some(other => covers(other, pattern))),
    ingress: [...new Map(patterns.map(pattern => [formatPattern(pattern), pattern])).values()],
  };
}

function planSysctls(
  forwarding: Forwarding | undefined,
  forwards: readonly ResolvedForward[],
): DesiredSysctl[] {
  const local = forwards.filter(({ pattern }) => isLoopbackPattern(pattern));
  return [
    ...(forwarding ? [IP_FORWARD] : []),
    ...(forwarding?.families.includes(6) ? [IPV6_FORWARDING] : []),
    ...local.flatMap(({ addresses }) => addresses.filter(({ family }) => family === 4).map(routeLocalnet)),
  ];
}

/** The rules that the kernel accepts side by side: a single one in conflict would cost the whole table. */
export function acceptRules(
  rules: readonly Attributed<RuleIntent>[],
  budget: RuleBudget,
  diagnostics: Diagnostic[],
): Attributed<RuleIntent>[] {
  const accepted: Attributed<RuleIntent>[] = [];
  const lists = new AddressLists();
  for (const attributed of rules) {
    const { rule } = attributed.intent;
    const before = accepted.map(({ intent }) => intent.rule);
    const conflict = findConflict(rule, before) ?? lists.conflictOf(rule);
    if (conflict !== undefined) diagnostics.push(diagnosticOf(attributed, conflict));
    else if (budget.take(rule.rules.length)) {
      accepted.push(attributed);
      lists.add(rule);
    } else diagnostics.push(diagnosticOf(attributed, TOO_MANY_RULES));
  }
  return accepted;
}

function labelledRules({ container, intent: { key, rule } }: Attributed<RuleIntent>): LabelledRules {
  return { container: container.name, key, chain: rule.chain, count: rule.rules.length };
}

/** What the labels of a namespace ask for. */
export interface Requested {
  readonly sandbox: Sandbox;
  readonly diagnostics: readonly Diagnostic[];
  readonly beside: readonly Diagnostic[];
  readonly leaks: readonly Diagnostic[];
}

/** The intents of a namespace's containers, in order. */
export function intentsOf(
  { members }: SandboxMembers,
  intents: ReadonlyMap<string, ContainerIntent>,
): (ContainerIntent | undefined)[] {
  return members.map(({ id }) => intents.get(id));
}

/** @param isStrict whether every labelled container is, whatever its labels say */
export function requestOf(
  members: SandboxMembers,
  all: ReadonlyMap<string, ContainerIntent>,
  isStrict: boolean,
): Requested {
  const { intent, diagnostics } = mergeIntents(members, all);
  const intents = intentsOf(members, all).flatMap(one => one ?? []);
  const sandbox = { members, intents, intent, isStrict: isStrict || intent.isStrict };
  return {
    sandbox,
    diagnostics,
    beside: members.members.flatMap(ownStackBeside),
    leaks: findLeaks(sandbox),
  };
}

/** Keys of a namespace's labels that are not in force, each once. @param unmet by names of containers */
export function unmetKeys(
  { members, intents }: Sandbox,
  unmet: ReadonlyMap<string, readonly Diagnostic[]>,
): readonly string[] {
  const own = members.members.flatMap(({ name }) => unmet.get(diagnostic(name, '', '').container) ?? []);
  return [...new Set([...intents.flatMap(({ mistaken = [] }) => mistaken), ...own.map(({ key }) => key)])];
}

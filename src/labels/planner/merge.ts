// Containers that share a network namespace: which they are, and what all their labels ask for together. Contradictions are
// reported, and the first label counts. Pure. Not here: the labels themselves (labels/spec/parse.ts).

import { groupBy } from '../../base/group-by.js';
import { formatPrefix } from '../../base/ip.js';
import { naturalCompare, plain } from '../../base/plain-text.js';
import type { Attachment, ContainerView } from '../discovery/container.js';
import { formatDestination } from '../spec/destination.js';
import { diagnostic } from '../spec/diagnostics.js';
import { forwardSubject, forwardTarget } from '../spec/forward.js';
import type {
  ContainerIntent,
  Diagnostic,
  ForwardIntent,
  HostRouteIntent,
  InterfacePattern,
  RouteIntent,
  RuleIntent,
} from '../spec/intent.js';
import { formatPattern } from '../spec/interface-pattern.js';

/** An intent, and the container whose label it comes from. */
export interface Attributed<T> {
  readonly container: ContainerView;
  readonly intent: T;
}

/** What the containers of one namespace ask for together. */
export interface MergedIntent {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly inInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly Attributed<ForwardIntent>[];
  readonly routes: readonly Attributed<RouteIntent>[];
  /** In the natural order of their names. */
  readonly rules: readonly Attributed<RuleIntent>[];
  readonly hostRoutes: readonly Attributed<HostRouteIntent>[];
  /** As in ContainerIntent, of any of them. */
  readonly isForwardingClosed: boolean;
  readonly isStrict: boolean;
}

/** The containers grouped by namespace, sorted by name; one that is not running is a group of its own. */
export function groupByNamespace(containers: readonly ContainerView[]): SandboxMembers[] {
  const groups = groupBy([...containers].sort(compareContainers), ({ netns, id }) => netns?.key ?? id);
  return [...groups].map(([key, group]) => {
    const owner = group.find(({ attachments }) => attachments.length > 0) ?? group[0]!;
    const members = [owner, ...group.filter(container => container !== owner)];
    return { key, members, attachments: owner.attachments };
  });
}

/** The labels of all members as if they were one container's. */
export function mergeIntents(
  { members }: SandboxMembers,
  intents: ReadonlyMap<string, ContainerIntent>,
): { readonly intent: MergedIntent; readonly diagnostics: readonly Diagnostic[] } {
  const labelled = members.filter(({ id }) => intents.has(id));
  const [only] = labelled;
  // One container's labels do not contradict each other: labels/spec/parse.ts has seen to that.
  if (only && labelled.length === 1) return { intent: ofOne(only, intents.get(only.id)!), diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const of = <T>(part: (intent: ContainerIntent) => readonly T[]): Attributed<T>[] =>
    labelled.flatMap(container => attribute(container, part(intents.get(container.id)!)));
  const { isForwardingClosed, isStrict } = anyOf(labelled.map(({ id }) => intents.get(id)!));
  return {
    intent: {
      ...interfacesOf(labelled.map(({ id }) => intents.get(id)!)),
      forwards: dedupe(
        of(({ forwards }) => forwards),
        forwardKey,
        diagnostics,
      ).sort(byKey),
      routes: dedupe(gatewaysFirst(of(({ routes }) => routes)), routeKey, diagnostics).sort(byKey),
      rules: dedupe(
        of(({ rules }) => rules),
        ruleKey,
        diagnostics,
      ).sort(byKey),
      hostRoutes: of(({ hostRoutes }) => hostRoutes),
      isForwardingClosed,
      isStrict,
    },
    diagnostics,
  };
}

function interfacesOf(
  intents: readonly ContainerIntent[],
): Pick<MergedIntent, 'natInterfaces' | 'inInterfaces'> {
  const natInterfaces = unique(intents.flatMap(({ natInterfaces }) => natInterfaces));
  const given = intents.flatMap(({ inInterfaces }) => inInterfaces);
  const areUnknown = intents.some(({ areInInterfacesUnknown }) => areInInterfacesUnknown);
  return { natInterfaces, inInterfaces: unique(areUnknown ? [...given, ...natInterfaces] : given) };
}

/** Patterns, each once, in the natural order of their names. */
function unique(patterns: readonly InterfacePattern[]): InterfacePattern[] {
  const found = new Map(patterns.map(pattern => [formatPattern(pattern), pattern]));
  return [...found].sort(([a], [b]) => naturalCompare(a, b)).map(([, pattern]) => pattern);
}

function anyOf(intents: readonly ContainerIntent[]): Pick<MergedIntent, 'isForwardingClosed' | 'isStrict'> {
  const isForwardingClosed =
    intents.some(intent => intent.isForwardingClosed) &&
    intents.every(({ natInterfaces }) => natInterfaces.length === 0);
  return { isForwardingClosed, isStrict: intents.some(({ isStrict }) => isStrict) };
}

/** Routes with a gateway first; a label with a mistake is left out where another has a gateway for its network. */
function gatewaysFirst(routes: readonly Attributed<RouteIntent>[]): Attributed<RouteIntent>[] {
  const valid = routes.filter(({ intent }) => intent.destination);
  const covered = new Set(valid.map(({ intent }) => formatPrefix(intent.network)));
  const others = routes.filter(
    ({ intent }) => !intent.destination && !covered.has(formatPrefix(intent.network)),
  );
  return [...valid, ...others];
}

function ofOne(container: ContainerView, intent: ContainerIntent): MergedIntent {
  const { natInterfaces, inInterfaces, areInInterfacesUnknown, forwards, routes, rules, hostRoutes } = intent;
  return {
    natInterfaces,
    inInterfaces: areInInterfacesUnknown ? natInterfaces : inInterfaces,
    forwards: attribute(container, forwards),
    routes: attribute(container, routes),
    rules: attribute(container, rules),
    hostRoutes: attribute(container, hostRoutes),
    ...anyOf([intent]),
  };
}

function attribute<T>(container: ContainerView, intents: readonly T[]): Attributed<T>[] {
  return intents.map(intent => ({ container, intent }));
}

/** What an intent is about, under which duplicates are found, and what it wants there. */
type DedupKey = readonly [subject: string, value: string];

function forwardKey(forward: ForwardIntent): DedupKey {
  return [forwardSubject(forward), forwardTarget(forward)];
}

function routeKey({ network, destination }: RouteIntent): DedupKey {
  return [formatPrefix(network), destination ? formatDestination(destination) : ''];
}

function ruleKey({ name, rule }: RuleIntent): DedupKey {
  return [name, JSON.stringify(rule)];
}

function dedupe<T extends { readonly key: string }>(
  all: readonly Attributed<T>[],
  keyOf: (intent: T) => DedupKey,
  diagnostics: Diagnostic[],
): Attributed<T>[] {
  const found = new Map<string, { readonly attributed: Attributed<T>; readonly value: string }>();
  for (const attributed of all) {
    const [subject, value] = keyOf(attributed.intent);
    const other = found.get(subject);
    if (!other) {
      found.set(subject, { attributed, value });
    } else if (other.value !== value) {
      const { container, intent } = other.attributed;
      diagnostics.push(
        diagnosticOf(
          attributed,
          `${plain(container.name, 80)} shares this network namespace, and its label ${intent.key} takes precedence: remove one of the two labels`,
        ),
      );
    }
  }
  return [...found.values()].map(({ attributed }) => attributed);
}

/** A diagnostic about the label that an intent comes from. */
export function diagnosticOf(
  { container, intent }: Attributed<{ readonly key: string }>,
  message: string,
): Diagnostic {
  return diagnostic(container.name, intent.key, message);
}

function byKey(a: Attributed<{ readonly key: string }>, b: Attributed<{ readonly key: string }>): number {
  return naturalCompare(a.intent.key, b.intent.key) || compareContainers(a.container, b.container);
}

/** A total order of containers. */
export function compareContainers(a: ContainerView, b: ContainerView): number {
  return naturalCompare(a.name, b.name) || naturalCompare(a.id, b.id);
}

/** Containers that share a network namespace. */
export interface SandboxMembers {
  /** The namespace's key, or the container's id while it is not running. */
  readonly key: string;
  /** First the one that the networks belong to, then the others by name. */
  readonly members: readonly ContainerView[];
  readonly attachments: readonly Attachment[];
}

// Containers that share a network namespace as one: who they are, and what all their labels ask for together. A
// contradiction is reported, and the first counts. Not here: the labels themselves (labels/spec/parse.ts).

import { formatPrefix } from '../../base/ip.js';
import { naturalCompare, plain } from '../../base/plain-text.js';
import type { Attachment, ContainerView } from '../discovery/container.js';
import { formatDestination } from '../spec/destination.js';
import { diagnostic } from '../spec/diagnostics.js';
import { groupBy } from '../spec/group-by.js';
import type {
  ContainerIntent,
  Diagnostic,
  ForwardIntent,
  HostRouteIntent,
  InterfacePattern,
  RouteIntent,
  RuleIntent,
} from '../spec/intent.js';
import { ANY, formatPattern } from '../spec/interface-pattern.js';

/** Something asked for, and whose label it is. */
export interface Attributed<T> {
  readonly container: ContainerView;
  readonly intent: T;
}

/** What the containers of one namespace ask for together. */
export interface MergedIntent {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly Attributed<ForwardIntent>[];
  readonly routes: readonly Attributed<RouteIntent>[];
  /** In the natural order of their names. */
  readonly rules: readonly Attributed<RuleIntent>[];
  readonly hostRoutes: readonly Attributed<HostRouteIntent>[];
  /** As in ContainerIntent, of any of them. */
  readonly isForwardingClosed: boolean;
  readonly isStrict: boolean;
}

/** The containers by their namespaces, sorted by name; each that is not running is alone. */
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
  const asking = members.filter(({ id }) => intents.has(id));
  const [only] = asking;
  // One container's labels are in order and do not contradict each other: labels/spec/parse.ts sees to that.
  if (only && asking.length === 1) return { intent: ofOne(only, intents.get(only.id)!), diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const of = <T>(part: (intent: ContainerIntent) => readonly T[]): Attributed<T>[] =>
    asking.flatMap(container => owned(container, part(intents.get(container.id)!)));
  const { isForwardingClosed, isStrict } = anyOf(asking.map(({ id }) => intents.get(id)!));
  const interfaces = new Map(
    of(({ natInterfaces }) => natInterfaces).map(({ intent }) => [formatPattern(intent), intent]),
  );
  return {
    intent: {
      natInterfaces: [...interfaces].sort(([a], [b]) => naturalCompare(a, b)).map(([, pattern]) => pattern),
      forwards: once(
        of(({ forwards }) => forwards),
        forwardMeaning,
        diagnostics,
      ).sort(byKey),
      routes: once(leadingFirst(of(({ routes }) => routes)), routeMeaning, diagnostics).sort(byKey),
      rules: once(
        of(({ rules }) => rules),
        ruleMeaning,
        diagnostics,
      ).sort(byKey),
      hostRoutes: of(({ hostRoutes }) => hostRoutes),
      isForwardingClosed,
      isStrict,
    },
    diagnostics,
  };
}

function anyOf(intents: readonly ContainerIntent[]): Pick<MergedIntent, 'isForwardingClosed' | 'isStrict'> {
  const isForwardingClosed =
    intents.some(intent => intent.isForwardingClosed) &&
    intents.every(({ natInterfaces }) => natInterfaces.length === 0);
  return { isForwardingClosed, isStrict: intents.some(({ isStrict }) => isStrict) };
}

/** Of a network that another label has a gateway for, a label with a mistake says nothing. */
function leadingFirst(routes: readonly Attributed<RouteIntent>[]): Attributed<RouteIntent>[] {
  const leading = routes.filter(({ intent }) => intent.destination);
  const led = new Set(leading.map(({ intent }) => formatPrefix(intent.network)));
  const others = routes.filter(({ intent }) => !intent.destination && !led.has(formatPrefix(intent.network)));
  return [...leading, ...others];
}

function ofOne(container: ContainerView, intent: ContainerIntent): MergedIntent {
  const { natInterfaces, forwards, routes, rules, hostRoutes } = intent;
  return {
    natInterfaces,
    forwards: owned(container, forwards),
    routes: owned(container, routes),
    rules: owned(container, rules),
    hostRoutes: owned(container, hostRoutes),
    ...anyOf([intent]),
  };
}

function owned<T>(container: ContainerView, intents: readonly T[]): Attributed<T>[] {
  return intents.map(intent => ({ container, intent }));
}

/** What a label is about, and what it says of that. */
type Meaning = readonly [about: string, says: string];

function forwardMeaning({ pattern, port, protocol, destination, destinationPort }: ForwardIntent): Meaning {
  return [
    `${formatPattern(pattern ?? ANY)} ${port}/${protocol}`,
    formatDestination(destination, destinationPort),
  ];
}

function routeMeaning({ network, destination }: RouteIntent): Meaning {
  return [formatPrefix(network), destination ? formatDestination(destination) : ''];
}

function ruleMeaning({ name, rule }: RuleIntent): Meaning {
  return [name, JSON.stringify(rule)];
}

function once<T extends { readonly key: string }>(
  all: readonly Attributed<T>[],
  meaning: (intent: T) => Meaning,
  diagnostics: Diagnostic[],
): Attributed<T>[] {
  const found = new Map<string, { readonly owned: Attributed<T>; readonly says: string }>();
  for (const owned of all) {
    const [about, says] = meaning(owned.intent);
    const other = found.get(about);
    if (!other) {
      found.set(about, { owned, says });
    } else if (other.says !== says) {
      const { container, intent } = other.owned;
      diagnostics.push(
        diagnosticOf(
          owned,
          `${plain(container.name, 80)}, which shares this network namespace, says otherwise with ${intent.key}, and that one counts: remove one of the two labels`,
        ),
      );
    }
  }
  return [...found.values()].map(({ owned }) => owned);
}

/** A mistake in the label of something asked for. */
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
  /** The one whose networks they are first, the others by name. */
  readonly members: readonly ContainerView[];
  readonly attachments: readonly Attachment[];
}

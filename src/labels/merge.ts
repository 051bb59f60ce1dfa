// Containers that share a network namespace as one: who they are, and what all their labels ask for together. A
// contradiction is reported, and the first counts. Not here: the labels themselves (grammar.ts).

import { formatPrefix } from '../ip.js';
import { formatDestination } from './destination.js';
import { mistake } from './mistakes.js';
import type { SandboxMembers } from './names.js';
import { ANY, formatPattern } from './pattern.js';
import { naturalCompare, plain } from './text.js';
import type {
  ContainerIntent,
  ContainerView,
  ForwardIntent,
  HostRouteIntent,
  InterfacePattern,
  Mistake,
  RouteIntent,
  RuleIntent,
} from './words.js';

/** Something asked for, and whose label it is. */
export interface Owned<T> {
  readonly container: ContainerView;
  readonly intent: T;
}

/** What the containers of one namespace ask for together. */
export interface MergedIntent {
  readonly natInterfaces: readonly InterfacePattern[];
  readonly forwards: readonly Owned<ForwardIntent>[];
  readonly routes: readonly Owned<RouteIntent>[];
  /** In the natural order of their names. */
  readonly rules: readonly Owned<RuleIntent>[];
  readonly hostRoutes: readonly Owned<HostRouteIntent>[];
  /** As in ContainerIntent, of any of them. */
  readonly isForwardingClosed: boolean;
  readonly isStrict: boolean;
}

/** The containers by their namespaces, sorted by name; each that is not running is alone. */
export function groupByNamespace(containers: readonly ContainerView[]): SandboxMembers[] {
  const groups = new Map<string, ContainerView[]>();
  for (const container of [...containers].sort(byName)) {
    const key = container.netns?.key ?? container.id;
    const group = groups.get(key);
    if (group) group.push(container);
    else groups.set(key, [container]);
  }
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
): { readonly intent: MergedIntent; readonly mistakes: readonly Mistake[] } {
  const asking = members.filter(({ id }) => intents.has(id));
  const [only] = asking;
  // One container's labels are in order and do not contradict each other: grammar.ts sees to that.
  if (only && asking.length === 1) return { intent: ofOne(only, intents.get(only.id)!), mistakes: [] };
  const mistakes: Mistake[] = [];
  const of = <T>(part: (intent: ContainerIntent) => readonly T[]): Owned<T>[] =>
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
        mistakes,
      ).sort(byKey),
      routes: once(leadingFirst(of(({ routes }) => routes)), routeMeaning, mistakes).sort(byKey),
      rules: once(
        of(({ rules }) => rules),
        ruleMeaning,
        mistakes,
      ).sort(byKey),
      hostRoutes: of(({ hostRoutes }) => hostRoutes),
      isForwardingClosed,
      isStrict,
    },
    mistakes,
  };
}

function anyOf(intents: readonly ContainerIntent[]): Pick<MergedIntent, 'isForwardingClosed' | 'isStrict'> {
  const isForwardingClosed =
    intents.some(intent => intent.isForwardingClosed) &&
    intents.every(({ natInterfaces }) => natInterfaces.length === 0);
  return { isForwardingClosed, isStrict: intents.some(({ isStrict }) => isStrict) };
}

/** Of a network that another label has a gateway for, a label with a mistake says nothing. */
function leadingFirst(routes: readonly Owned<RouteIntent>[]): Owned<RouteIntent>[] {
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

function owned<T>(container: ContainerView, intents: readonly T[]): Owned<T>[] {
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
  all: readonly Owned<T>[],
  meaning: (intent: T) => Meaning,
  mistakes: Mistake[],
): Owned<T>[] {
  const found = new Map<string, { readonly owned: Owned<T>; readonly says: string }>();
  for (const owned of all) {
    const [about, says] = meaning(owned.intent);
    const other = found.get(about);
    if (!other) {
      found.set(about, { owned, says });
    } else if (other.says !== says) {
      const { container, intent } = other.owned;
      mistakes.push(
        mistakeOf(
          owned,
          `${plain(container.name, 80)}, which shares this network namespace, says otherwise with ${intent.key}, and that one counts: remove one of the two labels`,
        ),
      );
    }
  }
  return [...found.values()].map(({ owned }) => owned);
}

/** A mistake in the label of something asked for. */
export function mistakeOf({ container, intent }: Owned<{ readonly key: string }>, message: string): Mistake {
  return mistake(container.name, intent.key, message);
}

function byKey(a: Owned<{ readonly key: string }>, b: Owned<{ readonly key: string }>): number {
  return naturalCompare(a.intent.key, b.intent.key) || byName(a.container, b.container);
}

function byName(a: ContainerView, b: ContainerView): number {
  return naturalCompare(a.name, b.name) || naturalCompare(a.id, b.id);
}

// A ContainerIntent under construction: what the labels say so far, which of them are duplicates, and what a label with a
// mistake keeps closed. Pure. Not here: reading a label (parse.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import { DEFAULT_ROUTES } from './found-networks.js';
import type { ForwardIntent, HostRouteIntent, InterfacePattern, RouteIntent, RuleIntent } from './intent.js';
import { describeClosed, meaningOf } from './misspelt.js';
import { RuleBudget } from './rule-budget.js';

/** Networks that labels with a mistake close in one container; beyond them both default routes, which hold the rest. */
const MAX_CLOSED = 512;

/** A ContainerIntent under construction. */
export interface Reading {
  readonly natInterfaces: InterfacePattern[];
  readonly inInterfaces: InterfacePattern[];
  readonly forwards: ForwardIntent[];
  readonly routes: RouteIntent[];
  readonly rules: RuleIntent[];
  readonly hostRoutes: HostRouteIntent[];
  readonly budget: RuleBudget;
  isForwardingClosed?: true;
  areInInterfacesUnknown?: true;
  isStrict?: true;
  /** The labels so far by what they are about: their key, and where they lead. */
  readonly subjects: Map<string, { readonly key: string; readonly to: string }>;
}

export function newReading(): Reading {
  return {
    natInterfaces: [],
    inInterfaces: [],
    forwards: [],
    routes: [],
    rules: [],
    hostRoutes: [],
    budget: new RuleBudget(),
    subjects: new Map(),
  };
}

export function routeSubject(network: Prefix): string {
  return `route ${formatPrefix(network)}`;
}

/**
 * Whether another label is about the same and leads to the same.
 * @throws UserError when it leads elsewhere
 */
export function isRepeated(subject: string, key: string, to: string, { subjects }: Reading): boolean {
  const other = subjects.get(subject);
  if (!other) {
    subjects.set(subject, { key, to });
    return false;
  }
  if (other.to === to) return true;
  throw new UserError(
    `this label means the same as ${other.key}, which leads to ${other.to}, and that one counts: remove one of the two`,
  );
}

/**
 * Closes what a label with a mistake would have kept closed. To be called after all labels have been read: a valid label
 * takes precedence.
 * @returns how the sentence about the mistake continues
 */
export function failClosed(key: string, message: string, reading: Reading): string {
  const consequence = consequenceOf(key, reading);
  if (consequence === undefined) return '';
  return message.endsWith('?') ? ` Until then ${consequence}` : `; until then ${consequence}`;
}

function consequenceOf(key: string, reading: Reading): string | undefined {
  const meaning = meaningOf(key);
  switch (meaning?.kind) {
    case 'strict':
      reading.isStrict = true;
      return 'it counts as true';
    case 'natInterfaces':
      return reading.natInterfaces.length > 0 ? undefined : closeForwarding(reading);
    case 'inInterfaces':
      if (reading.inInterfaces.length > 0) return undefined;
      reading.areInInterfacesUnknown = true;
      return closeForwarding(reading);
    case 'route':
      return closeNetworks(key, meaning.networks, reading);
    default:
      return undefined;
  }
}

function closeForwarding(reading: Reading): string {
  reading.isForwardingClosed = true;
  return 'the container forwards nothing but what its labels translate';
}

/** Makes networks unreachable that no label leads anywhere, and says so; undefined where there are none. */
export function closeNetworks(
  key: string,
  networks: readonly Prefix[],
  { subjects, routes }: Reading,
): string | undefined {
  const closed = routes.filter(({ destination }) => destination === undefined).length;
  const wanted = closed + networks.length > MAX_CLOSED ? DEFAULT_ROUTES : networks;
  const open = wanted.filter(network => !subjects.has(routeSubject(network)));
  for (const network of open) {
    subjects.set(routeSubject(network), { key, to: '' });
    routes.push({ key, network });
  }
  return open.length > 0 ? describeClosed(open) : undefined;
}

// A ContainerIntent under construction: what the labels say so far, which of them are duplicates, and what a label with a
// mistake keeps closed. Pure. Not here: reading a label (parse.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import type { ForwardIntent, HostRouteIntent, InterfacePattern, RouteIntent, RuleIntent } from './intent.js';
import { NAT_INTERFACES, nearestKey, STRICT } from './label-keys.js';
import { describeClosed, networksMeant } from './misspelt.js';
import { RuleBudget } from './rule-budget.js';

/** A ContainerIntent under construction. */
export interface Reading {
  readonly natInterfaces: InterfacePattern[];
  readonly forwards: ForwardIntent[];
  readonly routes: RouteIntent[];
  readonly rules: RuleIntent[];
  readonly hostRoutes: HostRouteIntent[];
  readonly budget: RuleBudget;
  isForwardingClosed?: true;
  isStrict?: true;
  /** The labels so far by what they are about: their key, and where they lead. */
  readonly subjects: Map<string, { readonly key: string; readonly to: string }>;
}

export function newReading(): Reading {
  return {
    natInterfaces: [],
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
  const near = nearestKey(key);
  if (key === STRICT || near === STRICT) {
    reading.isStrict = true;
    return 'it counts as true';
  }
  if (key === NAT_INTERFACES || near === NAT_INTERFACES) {
    if (reading.natInterfaces.length > 0) return undefined;
    reading.isForwardingClosed = true;
    return 'the container forwards nothing but what its labels translate';
  }
  const networks = networksMeant(key).filter(network => !reading.subjects.has(routeSubject(network)));
  for (const network of networks) {
    reading.subjects.set(routeSubject(network), { key, to: '' });
    reading.routes.push({ key, network });
  }
  return networks.length > 0 ? describeClosed(networks) : undefined;
}

// A ContainerIntent while it is being read: what labels say so far, which of them mean the same, and what a label with a
// mistake leaves closed. Not here: reading a label (parse.ts).

import { UserError } from '../../base/errors.js';
import { formatPrefix, type Prefix } from '../../base/ip.js';
import type { ForwardIntent, HostRouteIntent, InterfacePattern, RouteIntent, RuleIntent } from './intent.js';
import { describeClosed, meaningOf } from './misspelt.js';
import { RuleBudget } from './rule-budget.js';

/** A ContainerIntent while it is being read. */
export interface Reading {
  readonly natInterfaces: InterfacePattern[];
  readonly forwards: ForwardIntent[];
  readonly routes: RouteIntent[];
  readonly rules: RuleIntent[];
  readonly hostRoutes: HostRouteIntent[];
  readonly budget: RuleBudget;
  isForwardingClosed?: true;
  isStrict?: true;
  /** What is there already, by what it means: the label's key, and where it leads. */
  readonly meanings: Map<string, { readonly key: string; readonly to: string }>;
}

export function newReading(): Reading {
  return {
    natInterfaces: [],
    forwards: [],
    routes: [],
    rules: [],
    hostRoutes: [],
    budget: new RuleBudget(),
    meanings: new Map(),
  };
}

export function routeMeaning(network: Prefix): string {
  return `route ${formatPrefix(network)}`;
}

/**
 * Whether another label means the same already and leads to the same.
 * @throws UserError when it leads elsewhere
 */
export function isRepeated(meaning: string, key: string, to: string, { meanings }: Reading): boolean {
  const other = meanings.get(meaning);
  if (!other) {
    meanings.set(meaning, { key, to });
    return false;
  }
  if (other.to === to) return true;
  throw new UserError(
    `this label means the same as ${other.key}, which leads to ${other.to}, and that one counts: remove one of the two`,
  );
}

/**
 * Closes what a label with a mistake would have kept closed. To be called when all labels have been read: one that can be
 * read counts before one that cannot.
 * @returns how the sentence about the mistake goes on
 */
export function closeWith(key: string, message: string, reading: Reading): string {
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
      if (reading.natInterfaces.length > 0) return undefined;
      reading.isForwardingClosed = true;
      return 'the container forwards nothing but what its labels translate';
    case 'route':
      return closeNetworks(key, meaning.networks, reading);
    default:
      return undefined;
  }
}

/** Makes networks unreachable that no label leads anywhere, and says so; undefined where there are none. */
export function closeNetworks(
  key: string,
  networks: readonly Prefix[],
  { meanings, routes }: Reading,
): string | undefined {
  const open = networks.filter(network => !meanings.has(routeMeaning(network)));
  for (const network of open) {
    meanings.set(routeMeaning(network), { key, to: '' });
    routes.push({ key, network });
  }
  return open.length > 0 ? describeClosed(open) : undefined;
}
